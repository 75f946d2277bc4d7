/* See driver.h. */
#include "driver.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

static uint64_t fake_monotonic(void *context)
{
    return ((const struct driver *)context)->now_ns;
}

static void fake_random(void *context, uint8_t *out, size_t size)
{
    struct driver *driver = context;
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)sim_random(&driver->salts, 256);
    }
}

void driver_init(struct driver *driver, const char *dir, uint64_t seed)
{
    *driver = (struct driver){
        .salts = {seed ^ 0x5a17},
        .size_max = 120,
        .lives = calloc(1, DRIVER_SEQ_MAX),
        .before = calloc(1, DRIVER_SEQ_MAX),
        .began = true,
        .config = {.dir = dir},
        .hooks = {.allow_small = true},
    };
    ORDO_ASSERT(driver->lives != NULL && driver->before != NULL);
    driver->hooks.clock = (struct ordo_clock){.monotonic_ns = fake_monotonic, .context = driver};
    driver->hooks.random = fake_random;
    driver->hooks.context = driver;
    driver->config.hooks = &driver->hooks;
    ordo_arena_init(&driver->arena);
}

void driver_fini(struct driver *driver)
{
    driver_close(driver);
    free(driver->lives);
    free(driver->before);
}

/* What the record of a sequence holds. */
struct content {
    uint8_t command[512];
    uint8_t outcome[512];
    uint32_t command_size;
    uint32_t outcome_size;
    uint8_t updates;
};

static void fill(uint8_t *out, uint32_t size, struct sim_random *random)
{
    for (uint32_t i = 0; i < size; i += 8) {
        uint64_t word = sim_random64(random);
        memcpy(out + i, &word, size - i < 8 ? size - i : 8);
    }
}

static void make_content(const struct driver *driver, uint64_t seq, uint8_t life, struct content *c)
{
    struct sim_random random = {seq << 8 | life};
    c->command_size = 5 + sim_random(&random, driver->size_max);
    c->outcome_size = sim_random(&random, driver->size_max);
    c->updates = (uint8_t)sim_random(&random, 4);
    fill(c->command, c->command_size, &random);
    fill(c->outcome, c->outcome_size, &random);
}

static bool holds(struct ordo_bytes bytes, const uint8_t *wanted, uint32_t size)
{
    return bytes.size == size && (size == 0 || memcmp(bytes.data, wanted, size) == 0);
}

static enum ordo_err visit(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    struct driver *driver = context;
    struct content c;
    const uint8_t *lives = driver->began ? driver->lives : driver->before;
    uint64_t seq = driver->visited + 1;
    if (record->seq != seq || seq >= DRIVER_SEQ_MAX || lives[seq] == 0) {
        return ordo_fail_set(
            fail, ORDO_ERR_DAMAGED, "not what was written: sequence %lu", record->seq);
    }
    make_content(driver, seq, lives[seq], &c);
    driver->visited = seq;
    driver->visited_updates += c.updates;
    if (!holds(record->command, c.command, c.command_size) ||
        !holds(record->outcome, c.outcome, c.outcome_size) || record->update_count != c.updates ||
        record->time_us != DRIVER_TIME_US + seq / 3 ||
        record->update_seq != driver->visited_updates) {
        return ordo_fail_set(
            fail, ORDO_ERR_DAMAGED, "not what was written: the record of sequence %lu", seq);
    }
    return ORDO_OK;
}

enum ordo_err driver_recover(struct driver *driver)
{
    driver->visited = 0;
    driver->visited_updates = 0;
    driver->fail = (struct ordo_fail){0};
    enum ordo_err err = ordo_journal_open(&driver->config, &driver->journal, &driver->fail);
    if (err != ORDO_OK) {
        driver->journal = NULL;
        return err;
    }
    err = ordo_journal_recover(driver->journal, 0, visit, driver, &driver->recovery, &driver->fail);
    if (err != ORDO_OK) {
        ordo_journal_close(driver->journal);
        driver->journal = NULL;
    }
    return err;
}

