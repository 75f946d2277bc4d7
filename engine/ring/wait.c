/* The sleeper and the one who wakes him each write one thing and read the other's:
 *
 *   owner:   parked := PARKED (exchange);  look for work;           sleep while parked == PARKED
 *   waker:   publish work;                 was parked (exchange)?   wake
 *
 * Both exchanges are on the same atomic, so one of them is first. If the owner's is, the waker
 * reads PARKED and wakes. If the waker's is, the owner's exchange reads from it and therefore sees
 * the published work when it looks. A load instead of the waker's exchange could be carried out
 * before its own earlier store has left the store buffer, and a standalone fence would be invisible
 * to ThreadSanitizer.
 *
 * The waker's exchange also puts AWAKE back, so of many publishers one makes the system call. A
 * wake that arrives late, when the owner has given up sleeping by itself, only ends a later sleep
 * early. */
#include "ring/wait.h"

#include "base/assert.h"
#include "base/canary.h"
#include "base/clock.h"

#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char *const strategy_names[] = {
    [ORDO_WAIT_SPIN] = "spin",
    [ORDO_WAIT_YIELD] = "yield",
    [ORDO_WAIT_PARK] = "park",
};

#define STRATEGY_COUNT (sizeof(strategy_names) / sizeof(strategy_names[0]))

static void futex_sleep(void *self, uint64_t timeout_ns)
{
    struct ordo_waker *waker = self;
    struct timespec timeout = {
        .tv_sec = (time_t)(timeout_ns / ORDO_NS_PER_S),
        .tv_nsec = (long)(timeout_ns % ORDO_NS_PER_S),
    };
    /* returns at once when somebody has put AWAKE back; an interrupted or timed-out sleep is a
     * short one */
    (void)syscall(
        SYS_futex,
        &waker->parked,
        FUTEX_WAIT_PRIVATE,
        ORDO_WAKER_PARKED,
        timeout_ns == ORDO_WAIT_FOREVER ? NULL : &timeout,
        NULL,
        0);
}

static void futex_wake(void *self)
{
    struct ordo_waker *waker = self;
    (void)syscall(SYS_futex, &waker->parked, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void ordo_waker_init(struct ordo_waker *waker)
{
    atomic_init(&waker->parked, ORDO_WAKER_AWAKE);
    waker->sleep = futex_sleep;
    waker->wake = futex_wake;
    waker->self = waker;
    waker->sleeps = 0;
}

void ordo_waker_replace(
    struct ordo_waker *waker,
    void (*sleep)(void *self, uint64_t timeout_ns),
    void (*wake)(void *self),
    void *self)
{
    ORDO_ASSERT(sleep != NULL);
    ORDO_ASSERT(wake != NULL);
    waker->sleep = sleep;
    waker->wake = wake;
    waker->self = self;
}

void ordo_waker_never_sleeps(struct ordo_waker *waker)
{
    atomic_store_explicit(&waker->parked, ORDO_WAKER_NEVER, memory_order_seq_cst);
}

void ordo_waker_signal(struct ordo_waker *waker)
{
    if (atomic_load_explicit(&waker->parked, memory_order_relaxed) == ORDO_WAKER_NEVER) {
        return; /* set before traffic and never changed: no order needed */
    }
    uint32_t was = atomic_exchange_explicit(&waker->parked, ORDO_WAKER_AWAKE, memory_order_seq_cst);
    if (was == ORDO_WAKER_PARKED && !ORDO_CANARY(wake_up_lost)) {
        waker->wake(waker->self);
    }
}

void ordo_waker_announce(struct ordo_waker *waker)
{
    uint32_t was =
        atomic_exchange_explicit(&waker->parked, ORDO_WAKER_PARKED, memory_order_seq_cst);
    ORDO_ASSERT(was == ORDO_WAKER_AWAKE);
}

void ordo_waker_cancel(struct ordo_waker *waker)
{
    uint32_t was = atomic_exchange_explicit(&waker->parked, ORDO_WAKER_AWAKE, memory_order_seq_cst);
    ORDO_ASSERT(was != ORDO_WAKER_NEVER);
}

void ordo_waker_sleep(struct ordo_waker *waker, uint64_t timeout_ns)
{
    waker->sleeps++;
    waker->sleep(waker->self, timeout_ns);
    ordo_waker_cancel(waker); /* it may have ended by itself */
}

const char *ordo_wait_name(enum ordo_wait_strategy strategy)
{
    ORDO_ASSERT((size_t)strategy < STRATEGY_COUNT);
    return strategy_names[strategy];
}

bool ordo_wait_find(const char *name, enum ordo_wait_strategy *strategy)
{
    for (size_t i = 0; i < STRATEGY_COUNT; i++) {
        if (strcmp(name, strategy_names[i]) == 0) {
            *strategy = (enum ordo_wait_strategy)i;
            return true;
        }
    }
    return false;
}

enum ordo_err ordo_wait_check(
    enum ordo_wait_strategy strategy, uint32_t threads, int cpus, struct ordo_fail *fail)
{
    ORDO_ASSERT((size_t)strategy < STRATEGY_COUNT);
    if (strategy != ORDO_WAIT_SPIN || cpus < 1 || threads <= (uint32_t)cpus) {
        return ORDO_OK;
    }
    return ordo_fail_set(
        fail,
        ORDO_ERR_CONFIG,
        "wait strategy spin is refused: %u threads would spin on %d cpus; "
        "use fewer threads, or yield or park",
        threads,
        cpus);
}
