/* A cursor is state, so it stands in the snapshot; what the journal says behind it is followed here
 * by the three commands that move a cursor, as engine/order/README.md section 12 has them. Deciding
 * the whole journal again would need the memory of a second node beside the first.
 */
#include "cursors.h"

#include "journal/journal.h"
#include "journal/snapshot.h"
#include "order/image.h"
#include "order/outcome.h"
#include "restart.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct ordo_cursor *
find(const struct ordo_cursors *cursors, uint32_t shop, struct ordo_bytes name)
{
    for (uint32_t i = 0; i < cursors->count; i++) {
        struct ordo_cursor *cursor = &cursors->list[i];
        if (cursor->shop == shop && strlen(cursor->name) == name.size &&
            memcmp(cursor->name, name.data, name.size) == 0) {
            return cursor;
        }
    }
    return NULL;
}

/* A new one behind the others; NULL when memory is out. */
static struct ordo_cursor *add(struct ordo_cursors *cursors, uint32_t shop, struct ordo_bytes name)
{
    ORDO_ASSERT(name.size <= ORDO_SUBSCRIBER_MAX);
    if (cursors->count == cursors->room) {
        uint32_t room = cursors->room == 0 ? 64 : cursors->room * 2;
        void *list = realloc(cursors->list, room * sizeof(*cursors->list));
        if (list == NULL) {
            return NULL;
        }
        cursors->list = list;
        cursors->room = room;
    }
    struct ordo_cursor *cursor = &cursors->list[cursors->count++];
    *cursor = (struct ordo_cursor){.shop = shop};
    memcpy(cursor->name, name.data, name.size);
    return cursor;
}

/* ---- the snapshot ---- */

struct loading {
    struct ordo_cursors *cursors;
    bool is_full;
};

static void visit_cursor(void *context, const struct ordo_image_cursor *found)
{
    struct loading *loading = context;
    struct ordo_cursor *cursor = add(loading->cursors, found->shop, found->name);
    if (cursor == NULL) {
        loading->is_full = true;
        return;
    }
    cursor->acked = found->acked;
    cursor->acked_us = found->acked_us;
}

static enum ordo_err visit_chunk(
    void *context,
    uint32_t section,
    uint32_t chunk,
    struct ordo_bytes bytes,
    struct ordo_fail *fail)
{
    struct loading *loading = context;
    (void)chunk;
    ordo_image_cursors(section, bytes, visit_cursor, loading);
    return loading->is_full ? ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the cursors")
                            : ORDO_OK;
}

/* From the newest snapshot that a start would take; from nothing when there is none. */
static enum ordo_err
load_snapshot(const char *dir, struct ordo_cursors *cursors, struct ordo_fail *fail)
{
    static struct ordo_restart restart;
    struct loading loading = {.cursors = cursors};
    ordo_restart_look(&restart, dir);
    int best = ordo_restart_best(&restart);
    if (best < 0) {
        return ORDO_OK;
    }
    const struct ordo_candidate *candidate = &restart.candidates[best];
    cursors->seq = candidate->info.seq;
    cursors->update_seq = candidate->info.update_seq;
    return ordo_snapshot_load(dir, candidate->which, visit_chunk, &loading, fail);
}

/* ---- the journal ---- */

static enum ordo_err move(
    struct ordo_cursors *cursors,
    const struct ordo_command *command,
    const struct ordo_record *record,
    struct ordo_fail *fail)
{
    const struct ordo_subscriber_put *put = &command->subscriber_put;
    const struct ordo_subscriber_ack *ack = &command->subscriber_ack;
    bool is_put = command->kind == ORDO_KIND_SUBSCRIBER_PUT;
    struct ordo_bytes name = is_put ? put->subscriber
                             : command->kind == ORDO_KIND_SUBSCRIBER_ACK
                                 ? ack->subscriber
                                 : command->subscriber_drop.subscriber;
    struct ordo_cursor *cursor = find(cursors, command->shop, name);
    if (command->kind == ORDO_KIND_SUBSCRIBER_DROP) {
        if (cursor != NULL) {
            *cursor = cursors->list[--cursors->count];
        }
        return ORDO_OK;
    }
    bool moves = cursor == NULL || (is_put ? put->reset != 0 : ack->acked > cursor->acked);
    if (cursor == NULL) {
        cursor = add(cursors, command->shop, name);
    }
    if (cursor == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the cursors");
    }
    uint64_t acked = is_put ? put->acked : ack->acked;
    if (moves) {
        cursor->acked = acked == UINT64_MAX ? record->update_seq : acked;
        cursor->acked_us = record->time_us;
    }
    return ORDO_OK;
}

static bool moves_cursors(uint8_t kind)
{
    return kind == ORDO_KIND_SUBSCRIBER_PUT || kind == ORDO_KIND_SUBSCRIBER_ACK ||
           kind == ORDO_KIND_SUBSCRIBER_DROP;
}

static enum ordo_err
follow(struct ordo_cursors *cursors, const struct ordo_record *record, struct ordo_fail *fail)
{
    static struct ordo_command command;
    static struct ordo_outcome outcome;
    cursors->seq = record->seq;
    cursors->update_seq = record->update_seq;
    if (record->command.size == 0 || !moves_cursors(record->command.data[0])) {
        return ORDO_OK;
    }
    if (!ordo_command_decode(record->command, &command) ||
        !ordo_outcome_decode(record->outcome, record->seq, &command, &outcome)) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "the record of seq %" PRIu64 " is whole, but no command with its outcome",
            record->seq);
    }
    return outcome.result.code == ORDO_RESULT_OK ? move(cursors, &command, record, fail) : ORDO_OK;
}

enum ordo_err
ordo_cursors_read(const char *dir, struct ordo_cursors *cursors, struct ordo_fail *fail)
{
    struct ordo_journal_reader *reader = NULL;
    struct ordo_record record;
    *cursors = (struct ordo_cursors){.list = NULL};
    enum ordo_err err = load_snapshot(dir, cursors, fail);
    if (err == ORDO_OK) {
        err = ordo_journal_reader_open(dir, cursors->seq + 1, &reader, fail);
    }
    while (err == ORDO_OK) {
        err = ordo_journal_reader_next(reader, &record, fail);
        if (err == ORDO_OK) {
            err = follow(cursors, &record, fail);
        }
    }
    ordo_journal_reader_close(reader);
    return err == ORDO_ERR_EMPTY ? ORDO_OK : err;
}

void ordo_cursors_fini(struct ordo_cursors *cursors)
{
    free(cursors->list);
    *cursors = (struct ordo_cursors){.list = NULL};
}

const struct ordo_cursor *ordo_cursors_last(const struct ordo_cursors *cursors)
{
    const struct ordo_cursor *last = NULL;
    for (uint32_t i = 0; i < cursors->count; i++) {
        if (last == NULL || cursors->list[i].acked < last->acked) {
            last = &cursors->list[i];
        }
    }
    return last;
}
