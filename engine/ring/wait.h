/* wait.h - how a thread with nothing to do waits, and how others wake it.
 *
 * Strategies: SPIN (poll with relaxed pauses), YIELD (spin a little, then sched_yield), PARK (spin
 * a little, yield a little, then sleep until woken). PARK sleeps in a waker: a futex by default, or
 * something the thread must wait for anyway, such as an io_uring (journal/): that is why it is a
 * port. A publisher calls ordo_waker_signal() after it has advanced a sequence; that costs one load
 * unless the other thread is asleep. No wake-up is lost: the sleeper announces itself, looks once
 * more, then sleeps (Dekker's pattern with sequentially consistent order).
 */
#ifndef ORDO_RING_WAIT_H
#define ORDO_RING_WAIT_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum ordo_wait_strategy { ORDO_WAIT_SPIN, ORDO_WAIT_YIELD, ORDO_WAIT_PARK };

struct ordo_waker {
    _Alignas(128) _Atomic uint32_t parked; /* 1: the thread sleeps or is about to */
    void (*sleep)(void *self, uint64_t timeout_ns);
    void (*wake)(void *self);
    void *self;
    uint64_t sleeps; /* owner only */
};

/* A waker that sleeps on a futex of its own. Starter thread. */
void ordo_waker_init(struct ordo_waker *waker);

/* Before traffic: sleep and wake by something else. `wake` runs on any thread; `sleep` on the
 * owner, may return early. */
void ordo_waker_replace(
    struct ordo_waker *waker,
    void (*sleep)(void *self, uint64_t timeout_ns),
    void (*wake)(void *self),
    void *self);

/* Wakes the owner if it sleeps. Any thread; does not block. */
void ordo_waker_signal(struct ordo_waker *waker);

/* Owner: announce, then look once more for work, then either sleep (up to timeout_ns) or cancel. */
void ordo_waker_announce(struct ordo_waker *waker);
void ordo_waker_cancel(struct ordo_waker *waker);
void ordo_waker_sleep(struct ordo_waker *waker, uint64_t timeout_ns);

/* "spin", "yield", "park". */
const char *ordo_wait_name(enum ordo_wait_strategy strategy);
bool ordo_wait_find(const char *name, enum ordo_wait_strategy *strategy);

#endif
