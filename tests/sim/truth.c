#include "truth.h"

#include "history.h"
#include "trace.h"

#include "host.h"

#include "base/assert.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The reference is a pair of the domain's own rig: a second engine and the oracle, which compare
 * themselves with each other at every command. What the node decided is held against that engine
 * byte by byte, so three must agree.
 */

struct record {
    uint64_t time_us;
    uint32_t command_at;
    uint32_t command_size;
    uint32_t outcome_size; /* right behind the command */
    uint64_t update_seq;
};

static struct {
    struct pair pair;
    bool ready;
    struct record *records; /* of sequence i at i - 1 */
    uint64_t count;
    uint8_t *bytes;
    size_t used;
    uint64_t fed;
    uint64_t acked;
    uint64_t published;
    uint64_t visited; /* by the recovery under way */
    uint64_t time_us;
    uint64_t hash;
    bool failed;
    char why[1024];
} truth;

struct truth_counts truth_counts;

void *__real_malloc(size_t size);

void truth_fail(const char *format, ...)
{
    va_list rest;
    if (truth.failed) {
        return;
    }
    va_start(rest, format);
    (void)vsnprintf(truth.why, sizeof(truth.why), format, rest);
    va_end(rest);
    truth.failed = true;
}

bool truth_failed(void)
{
    return truth.failed;
}

const char *truth_why(void)
{
    return truth.why;
}

bool truth_begin(void)
{
    struct ordo_settings_values settings = history_settings();
    if (!truth.ready) {
        truth.records = malloc(TRUTH_RECORDS_MAX * sizeof(*truth.records));
        truth.bytes = malloc(TRUTH_BYTES_MAX);
        truth.ready = truth.records != NULL && truth.bytes != NULL;
        truth.ready = truth.ready && pair_init(&truth.pair, &settings);
    }
    if (!truth.ready) {
        return false;
    }
    pair_begin(&truth.pair);
    truth.count = truth.fed = truth.acked = truth.published = truth.visited = 0;
    truth.used = 0;
    truth.failed = false;
    truth.hash = 0;
    return true;
}

struct oracle *truth_oracle(void)
{
    return truth.pair.oracle;
}

/* ---- decisions ---- */

static struct ordo_bytes command_of(const struct record *r)
{
    return (struct ordo_bytes){truth.bytes + r->command_at, r->command_size};
}

static struct ordo_bytes outcome_of(const struct record *r)
{
    return (struct ordo_bytes){truth.bytes + r->command_at + r->command_size, r->outcome_size};
}

void truth_decided(
    uint64_t time_us,
    struct ordo_bytes command,
    struct ordo_bytes outcome,
    const struct ordo_applied *applied)
{
    if (applied->seq != truth.count + 1) {
        truth_fail("sequence %" PRIu64 " was decided behind %" PRIu64, applied->seq, truth.count);
        return;
    }
    ORDO_ASSERT(truth.count < TRUTH_RECORDS_MAX);
    ORDO_ASSERT(truth.used + command.size + outcome.size <= TRUTH_BYTES_MAX);
    struct record *r = &truth.records[truth.count++];
    *r = (struct record){
        .time_us = time_us,
        .command_at = (uint32_t)truth.used,
        .command_size = command.size,
        .outcome_size = outcome.size,
        .update_seq = applied->update_seq,
    };
    memcpy(truth.bytes + truth.used, command.data, command.size);
    memcpy(truth.bytes + truth.used + command.size, outcome.data, outcome.size);
    truth.used += command.size + outcome.size;
}

void truth_replayed(
    uint64_t time_us,
    struct ordo_bytes command,
    struct ordo_bytes outcome,
    const struct ordo_applied *applied)
{
    uint64_t seq = applied->seq;
    if (seq == 0 || seq > truth.count) {
        truth_fail("the journal has sequence %" PRIu64 ", which nobody decided", seq);
        return;
    }
    const struct record *r = &truth.records[seq - 1];
    if (r->time_us != time_us || !ordo_bytes_equal(command_of(r), command) ||
        !ordo_bytes_equal(outcome_of(r), outcome)) {
        truth_fail("the journal has something else at sequence %" PRIu64, seq);
    }
    truth.visited = seq;
}

void truth_acked(uint64_t seq)
{
    truth.acked = seq > truth.acked ? seq : truth.acked;
}

void truth_published(uint64_t update_seq)
{
    truth.published = update_seq > truth.published ? update_seq : truth.published;
}

/* ---- the oracle ---- */

