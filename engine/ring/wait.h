/* wait.h - how a thread with nothing to do waits, and how others wake it.
 *
 * Strategies: SPIN (a few keen polls, then relaxed ones with pauses), YIELD (spin a little, then
 * sched_yield), PARK (spin a little, yield a little, then sleep until woken). PARK sleeps in a
 * waker: a futex by default, or something the thread must wait for anyway, such as an io_uring
 * (journal/): that is why it is a port. A publisher calls ordo_waker_signal() after it has advanced
 * a sequence; that costs one load when the owner never sleeps, and one atomic exchange on a line
 * that the owner touches only to sleep when it may. No wake-up is lost: the sleeper announces
 * itself, looks once more, then sleeps (Dekker's pattern with sequentially consistent order).
 */
#ifndef ORDO_RING_WAIT_H
#define ORDO_RING_WAIT_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define ORDO_WAIT_FOREVER UINT64_MAX /* a timeout_ns */

/* Pauses between two relaxed polls: a consumer that looks harder at a stream takes the producer's
 * line away with every look, and both run in lock-step. */
#define ORDO_WAIT_PAUSES 64

enum ordo_wait_strategy { ORDO_WAIT_SPIN, ORDO_WAIT_YIELD, ORDO_WAIT_PARK };

enum ordo_waker_state {
    ORDO_WAKER_AWAKE,
    ORDO_WAKER_PARKED, /* the thread sleeps or is about to */
    ORDO_WAKER_NEVER,  /* the thread never sleeps: nothing to signal */
};

struct ordo_waker {
    _Alignas(128) _Atomic uint32_t parked; /* enum ordo_waker_state */
    void (*sleep)(void *self, uint64_t timeout_ns);
    void (*wake)(void *self);
    void *self;
    uint64_t sleeps; /* owner only */
};

/* A waker that sleeps on a futex of its own. Starter thread. */
void ordo_waker_init(struct ordo_waker *waker);

/* Before traffic: sleep and wake by something else. `wake` runs on any thread; `sleep` on the
 * owner, may return early. A wake that comes before the sleep must end it at once. */
void ordo_waker_replace(
    struct ordo_waker *waker,
    void (*sleep)(void *self, uint64_t timeout_ns),
    void (*wake)(void *self),
    void *self);

/* The owner promises never to sleep. Before the owner runs. */
void ordo_waker_never_sleeps(struct ordo_waker *waker);

/* Wakes the owner if it sleeps. Any thread; does not block. */
void ordo_waker_signal(struct ordo_waker *waker);

/* Owner: announce, then look once more for work, then either sleep (up to timeout_ns) or cancel. */
void ordo_waker_announce(struct ordo_waker *waker);
void ordo_waker_cancel(struct ordo_waker *waker);
void ordo_waker_sleep(struct ordo_waker *waker, uint64_t timeout_ns);

/* Tells the processor that this thread only waits. */
static inline void ordo_wait_pause(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ __volatile__("isb" ::: "memory");
#else
        __asm__ __volatile__("" ::: "memory");
#endif
    }
}

/* "spin", "yield", "park". */
const char *ordo_wait_name(enum ordo_wait_strategy strategy);
bool ordo_wait_find(const char *name, enum ordo_wait_strategy *strategy);

/* CONFIG when `threads` threads would all spin on fewer cpus: they would take turns by the
 * scheduler's tick, some hundred times slower. Pure. */
enum ordo_err ordo_wait_check(
    enum ordo_wait_strategy strategy, uint32_t threads, int cpus, struct ordo_fail *fail)
    ORDO_MUST_USE;

#endif