enum ordo_err driver_attach(struct driver *driver)
{
    static const uint8_t stream_hash[16] = {0x5a};
    driver->seq = driver->acked = driver->recovery.seq_last;
    driver->update_seq = driver->recovery.update_seq_last;
    memcpy(driver->before, driver->lives, DRIVER_SEQ_MAX);
    memset(driver->lives + driver->seq + 1, 0, DRIVER_SEQ_MAX - 1 - driver->seq);
    driver->life++;
    enum ordo_err err = ordo_ring_init(
        &driver->ring, &driver->arena, DRIVER_CAPACITY, 1 << 18, 1 << 18, &driver->fail);
    if (err != ORDO_OK) {
        return err;
    }
    ordo_sequencer_init(&driver->sequencer, &driver->ring);
    ordo_stage_init(&driver->stage, "journal", &driver->ring, 0);
    ordo_barrier_add(&driver->stage.barrier, &driver->sequencer.published);
    ordo_barrier_add(&driver->sequencer.gate, &driver->stage.sequence);
    return ordo_journal_attach(driver->journal, &driver->stage, stream_hash, &driver->fail);
}

static uint64_t
put(struct ordo_byte_ring *ring, uint64_t released, const uint8_t *data, uint32_t size)
{
    uint64_t position;
    uint8_t *room = ordo_byte_ring_reserve(ring, released, size, &position);
    ORDO_ASSERT(room != NULL);
    memcpy(room, data, size);
    ordo_byte_ring_commit(ring, position, size);
    return position;
}

bool driver_push(struct driver *driver, bool journaled)
{
    uint64_t cursor;
    if (ordo_sequencer_claim(&driver->sequencer, 1, &cursor) == 0) {
        return false;
    }
    struct ordo_slot *slot = ordo_ring_slot(&driver->ring, cursor);
    *slot = (struct ordo_slot){
        .seq = driver->seq, .time_us = DRIVER_TIME_US, .command_at = driver->ring.commands.head};
    if (journaled) {
        struct content c;
        uint64_t seq = ++driver->seq;
        ORDO_ASSERT(seq < DRIVER_SEQ_MAX);
        driver->lives[seq] = driver->life;
        make_content(driver, seq, driver->life, &c);
        slot->flags = ORDO_SLOT_JOURNALED;
        slot->seq = seq;
        slot->time_us = DRIVER_TIME_US + seq / 3;
        slot->command_size = c.command_size;
        slot->outcome_size = c.outcome_size;
        slot->update_count = c.updates;
        driver->update_seq += c.updates;
        slot->command_at =
            put(&driver->ring.commands,
                ordo_sequencer_command_released(&driver->sequencer),
                c.command,
                c.command_size);
        uint64_t head = driver->ring.outcomes.head;
        uint64_t released = head > 1 << 17 ? head - (1 << 17) : 0; /* more than a ring refers to */
        slot->outcome_at = put(&driver->ring.outcomes, released, c.outcome, c.outcome_size);
        memset(ordo_ring_mark(&driver->ring, cursor), (int)(seq & 0xff), ORDO_RING_MARK_SIZE);
    }
    slot->update_seq = driver->update_seq;
    driver->seq_at[cursor % (2 * DRIVER_CAPACITY)] = driver->seq;
    ordo_sequencer_publish(&driver->sequencer, cursor);
    return true;
}

bool driver_work(struct driver *driver)
{
    (void)ordo_journal_do_work(driver->journal);
    uint64_t cursor = ordo_sequence_own(&driver->stage.sequence);
    uint64_t acked = cursor == 0 ? driver->acked : driver->seq_at[cursor % (2 * DRIVER_CAPACITY)];
    ORDO_ASSERT(acked >= driver->acked);
    bool more = acked > driver->acked;
    driver->acked = acked;
    return more;
}

void driver_close(struct driver *driver)
{
    if (driver->journal != NULL) {
        ordo_journal_close(driver->journal);
        driver->journal = NULL;
    }
    ordo_arena_fini(&driver->arena);
    ordo_arena_init(&driver->arena);
}
