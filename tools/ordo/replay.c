#include "replay.h"

#include "base/failpoint.h"
#include "order/query.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void ordo_replay_init(struct ordo_replay *replay, struct ordo_arena *arena)
{
    replay->arena = arena;
    replay->state = NULL;
    replay->records = 0;
    replay->mark = NULL;
}

/* The first record makes the engine: a settings command with the capacities. */
static enum ordo_err
begin(struct ordo_replay *replay, const struct ordo_record *record, struct ordo_fail *fail)
{
    struct ordo_command command;
    struct ordo_settings_values values;

    if (!ordo_command_decode(record->command, &command) || command.kind != ORDO_KIND_SETTINGS) {
        return ordo_fail_set(
            fail, ORDO_ERR_DAMAGED, "the first record is no settings command: no genesis");
    }
    const struct ordo_elements *pairs = &command.settings.pairs;
    struct ordo_reader in = ordo_reader_over(pairs->raw.data, pairs->raw.size);
    ordo_settings_standard(&values);
    for (uint32_t i = 0; i < pairs->count; i++) {
        uint64_t key = ordo_read_varint(&in);
        int64_t value = ordo_read_zigzag(&in);
        const struct ordo_setting *setting = ordo_setting_of(key);
        if (setting == NULL || ordo_settings_set(&values, setting, value) != ORDO_OK) {
            return ordo_fail_set(
                fail,
                ORDO_ERR_DAMAGED,
                "the genesis has setting %" PRIu64 " = %" PRId64,
                key,
                value);
        }
    }
    return ordo_state_create(replay->arena, &values, &replay->state, fail);
}

static void name_outcome(struct ordo_bytes bytes, uint64_t seq, char *text, size_t size)
{
    struct ordo_reader in = ordo_reader_over(bytes.data, bytes.size);
    struct ordo_result result;

    if (!ordo_result_decode(&in, seq, &result)) {
        (void)snprintf(text, size, "(%u bytes that are no outcome)", bytes.size);
        return;
    }
    (void)snprintf(
        text,
        size,
        "%s %s v%u %s (%u bytes)",
        ordo_result_name(result.code),
        ordo_state_name(result.state),
        result.version,
        ordo_disposition_name(result.disposition),
        bytes.size);
}

enum ordo_err ordo_replay_record(
    struct ordo_replay *replay, const struct ordo_record *record, struct ordo_fail *fail)
{
    if (replay->state == NULL) {
        enum ordo_err err = begin(replay, record, fail);
        if (err != ORDO_OK) {
            return err;
        }
    }
    struct ordo_writer out = ordo_writer_over(replay->outcome, sizeof(replay->outcome));
    struct ordo_applied applied;
    if (replay->mark != NULL) {
        ordo_put_le64(replay->mark, record->seq);
    }
    ORDO_FAILPOINT("recover.apply");
    ordo_apply(replay->state, record->time_us, record->command, &out, &applied);
    struct ordo_bytes bytes = {replay->outcome, (uint32_t)ordo_writer_size(&out)};
    if (!out.failed && applied.journaled && applied.seq == record->seq &&
        applied.update_seq == record->update_seq && ordo_bytes_equal(bytes, record->outcome)) {
        replay->records++;
        return ORDO_OK;
    }
    char journaled[160];
    char decided[160];
    name_outcome(record->outcome, record->seq, journaled, sizeof(journaled));
    name_outcome(bytes, record->seq, decided, sizeof(decided));
    return ordo_fail_set(
        fail,
        ORDO_ERR_DIVERGED,
        "DIVERGED at seq %" PRIu64 ": journaled %s, this build decides %s%s",
        record->seq,
        journaled,
        decided,
        applied.journaled ? "" : " and would not journal it");
}

enum ordo_err ordo_replay_records(
    struct ordo_replay *replay,
    const struct ordo_record *records,
    uint32_t count,
    struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_OK;
    uint32_t i = 0;
    if (replay->state == NULL && count != 0) {
        err = ordo_replay_record(replay, &records[i++], fail);
    }
    for (uint32_t ahead = i; err == ORDO_OK && i < count; i++) {
        while (ahead < count && ahead - i <= ORDO_APPLY_AHEAD) {
            ordo_apply_prefetch(replay->state, records[ahead++].command);
            if (ahead == count) {
                ordo_apply_prefetch_end(replay->state);
            }
        }
        err = ordo_replay_record(replay, &records[i], fail);
    }
    if (replay->mark != NULL) {
        ordo_put_le64(replay->mark, 0); /* who dies while it reads or repairs, died of no record */
    }
    return err;
}

enum ordo_err ordo_replay_visit(
    void *replay, const struct ordo_record *records, uint32_t count, struct ordo_fail *fail)
{
    return ordo_replay_records(replay, records, count, fail);
}
