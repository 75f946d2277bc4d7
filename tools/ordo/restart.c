/* The head's section comes first, and its settings say how much memory the state takes. What a
 * candidate's load has left behind is thrown away with its arena before the next is tried.
 *
 * A snapshot that holds is proof that its sequence was durable. So a journal that ends before it
 * has lost something, and the start is refused by the recovery: a node that then served from the
 * rest would have forgotten what it had acknowledged. `ordo snapshot invalidate` is how a person
 * says otherwise.
 */
#include "restart.h"

#include "base/assert.h"
#include "base/log.h"
#include "order/image.h"

#include <inttypes.h>
#include <string.h>

static uint32_t rules_known(void)
{
    for (uint32_t i = 0; ordo_setting_at(i) != NULL; i++) {
        if (strcmp(ordo_setting_at(i)->name, "rules") == 0) {
            return (uint32_t)ordo_setting_at(i)->max;
        }
    }
    return 0;
}

/* There is a journal and whose it is could not be read. */
static bool is_unread(const struct ordo_restart *restart)
{
    enum ordo_err err = restart->journal.err;
    return err != ORDO_OK && err != ORDO_ERR_NOT_FOUND;
}

/* Everything but the bytes. A journal that is not there has no node, and none is compared; one that
 * could not be read may be another's, so nothing is taken for it. */
static void
judge(const struct ordo_restart *restart, struct ordo_candidate *candidate, const uint8_t *node)
{
    const struct ordo_snapshot_info *info = &candidate->info;
    struct ordo_fail *why = &candidate->why;
    if (candidate->status == ORDO_SNAPSHOT_NEWER) {
        (void)ordo_fail_set(
            why,
            ORDO_ERR_VERSION,
            "it has snapshot format %u, this program knows %u",
            info->format,
            ORDO_SNAPSHOT_FORMAT);
        return;
    }
    if (candidate->status != ORDO_SNAPSHOT_COMPLETE) {
        if (why->err == ORDO_OK) {
            const char *name = ordo_snapshot_status_name(candidate->status);
            (void)ordo_fail_set(why, ORDO_ERR_NOT_FOUND, "it is %s", name);
        }
        return;
    }
    if (info->layout != ORDO_IMAGE_LAYOUT) {
        (void)ordo_fail_set(
            why,
            ORDO_ERR_VERSION,
            "its rows are of layout %u, this program has %u",
            info->layout,
            ORDO_IMAGE_LAYOUT);
    } else if (info->rules > rules_known()) {
        (void)ordo_fail_set(
            why,
            ORDO_ERR_VERSION,
            "it was decided by rules %u, this program knows %u",
            info->rules,
            rules_known());
    } else if (is_unread(restart)) {
        *why = restart->journal;
    } else if (
        restart->journal.err == ORDO_OK && memcmp(info->node, node, sizeof(info->node)) != 0) {
        (void)ordo_fail_set(why, ORDO_ERR_INVALID, "it belongs to the journal of another node");
    }
}

void ordo_restart_look(struct ordo_restart *restart, const char *data)
{
    uint8_t node[16];
    *restart = (struct ordo_restart){.chosen = -1};
    restart->journal.err = ordo_journal_look_node(data, node, &restart->journal);
    for (uint32_t i = 0; i < ORDO_SNAPSHOT_WHICH_COUNT; i++) {
        struct ordo_candidate *candidate = &restart->candidates[i];
        candidate->which = (enum ordo_snapshot_which)i;
        candidate->status =
            ordo_snapshot_verify(data, candidate->which, &candidate->info, &candidate->why);
        judge(restart, candidate, node);
    }
    if (restart->candidates[1].info.generation > restart->candidates[0].info.generation) {
        struct ordo_candidate newer = restart->candidates[1];
        restart->candidates[1] = restart->candidates[0];
        restart->candidates[0] = newer;
    }
}

int ordo_restart_best(const struct ordo_restart *restart)
{
    for (int i = 0; i < ORDO_SNAPSHOT_WHICH_COUNT; i++) {
        if (restart->candidates[i].why.err == ORDO_OK) {
            return i;
        }
    }
    return -1;
}

