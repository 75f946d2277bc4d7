/* Two environments in turn, and the one that must not be touched is the newest that holds: after a
 * start that refused the newest, the refused one is written over first.
 */
#include "snapshots.h"

#include "base/canary.h"
#include "base/log.h"
#include "journal/archive.h"
#include "order/image.h"

#include <inttypes.h>
#include <linux/ioprio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NICE        10
#define ARCHIVE_MAX 8              /* segments after one snapshot: a stop waits for them */
#define MAP_SIZE    (256ull << 20) /* bytes of address space to begin with; it grows */

enum ordo_err ordo_snapshots_open(
    struct ordo_snapshots *snapshots,
    const char *data,
    const struct ordo_restart *restart,
    const uint8_t node[16],
    struct ordo_fail *fail)
{
    *snapshots = (struct ordo_snapshots){.newest = -1, .data = data};
    memcpy(snapshots->node, node, sizeof(snapshots->node));
    for (uint32_t i = 0; i < ORDO_SNAPSHOT_WHICH_COUNT; i++) {
        struct ordo_snapshot_info info; /* also of one that does not hold: no number comes twice */
        (void)ordo_snapshot_look(data, (enum ordo_snapshot_which)i, &info, fail);
        if (info.generation > snapshots->generation) {
            snapshots->generation = info.generation;
        }
    }
    if (restart->chosen >= 0) {
        snapshots->newest = (int)restart->candidates[restart->chosen].which;
        snapshots->seqs[snapshots->newest] = restart->candidates[restart->chosen].info.seq;
    }
    return ordo_snapshot_open(data, MAP_SIZE, &snapshots->store, fail);
}

void ordo_snapshots_close(struct ordo_snapshots *snapshots)
{
    if (snapshots->store != NULL) {
        ordo_snapshot_close(snapshots->store);
        snapshots->store = NULL;
    }
}

/* This thread has time; who waits for an answer has not: neither core nor disk is taken from the
 * engine. A refusal changes nothing but the speed. */
static void stand_back(void)
{
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    (void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
}

static enum ordo_err begin(void *self, enum ordo_mark *mark, bool *whole, struct ordo_fail *fail)
{
    struct ordo_snapshots *snapshots = self;
    stand_back();
    bool is_a = snapshots->newest != (int)ORDO_SNAPSHOT_A || ORDO_CANARY(one_snapshot_only);
    snapshots->which = is_a ? ORDO_SNAPSHOT_A : ORDO_SNAPSHOT_B;
    *mark = is_a ? ORDO_MARK_SNAPSHOT_A : ORDO_MARK_SNAPSHOT_B;
    *whole = snapshots->whole || ordo_snapshot_needs_whole(snapshots->store, snapshots->which);
    snapshots->seqs[snapshots->which] = 0; /* from now on it holds nothing */
    return ordo_snapshot_begin(snapshots->store, snapshots->which, *whole, fail);
}

static enum ordo_err
put(void *self, uint32_t section, uint32_t chunk, struct ordo_bytes bytes, struct ordo_fail *fail)
{
    struct ordo_snapshots *snapshots = self;
    return ordo_snapshot_put(snapshots->store, section, chunk, bytes, fail);
}

/* What lies before the older of two snapshots that hold is not needed by a start from either. A
 * failure costs space on the disk, nothing else. */
static void archive(const struct ordo_snapshots *snapshots)
{
    struct ordo_archived moved;
    struct ordo_fail fail;
    uint64_t a = snapshots->seqs[ORDO_SNAPSHOT_A];
    uint64_t b = snapshots->seqs[ORDO_SNAPSHOT_B];
    uint64_t older = a < b ? a : b;
    if (!snapshots->archive || older == 0) {
        return;
    }
    if (ordo_journal_archive(snapshots->data, older, ARCHIVE_MAX, &moved, &fail) != ORDO_OK) {
        ORDO_LOG_WARN("segments were not archived why=\"%s\"", fail.text);
    }
    if (moved.segments != 0) {
        ORDO_LOG_INFO(
            "archived segments=%" PRIu64 " last=%" PRIu64 " bytes=%" PRIu64 " compressed=%" PRIu64,
            moved.segments,
            moved.last_number,
            moved.bytes_before,
            moved.bytes_after);
    }
}

static enum ordo_err
finish(void *self, const struct ordo_snapshotter_cut *cut, struct ordo_fail *fail)
{
    struct ordo_snapshots *snapshots = self;
    struct ordo_snapshot_info info = {
        .rules = cut->head.rules,
        .layout = ORDO_IMAGE_LAYOUT,
        .generation = snapshots->generation + 1,
        .seq = cut->head.seq,
        .update_seq = cut->head.update_seq,
        .time_us = cut->head.time_us,
        .section_count = cut->section_count,
    };
    ordo_put_le64(info.stream_hash, cut->head.stream_hash.low);
    ordo_put_le64(info.stream_hash + 8, cut->head.stream_hash.high);
    memcpy(info.node, snapshots->node, sizeof(info.node));
    memcpy(info.chunk_counts, cut->chunk_counts, cut->section_count * sizeof(uint32_t));
    enum ordo_err err = ordo_snapshot_finish(snapshots->store, &info, fail);
    if (err == ORDO_OK) {
        snapshots->generation = info.generation;
        snapshots->newest = (int)snapshots->which;
        snapshots->seqs[snapshots->which] = info.seq;
        archive(snapshots);
    }
    return err;
}

static void abandon(void *self)
{
    struct ordo_snapshots *snapshots = self;
    ordo_snapshot_abandon(snapshots->store);
}

struct ordo_snapshotter_port ordo_snapshots_port(struct ordo_snapshots *snapshots)
{
    return (struct ordo_snapshotter_port){
        .self = snapshots, .begin = begin, .put = put, .finish = finish, .abandon = abandon};
}
