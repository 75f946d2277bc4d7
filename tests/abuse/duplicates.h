/* duplicates.h - the two halves of R25: the story that is told (duplicates_story.c) and the engine
 * that hears it (duplicates.c).
 */
#ifndef ORDO_TESTS_ABUSE_DUPLICATES_H
#define ORDO_TESTS_ABUSE_DUPLICATES_H

#include "report.h"

#include "base/arena.h"
#include "base/hash.h"
#include "order/state.h"

#define BEGIN_US             1700000000000000ull
#define DAY_US               86400000000ull
#define SECOND_US            1000000ull
#define SPAN_US              (30 * DAY_US - 3600 * SECOND_US) /* within the horizon of ids */
#define COPIES_MAX           5
#define CARDS_AN_IMPORT      200
#define CARD_SIZE            60
#define ORDERS_A_CARD_IMPORT 400 /* half of the orders want a card */
#define RESTARTS             3
#define PRICE                1990
#define CNY                  156
#define CARD_PRODUCT         1
#define COUNTED_PRODUCT      2
#define TICKS_MAX            100000

struct event {
    uint8_t kind;
    uint8_t variant; /* of a payment: the first or a second one */
    uint32_t order;  /* or the number of an import, or the product */
    uint64_t time_us;
    bool decided;
    struct ordo_result result; /* of the first delivery */
};

struct delivery {
    uint64_t time_us;
    uint32_t event;
    uint32_t copy;
};

/* A journaled command with its outcome. */
struct record {
    uint64_t time_us;
    uint64_t at;
    uint32_t command_size;
    uint32_t outcome_size;
};

struct world {
    struct report *report;
    uint64_t random;
    struct event *events;
    uint32_t event_count;
    uint32_t orders;
    struct delivery *deliveries;
    uint32_t delivery_count;
    struct ordo_settings_values settings;
    struct ordo_arena arena;
    struct ordo_state *state;
    struct record *records;
    uint64_t record_count;
    uint64_t records_max;
    uint8_t *tape;
    uint64_t tape_size;
    uint64_t tape_max;
    uint8_t *completed; /* of each order: how often it was issued */
    uint8_t *bound;     /* of each card */
    uint32_t cards;
    int64_t received;
    uint64_t repeats;
    uint64_t ticks;
    struct ordo_command command;
    char texts[4][ORDO_TRADE_NO_MAX + 1];
    uint8_t buyer[ORDO_ID_SIZE];
    uint8_t lists[CARDS_AN_IMPORT * (CARD_SIZE + 2)];
    uint8_t bytes[ORDO_COMMAND_SIZE_MAX];
    uint8_t outcome_bytes[ORDO_OUTCOME_SIZE_MAX];
    uint32_t size;
    struct ordo_outcome outcome;
    struct ordo_applied applied;
};

/* A number of 53 bits, and a yes in so many of 100 cases. */
uint64_t draw(struct world *w);
bool chance(struct world *w, uint32_t percent);

/* The events of report->cases_wanted ids, and their deliveries in the order of time; the caller
 * has made room for both. */
void make_story(struct world *w);

/* world->command for a copy of an event: the same content for every copy, only stamps tell them
 * apart. */
void fill(struct world *w, uint32_t index, uint32_t copy, uint64_t time_us);

#endif