/* ---- load ---- */

struct load {
    struct ordo_replay *replay;
    const struct ordo_snapshot_info *info;
    uint8_t first[ORDO_SNAPSHOT_CHUNK_MAX]; /* the head's chunk before the one with its row */
    uint32_t first_size;
};

static enum ordo_err
load_head(struct load *load, uint32_t chunk, struct ordo_bytes bytes, struct ordo_fail *fail)
{
    struct ordo_settings_values settings;
    if (chunk == 0) {
        memcpy(load->first, bytes.data, bytes.size);
        load->first_size = bytes.size;
        return ORDO_OK;
    }
    enum ordo_err err = ordo_image_settings(bytes.data, bytes.size, &settings, fail);
    if (err == ORDO_OK) {
        err = ordo_state_create(load->replay->arena, &settings, &load->replay->state, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_image_load(load->replay->state, 0, chunk, bytes.data, bytes.size, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_image_load(load->replay->state, 0, 0, load->first, load->first_size, fail);
    }
    return err;
}

static enum ordo_err load_chunk(
    void *context,
    uint32_t section,
    uint32_t chunk,
    struct ordo_bytes bytes,
    struct ordo_fail *fail)
{
    struct load *load = context;
    if (section == 0) {
        return load_head(load, chunk, bytes, fail);
    }
    if (load->replay->state == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_DAMAGED, "snapshot: it has no head");
    }
    return ordo_image_load(load->replay->state, section, chunk, bytes.data, bytes.size, fail);
}

/* The state is the one that the snapshot says it is. */
static enum ordo_err compare(const struct load *load, struct ordo_fail *fail)
{
    const struct ordo_snapshot_info *info = load->info;
    struct ordo_image_section section;
    struct ordo_head_values head;
    uint32_t count = 0;
    for (; ordo_image_section(load->replay->state, count, &section); count++) {
        if (count >= info->section_count || section.chunks != info->chunk_counts[count]) {
            return ordo_fail_set(
                fail, ORDO_ERR_DAMAGED, "snapshot: %s has not all its chunks", section.name);
        }
    }
    ordo_state_head(load->replay->state, &head);
    bool same = count == info->section_count && head.seq == info->seq &&
                head.update_seq == info->update_seq && head.time_us == info->time_us &&
                head.stream_hash.low == ordo_get_le64(info->stream_hash) &&
                head.stream_hash.high == ordo_get_le64(info->stream_hash + 8);
    return same ? ORDO_OK
                : ordo_fail_set(
                      fail,
                      ORDO_ERR_DAMAGED,
                      "snapshot: it says seq %" PRIu64 ", its head says %" PRIu64,
                      info->seq,
                      head.seq);
}

static enum ordo_err load_candidate(
    const struct ordo_candidate *candidate,
    const char *data,
    struct ordo_replay *replay,
    struct ordo_fail *fail)
{
    static struct load load; /* a chunk: too much for the stack */
    load = (struct load){.replay = replay, .info = &candidate->info};
    enum ordo_err err = ordo_snapshot_load(data, candidate->which, load_chunk, &load, fail);
    if (err == ORDO_OK && replay->state == NULL) {
        err = ordo_fail_set(fail, ORDO_ERR_DAMAGED, "snapshot: it has no head");
    }
    if (err == ORDO_OK) {
        err = ordo_state_rebuild(replay->state, fail);
    }
    return err == ORDO_OK ? compare(&load, fail) : err;
}

/* What a load that failed has left. */
static void throw_away(struct ordo_replay *replay)
{
    struct ordo_arena *arena = replay->arena;
    ordo_arena_fini(arena);
    ordo_arena_init(arena);
    ordo_replay_init(replay, arena);
}

static enum ordo_err
needs_journal(const struct ordo_restart *restart, const char *data, struct ordo_fail *fail)
{
    for (int i = 0; is_unread(restart) && i < ORDO_SNAPSHOT_WHICH_COUNT; i++) {
        if (restart->candidates[i].status == ORDO_SNAPSHOT_COMPLETE) {
            *fail = restart->journal;
            return fail->err;
        }
    }
    if (restart->journal.err != ORDO_ERR_NOT_FOUND || ordo_restart_best(restart) < 0) {
        return ORDO_OK;
    }
    return ordo_fail_set(
        fail,
        ORDO_ERR_DAMAGED,
        "%s has a snapshot and no journal: bring its segments back, or begin in a new folder",
        data);
}

enum ordo_err ordo_restart_load(
    struct ordo_restart *restart,
    const char *data,
    struct ordo_replay *replay,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(replay->state == NULL);
    ordo_restart_look(restart, data);
    enum ordo_err err = needs_journal(restart, data, fail);
    for (int i = 0; err == ORDO_OK && i < ORDO_SNAPSHOT_WHICH_COUNT; i++) {
        struct ordo_candidate *candidate = &restart->candidates[i];
        if (candidate->status == ORDO_SNAPSHOT_ABSENT) {
            continue;
        }
        if (candidate->why.err == ORDO_OK &&
            load_candidate(candidate, data, replay, &candidate->why) == ORDO_OK) {
            restart->chosen = i;
            restart->after_seq = candidate->info.seq;
            ORDO_LOG_INFO(
                "starting from a snapshot which=%c generation=%" PRIu64 " seq=%" PRIu64
                " bytes=%" PRIu64,
                ordo_snapshot_letter(candidate->which),
                candidate->info.generation,
                candidate->info.seq,
                candidate->info.bytes);
            return ORDO_OK;
        }
        ORDO_LOG_WARN(
            "a snapshot was refused which=%c status=\"%s\" why=\"%s\"",
            ordo_snapshot_letter(candidate->which),
            ordo_snapshot_status_name(candidate->status),
            candidate->why.text);
        throw_away(replay);
    }
    return err;
}

/* ---- a journal whose beginning is gone ---- */

static void bound(struct ordo_candidate *candidate, uint64_t first_seq, uint64_t last_seq)
{
    uint64_t seq = candidate->info.seq;
    if (candidate->why.err != ORDO_OK) {
        return;
    }
    if (seq < first_seq) {
        (void)ordo_fail_set(
            &candidate->why,
            ORDO_ERR_NOT_FOUND,
            "it is at sequence %" PRIu64 ", before what is left",
            seq);
    } else if (seq > last_seq) {
        (void)ordo_fail_set(
            &candidate->why, ORDO_ERR_NOT_FOUND, "it is at sequence %" PRIu64 ", too far", seq);
    }
}

enum ordo_err ordo_restart_load_oldest(
    struct ordo_restart *restart,
    const char *data,
    uint64_t first_seq,
    uint64_t last_seq,
    struct ordo_replay *replay,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(replay->state == NULL);
    ordo_restart_look(restart, data);
    for (int i = ORDO_SNAPSHOT_WHICH_COUNT - 1; i >= 0; i--) { /* the newest are first */
        struct ordo_candidate *candidate = &restart->candidates[i];
        bound(candidate, first_seq, last_seq);
        if (candidate->why.err == ORDO_OK &&
            load_candidate(candidate, data, replay, &candidate->why) == ORDO_OK) {
            restart->chosen = i;
            restart->after_seq = candidate->info.seq;
            return ORDO_OK;
        }
        throw_away(replay);
    }
    const struct ordo_candidate *c = restart->candidates;
    return ordo_fail_set(
        fail,
        ORDO_ERR_NOT_FOUND,
        "%s: the journal was trimmed up to sequence %" PRIu64
        ", and no snapshot goes on from there: snapshot %c: %.90s; snapshot %c: %.90s; use a "
        "backup from before",
        data,
        first_seq,
        ordo_snapshot_letter(c[0].which),
        c[0].why.text,
        ordo_snapshot_letter(c[1].which),
        c[1].why.text);
}
