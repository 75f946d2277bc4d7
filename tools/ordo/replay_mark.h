/* replay_mark.h - which record a start was deciding again when it died.
 *
 * DIR/replay.mark is there while a node replays, and remembers the sequence under way. A start that
 * finds one knows that the last one died there; after two deaths at the same sequence it holds: it
 * names the sequence and does not start, for as long as the file is there. Nothing is ever skipped.
 */
#ifndef ORDO_TOOLS_REPLAY_MARK_H
#define ORDO_TOOLS_REPLAY_MARK_H

#include "base/err.h"

#include <stdint.h>

#define ORDO_REPLAY_MARK_FILE "replay.mark"
#define ORDO_REPLAY_DEATHS    2 /* at one sequence, until a start holds */

struct ordo_replay_mark {
    int dir;
    uint8_t *bytes; /* the file in memory; NULL when there is none */
};

/* Reads what an earlier start has left in the folder and begins anew. DAMAGED: it holds, the text
 * names the sequence. IO when the file cannot be made. Starter thread, under the journal's lock. */
enum ordo_err ordo_replay_mark_open(
    struct ordo_replay_mark *mark, const char *dir, struct ordo_fail *fail) ORDO_MUST_USE;

/* What open would say of the folder as it is: OK, or DAMAGED. Nothing is written. Any thread. */
enum ordo_err ordo_replay_mark_look(const char *dir, struct ordo_fail *fail) ORDO_MUST_USE;

/* Where the sequence under way is written, 8 bytes, little-endian: what stands there survives the
 * death of the process. */
uint8_t *ordo_replay_mark_seq(const struct ordo_replay_mark *mark);

/* The replay has ended by itself, well or with an error that names its record: the file goes. */
void ordo_replay_mark_close(struct ordo_replay_mark *mark);

#endif
