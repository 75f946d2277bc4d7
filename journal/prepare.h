/* prepare.h - a helper thread that has the next segment ready before it is needed.
 *
 * The journal's thread wants a number, once, when it enters the segment before; much later it asks
 * for the result. What failed (a full disk) is tried again each second until it is needed.
 */
#ifndef ORDO_JOURNAL_PREPARE_H
#define ORDO_JOURNAL_PREPARE_H

#include "base/arena.h"
#include "base/thread.h"
#include "journal/segment.h"
#include "ring/wait.h"

enum ordo_prepare_state { ORDO_PREPARE_BUSY, ORDO_PREPARE_READY, ORDO_PREPARE_FAILED };

struct ordo_preparer {
    struct ordo_thread thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    const struct ordo_folder *folder;
    uint64_t size;
    uint8_t *scratch;
    uint64_t blank_first; /* files that recovery found to be whole and zeros; 0 = none */
    uint64_t blank_last;
    uint64_t wanted; /* under mutex, as all below; 0 = nothing */
    enum ordo_prepare_state state;
    struct ordo_segment ready;
    struct ordo_fail fail;
    struct ordo_waker *waker; /* signalled when the state changes; may be NULL */
    bool stopping;
};

/* Starter thread. folder must outlive it. */
enum ordo_err ordo_preparer_init(
    struct ordo_preparer *preparer,
    struct ordo_arena *arena,
    const struct ordo_folder *folder,
    uint64_t size,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Starts the thread. Starter thread, after init. */
enum ordo_err
ordo_preparer_start(struct ordo_preparer *preparer, struct ordo_fail *fail) ORDO_MUST_USE;

/* Any thread; do not block on disk. */
void ordo_preparer_want(struct ordo_preparer *preparer, uint64_t number);
void ordo_preparer_bind(struct ordo_preparer *preparer, struct ordo_waker *waker);

/* READY gives the open, locked segment away. FAILED: the last attempt's error is in fail. */
enum ordo_prepare_state ordo_preparer_take(
    struct ordo_preparer *preparer, struct ordo_segment *segment, struct ordo_fail *fail);

/* Ends the thread (after the file it is making) and closes a segment that was not taken. Accepts
 * one that was not started. */
void ordo_preparer_stop(struct ordo_preparer *preparer);

/* One attempt on the caller's thread: make (unless blank) and open a locked segment. Blocks. */
enum ordo_err ordo_prepare_segment(
    const struct ordo_preparer *preparer,
    uint64_t number,
    struct ordo_segment *segment,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
