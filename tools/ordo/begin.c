/* A journal without its first segments is whole only with the note that a trim leaves: without it a
 * missing segment is damage, and no snapshot makes up for it. The snapshot was verified to its last
 * byte by a child process before it is loaded, and its root is told, so that two audits of one
 * folder can be compared.
 */
#include "begin.h"

#include <inttypes.h>
#include <stdio.h>

#define ROOT_SHOWN 8 /* bytes of 32 */

enum ordo_err ordo_begin_open(
    struct ordo_begin *begin,
    const char *dir,
    uint64_t until_seq,
    struct ordo_replay *replay,
    struct ordo_journal_reader **reader,
    struct ordo_fail *fail)
{
    struct ordo_restart restart;
    struct ordo_fail ignored;
    *begin = (struct ordo_begin){.at_snapshot = false};
    enum ordo_err err = ordo_journal_reader_open(dir, 0, reader, fail);
    if (err != ORDO_ERR_NOT_FOUND || ordo_trimmed_read(dir, &begin->trimmed, &ignored) != ORDO_OK) {
        return err;
    }
    err = ordo_restart_load_oldest(&restart, dir, begin->trimmed.last_seq, until_seq, replay, fail);
    if (err != ORDO_OK) {
        return err;
    }
    begin->at_snapshot = true;
    begin->snapshot = restart.candidates[restart.chosen];
    begin->seq = restart.after_seq;
    return ordo_journal_reader_open(dir, begin->seq + 1, reader, fail);
}

void ordo_begin_tell(const struct ordo_begin *begin, char *text, size_t size)
{
    char root[2 * ROOT_SHOWN + 1];
    if (!begin->at_snapshot) {
        text[0] = 0;
        return;
    }
    for (uint32_t i = 0; i < ROOT_SHOWN; i++) {
        (void)snprintf(root + (size_t)2 * i, 3, "%02x", begin->snapshot.info.root[i]);
    }
    (void)snprintf(
        text,
        size,
        "seq 1 to %" PRIu64 " was trimmed; opening balances from snapshot %c at seq %" PRIu64
        ", generation %" PRIu64 ", root %s..",
        begin->trimmed.last_seq,
        ordo_snapshot_letter(begin->snapshot.which),
        begin->seq,
        begin->snapshot.info.generation,
        root);
}