static void feed_one(uint64_t seq)
{
    const struct record *r = &truth.records[seq - 1];
    struct ordo_bytes command = command_of(r);
    struct ordo_bytes outcome = outcome_of(r);
    bool same = pair_apply(&truth.pair, r->time_us, command);
    if (trace_on) {
        pair_print_command(r->time_us, command);
        pair_print_answers(&truth.pair);
    }
    if (!same) {
        truth_fail("oracle, sequence %" PRIu64 ": %s", seq, truth.pair.why);
        return;
    }
    const struct ordo_applied *applied = &truth.pair.applied;
    struct ordo_bytes reference = {truth.pair.bytes, outcome.size};
    if (applied->seq != seq || applied->update_seq != r->update_seq ||
        !ordo_bytes_equal(reference, outcome)) {
        truth_fail("sequence %" PRIu64 " was decided otherwise by the reference", seq);
    }
    truth.time_us = r->time_us;
    truth.hash = ordo_hash64(outcome.data, outcome.size, truth.hash ^ seq);
    truth_counts.commands++;
}

void truth_durable(uint64_t seq)
{
    if (seq > truth.count) {
        truth_fail("sequence %" PRIu64 " is durable and was not decided", seq);
        return;
    }
    while (truth.fed < seq && !truth.failed) {
        feed_one(++truth.fed);
    }
}

void truth_compare(struct ordo_state *state)
{
    struct ordo_head_values head;
    ordo_state_head(state, &head);
    if (head.seq != truth.fed || truth.failed) {
        return;
    }
    struct ordo_hash128 a = ordo_state_digest(state);
    struct ordo_hash128 b = ordo_state_digest(truth.pair.state);
    truth_counts.digests++;
    if (a.low != b.low || a.high != b.high) {
        truth_fail("the state at sequence %" PRIu64 " is not the reference's", head.seq);
    }
}

void truth_dump(void)
{
    truth_counts.dumps++;
    if (!truth.failed && !pair_dump(&truth.pair, truth.time_us)) {
        truth_fail("dump at sequence %" PRIu64 ": %s", truth.fed, truth.pair.why);
    }
}

/* ---- restarts ---- */

void truth_recovered(uint64_t seq, struct ordo_state *state, bool lawful_cut)
{
    struct ordo_fail fail = {.err = ORDO_OK};
    uint64_t wanted = truth.acked > truth.fed ? truth.acked : truth.fed;
    uint64_t updates = seq == 0 ? 0 : truth.records[seq - 1].update_seq;
    if (lawful_cut && seq < wanted) {
        return; /* the world ends with it */
    }
    if (seq > truth.count) {
        truth_fail("recovered up to %" PRIu64 ", decided %" PRIu64, seq, truth.count);
    } else if (seq < truth.acked) {
        truth_fail("acknowledged up to %" PRIu64 ", recovered up to %" PRIu64, truth.acked, seq);
    } else if (seq < truth.fed) {
        truth_fail("durable up to %" PRIu64 ", recovered up to %" PRIu64, truth.fed, seq);
    } else if (updates < truth.published) {
        truth_fail(
            "published up to update %" PRIu64 ", recovered up to %" PRIu64,
            truth.published,
            updates);
    }
    if (truth.failed) {
        return;
    }
    truth_counts.forgotten += truth.count - seq;
    truth.count = seq;
    truth.used = 0;
    if (seq != 0) {
        const struct record *r = &truth.records[seq - 1];
        truth.used = (size_t)r->command_at + r->command_size + r->outcome_size;
    }
    truth_durable(seq);
    truth_compare(state);
    if (!truth.failed && ordo_state_check(state, &fail) != ORDO_OK) {
        truth_fail("the recovered state at sequence %" PRIu64 ": %s", seq, fail.text);
    }
}

uint64_t truth_decided_seq(void)
{
    return truth.count;
}

uint64_t truth_durable_seq(void)
{
    return truth.fed;
}

uint64_t truth_acked_seq(void)
{
    return truth.acked;
}

bool truth_is_update(uint64_t update_seq, uint64_t seq)
{
    if (seq == 0 || seq > truth.count) {
        return false;
    }
    uint64_t before = seq == 1 ? 0 : truth.records[seq - 2].update_seq;
    return update_seq > before && update_seq <= truth.records[seq - 1].update_seq;
}

struct ordo_head_values truth_head(void)
{
    struct ordo_head_values head;
    ordo_state_head(truth.pair.state, &head);
    return head;
}

uint64_t truth_hash(void)
{
    return truth.hash;
}
