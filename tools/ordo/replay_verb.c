/* `ordo replay DIR`: decide every journaled command again and compare, up to a sequence, and give
 * the digest of the state there. Two nodes with the same digest at the same sequence have the same
 * state.
 */
#include "base/clock.h"
#include "cli.h"
#include "journal.h"
#include "replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PROGRESS_EVERY 100000

struct run {
    struct ordo_arena arena;
    struct ordo_replay replay;
    uint64_t seq;
    uint64_t update_seq;
};

static enum ordo_err
replay_all(struct run *run, const struct ordo_journal_options *options, struct ordo_fail *fail)
{
    struct ordo_journal_reader *reader;
    const struct ordo_record *records;
    uint32_t count;
    enum ordo_err err = ordo_journal_reader_open(options->dir, 0, &reader, fail);

    if (err != ORDO_OK) {
        return ordo_cli_explain_trim(options->dir, err, fail);
    }
    while (run->seq < options->upto) {
        err = ordo_journal_reader_next_many(reader, &records, &count, fail);
        if (err != ORDO_OK) {
            break;
        }
        if (count > options->upto - run->seq) {
            count = (uint32_t)(options->upto - run->seq);
        }
        err = ordo_replay_records(&run->replay, records, count, fail);
        if (err != ORDO_OK) {
            break;
        }
        run->seq = records[count - 1].seq;
        run->update_seq = records[count - 1].update_seq;
        if (run->seq % PROGRESS_EVERY < count && ordo_cli_progress()) {
            (void)fprintf(stderr, "\rsequence %" PRIu64 " ", run->seq);
        }
    }
    ordo_journal_progress_end();
    ordo_journal_reader_close(reader);
    if (err != ORDO_OK && err != ORDO_ERR_EMPTY) {
        return err;
    }
    if (run->seq == 0 || (options->upto != UINT64_MAX && run->seq < options->upto)) {
        return ordo_fail_set(
            fail, ORDO_ERR_NOT_FOUND, "%s ends at sequence %" PRIu64, options->dir, run->seq);
    }
    return ORDO_OK;
}

int ordo_verb_replay(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"until", 't', "SEQ", 0, "End with this sequence", 0},
        {"digest", 'd', NULL, 0, "Print the digest of the state", 0},
        ORDO_JOURNAL_JSON,
        {0},
    };
    static struct run run; /* an outcome: too much for the stack */
    struct ordo_journal_options options = {.takes_two = false};
    struct ordo_fail fail = {.err = ORDO_OK};
    char digest[33] = "";

    if (!ordo_journal_parse(
            table,
            "DIR",
            "Decide every command of the journal in DIR again; each must come to the bytes that "
            "were journaled. Exit 3 names the sequence where it does not.",
            argc,
            argv,
            &options)) {
        return ORDO_EXIT_USAGE;
    }
    ordo_arena_init(&run.arena);
    ordo_replay_init(&run.replay, &run.arena);
    struct ordo_clock clock = ordo_clock_system();
    uint64_t begin_ns = ordo_clock_monotonic_ns(&clock);
    enum ordo_err err = replay_all(&run, &options, &fail);
    double seconds = (double)(ordo_clock_monotonic_ns(&clock) - begin_ns) / 1e9;
    if (err == ORDO_OK && options.digest) {
        struct ordo_hash128 hash = ordo_state_digest_full(run.replay.state);
        (void)snprintf(digest, sizeof(digest), "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
    }
    ordo_arena_fini(&run.arena);
    if (err != ORDO_OK) {
        return ordo_cli_fail_with(&fail);
    }
    if (options.json) {
        (void)printf(
            "{\"seq\": %" PRIu64 ", \"update_seq\": %" PRIu64 ", \"records\": %" PRIu64
            ", \"seconds\": %.3f, \"digest\": \"%s\"}\n",
            run.seq,
            run.update_seq,
            run.replay.records,
            seconds,
            digest);
    } else {
        (void)printf(
            "replay: %" PRIu64 " records up to seq %" PRIu64
            " decided again, equal; %.0f a second\n",
            run.replay.records,
            run.seq,
            (double)run.replay.records / (seconds > 0 ? seconds : 1));
        if (options.digest) {
            (void)printf("digest: %s\n", digest);
        }
    }
    return ORDO_EXIT_OK;
}
