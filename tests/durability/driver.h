/* driver.h - a producer in front of a real journal: what a record holds follows from its sequence
 * and from the life that wrote it, so every record that comes back can be compared, and one that
 * was cut off cannot pass for its successor.
 */
#ifndef ORDO_TESTS_DURABILITY_DRIVER_H
#define ORDO_TESTS_DURABILITY_DRIVER_H

#include "journal/hooks.h"
#include "journal/journal.h"
#include "ring/sequencer.h"
#include "simfs.h"

#define DRIVER_SEQ_MAX  (1u << 16) /* sequences whose life is remembered */
#define DRIVER_CAPACITY 256
#define DRIVER_TIME_US  1700000000000000ull

struct driver {
    struct ordo_journal_config config;
    struct ordo_journal_hooks hooks;
    struct ordo_journal *journal;
    struct ordo_recovery recovery;
    struct ordo_fail fail;
    struct ordo_arena arena;
    struct ordo_ring ring;
    struct ordo_sequencer sequencer;
    struct ordo_stage stage;
    uint64_t now_ns; /* the fake clock */
    struct sim_random salts;
    uint32_t size_max; /* of a command and of an outcome */
    uint8_t *lives;    /* which life wrote a sequence; 0 = nobody */
    uint8_t *before;   /* the same when the present life began */
    bool began;        /* the present life's recovery was over: lives counts, not before */
    uint8_t life;
    uint64_t seq; /* the last journaled */
    uint64_t update_seq;
    uint64_t seq_at[2 * DRIVER_CAPACITY]; /* the last journaled one at a cursor */
    uint64_t acked;                       /* the last acknowledged */
    uint64_t visited;
    uint64_t visited_updates;
};

/* A fake clock, small segments; dir, sizes and backend are the caller's. */
void driver_init(struct driver *driver, const char *dir, uint64_t seed);
void driver_fini(struct driver *driver);

/* Opens and recovers; the journal is closed again when that fails. Every record is compared:
 * DAMAGED with the text "not what was written" when one differs. */
enum ordo_err driver_recover(struct driver *driver);

/* Begins the next life behind what was recovered. */
enum ordo_err driver_attach(struct driver *driver);

/* Puts one record (or a query) into the ring; false while it is full. */
bool driver_push(struct driver *driver, bool journaled);

/* One duty cycle; true when more was acknowledged. */
bool driver_work(struct driver *driver);

void driver_close(struct driver *driver);

#endif
