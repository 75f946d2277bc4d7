/* history.h - random histories: what shops, buyers, gateways and operators might send, and what
 * they should not.
 *
 * A history is made command by command from (seed, number) with a look at the oracle, so that most
 * commands are about something that is there; each history draws its own taste (swarm testing):
 * kinds that it leaves out, stock modes, sizes, the pace of time. What was made is kept in
 * canonical bytes, so that it can be played again without the generator, and with commands left
 * out. It stays below every capacity and within the horizon of ids.
 */
#ifndef ORDO_TESTS_ORACLE_HISTORY_H
#define ORDO_TESTS_ORACLE_HISTORY_H

#include "oracle_parts.h"

#define HISTORY_COMMANDS_MAX 2000
#define HISTORY_ORDERS_MAX   40
#define HISTORY_BYTES_MAX    (8u << 20)
#define HISTORY_KINDS        (ORDO_KIND_SUBSCRIBER_DROP + 1)

struct history_item {
    uint64_t time_us;
    uint32_t offset; /* of the canonical bytes */
    uint32_t size;
};

struct history {
    uint64_t random;
    uint32_t length; /* commands that it is to have */
    uint64_t begin_us;
    uint64_t time_us;
    uint64_t next_id;
    uint32_t next_trade;
    uint32_t weights[HISTORY_KINDS];
    uint32_t weight_sum;
    uint32_t orders;
    uint32_t buyers;
    uint32_t second_keys;
    uint32_t products;
    uint32_t channels;
    uint32_t merchants;
    uint32_t coupons;
    uint32_t quantity_max;
    uint32_t import_max;
    bool crowd;         /* many wait for few units, then many units come at once */
    uint32_t plenty;    /* free units of a product from which on none are added */
    uint32_t pace;      /* of time, 0 stands nearly still */
    uint32_t adversity; /* of 64: how often something is wrong on purpose */
    uint32_t options_mask;
    uint32_t modes[O_PRODUCTS_MAX];
    uint32_t text_count;
    char texts[64][ORDO_TRADE_NO_MAX + 1];
    uint8_t keys[4][ORDO_ID_SIZE];
    uint8_t blob[ORDO_COMMAND_SIZE_MAX];
    uint8_t *bytes; /* HISTORY_BYTES_MAX */
    uint32_t used;
    uint32_t count;
    struct history_item items[HISTORY_COMMANDS_MAX];
};

/* history->bytes is the caller's and stays. */
void history_begin(struct history *h, uint64_t seed, uint64_t number);

/* Appends the next command; the oracle stands after the last one. */
void history_next(struct history *h, struct oracle *o);

/* The settings under which every history runs: the smallest that it cannot reach. */
struct ordo_settings_values history_settings(void);

/* Reads an item again; texts point into the history. */
void history_read(const struct history *h, uint32_t index, struct ordo_command *command);

/* For the makers of commands. Below: a number under bound, 0 for bound 0. */
uint32_t history_below(struct history *h, uint32_t bound);
bool history_chance(struct history *h, uint32_t of_64);
struct ordo_bytes history_text(struct history *h, const char *prefix, uint32_t number);

/* commands.c: fills command->kind, shop and the content. */
void history_make(struct history *h, struct oracle *o, struct ordo_command *command);
void history_fill_create(
    struct history *h, struct oracle *o, uint32_t shop, uint32_t nth, struct ordo_create *c);

/* commands_readers.c */
void history_make_reader(struct history *h, struct oracle *o, struct ordo_command *command);

/* commands_money.c */
void history_make_fact(struct history *h, struct oracle *o, struct ordo_command *command);
void history_make_verb(struct history *h, struct oracle *o, struct ordo_command *command);

#endif
