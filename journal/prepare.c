/* Writing 64 MiB of zeros takes tens of milliseconds, a whole lot of commits. So it is done while
 * the segment before it is being filled, on a thread that shares nothing with the journal's but
 * this small state under a mutex.
 *
 * A full disk is told twice: a warning when the next segment cannot be made (reads and the rest of
 * the present segment go on, and freeing space helps), and an end when it is needed. A made file
 * that failed is thrown away; nothing that was ever acknowledged is in it, so trying again is not
 * the retried flush that is forbidden elsewhere. */
#include "journal/prepare.h"

#include "base/failpoint.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#define RETRY_PAUSE_S 1

enum ordo_err ordo_prepare_segment(
    const struct ordo_preparer *preparer,
    uint64_t number,
    struct ordo_segment *segment,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(number != 0);
    const struct ordo_folder *folder = preparer->folder;
    bool is_blank = preparer->blank_first != 0 && number >= preparer->blank_first &&
                    number <= preparer->blank_last;
    enum ordo_err err = ORDO_OK;
    ORDO_FAILPOINT("prepare.begin");
    if (!is_blank) {
        err = ordo_segment_create(folder, number, preparer->size, preparer->scratch, fail);
    }
    struct ordo_segment opened;
    ORDO_FAILPOINT("prepare.named");
    if (err == ORDO_OK) {
        err = ordo_segment_open(folder, number, true, &opened, fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    err = ordo_segment_lock(folder, &opened, fail);
    if (err != ORDO_OK) {
        ordo_segment_close(&opened);
        return err;
    }
    *segment = opened;
    ORDO_FAILPOINT("prepare.locked");
    return ORDO_OK;
}

/* Waits for a change, at most a pause when there is something to try again. */
static void wait_for_change(struct ordo_preparer *self)
{
    if (self->wanted == 0 || self->state == ORDO_PREPARE_READY) {
        (void)pthread_cond_wait(&self->changed, &self->mutex);
        return;
    }
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += RETRY_PAUSE_S;
    (void)pthread_cond_timedwait(&self->changed, &self->mutex, &until);
}

static void run(void *context)
{
    struct ordo_preparer *self = context;
    (void)pthread_mutex_lock(&self->mutex);
    while (!self->stopping) {
        if (self->wanted == 0 || self->state != ORDO_PREPARE_BUSY) {
            wait_for_change(self);
            if (self->wanted != 0 && self->state == ORDO_PREPARE_FAILED) {
                self->state = ORDO_PREPARE_BUSY;
            }
            continue;
        }
        uint64_t number = self->wanted;
        (void)pthread_mutex_unlock(&self->mutex);
        struct ordo_segment made = {.fd = -1};
        struct ordo_fail fail = {0};
        enum ordo_err err = ordo_prepare_segment(self, number, &made, &fail);
        if (err != ORDO_OK) {
            ORDO_LOG_WARN("journal_next_segment_failed reason=\"%s\"", fail.text);
        }
        (void)pthread_mutex_lock(&self->mutex);
        self->ready = made;
        self->fail = fail;
        self->state = err == ORDO_OK ? ORDO_PREPARE_READY : ORDO_PREPARE_FAILED;
        struct ordo_waker *waker = self->waker;
        if (waker != NULL) {
            ordo_waker_signal(waker);
        }
    }
    (void)pthread_mutex_unlock(&self->mutex);
}

enum ordo_err ordo_preparer_init(
    struct ordo_preparer *preparer,
    struct ordo_arena *arena,
    const struct ordo_folder *folder,
    uint64_t size,
    struct ordo_fail *fail)
{
    *preparer = (struct ordo_preparer){
        .folder = folder, .size = size, .state = ORDO_PREPARE_BUSY, .ready = {.fd = -1}};
    void *scratch;
    if (ordo_arena_alloc(arena, "journal zeros", 1, ORDO_SEGMENT_SCRATCH, &scratch) != ORDO_OK) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the journal's zeros");
    }
    preparer->scratch = scratch;
    return ORDO_OK;
}

enum ordo_err ordo_preparer_start(struct ordo_preparer *preparer, struct ordo_fail *fail)
{
    ORDO_ASSERT(preparer->scratch != NULL);
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&preparer->mutex, NULL);
    (void)pthread_cond_init(&preparer->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    if (ordo_thread_start(&preparer->thread, "ordo-jahead", ORDO_CPU_ANY, run, preparer) !=
        ORDO_OK) {
        (void)pthread_cond_destroy(&preparer->changed);
        (void)pthread_mutex_destroy(&preparer->mutex);
        return ordo_fail_set(
            fail, ORDO_ERR_UNAVAILABLE, "the system refuses the journal's helper thread");
    }
    return ORDO_OK;
}

void ordo_preparer_want(struct ordo_preparer *preparer, uint64_t number)
{
    (void)pthread_mutex_lock(&preparer->mutex);
    ORDO_ASSERT(preparer->wanted == 0);
    preparer->wanted = number;
    preparer->state = ORDO_PREPARE_BUSY;
    (void)pthread_cond_signal(&preparer->changed);
    (void)pthread_mutex_unlock(&preparer->mutex);
}

void ordo_preparer_bind(struct ordo_preparer *preparer, struct ordo_waker *waker)
{
    (void)pthread_mutex_lock(&preparer->mutex);
    preparer->waker = waker;
    (void)pthread_mutex_unlock(&preparer->mutex);
}

enum ordo_prepare_state ordo_preparer_take(
    struct ordo_preparer *preparer, struct ordo_segment *segment, struct ordo_fail *fail)
{
    (void)pthread_mutex_lock(&preparer->mutex);
    enum ordo_prepare_state state = preparer->state;
    ORDO_ASSERT(preparer->wanted != 0);
    if (state == ORDO_PREPARE_READY) {
        *segment = preparer->ready;
        preparer->ready = (struct ordo_segment){.fd = -1};
        preparer->wanted = 0;
        preparer->state = ORDO_PREPARE_BUSY;
    } else if (state == ORDO_PREPARE_FAILED) {
        *fail = preparer->fail;
    }
    (void)pthread_mutex_unlock(&preparer->mutex);
    return state;
}

void ordo_preparer_stop(struct ordo_preparer *preparer)
{
    if (!preparer->thread.started) {
        return;
    }
    (void)pthread_mutex_lock(&preparer->mutex);
    preparer->stopping = true;
    preparer->waker = NULL;
    (void)pthread_cond_signal(&preparer->changed);
    (void)pthread_mutex_unlock(&preparer->mutex);
    ordo_thread_join(&preparer->thread);
    ordo_segment_close(&preparer->ready);
    (void)pthread_cond_destroy(&preparer->changed);
    (void)pthread_mutex_destroy(&preparer->mutex);
}
