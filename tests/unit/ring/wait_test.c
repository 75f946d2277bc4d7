/* Wakers: a signal after the announcement always ends the sleep, one signal of many makes the call,
 * the port is used when it is replaced; names and the refusal of too many spinners. */
#include "ring/wait.h"

#include "base/clock.h"
#include "base/thread.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

static struct ordo_waker waker;

static uint64_t now_ns(void)
{
    struct ordo_clock clock = ordo_clock_system();
    return ordo_clock_monotonic_ns(&clock);
}

Test(wait, names_are_found_again_and_others_are_not)
{
    enum ordo_wait_strategy all[] = {ORDO_WAIT_SPIN, ORDO_WAIT_YIELD, ORDO_WAIT_PARK};
    for (size_t i = 0; i < 3; i++) {
        enum ordo_wait_strategy found = ORDO_WAIT_SPIN;
        cr_assert(ordo_wait_find(ordo_wait_name(all[i]), &found));
        cr_assert_eq(found, all[i]);
    }
    enum ordo_wait_strategy untouched = ORDO_WAIT_YIELD;
    cr_assert_not(ordo_wait_find("block", &untouched));
    cr_assert_not(ordo_wait_find("", &untouched));
    cr_assert_eq(untouched, ORDO_WAIT_YIELD);
}

Test(wait, spin_is_refused_when_threads_exceed_cpus)
{
    struct ordo_fail fail = {.err = ORDO_OK};
    cr_assert_eq(ordo_wait_check(ORDO_WAIT_SPIN, 2, 2, &fail), ORDO_OK);
    cr_assert_eq(ordo_wait_check(ORDO_WAIT_SPIN, 3, 2, &fail), ORDO_ERR_CONFIG);
    cr_assert_not_null(strstr(fail.text, "3 threads"), "%s", fail.text);
    cr_assert_not_null(strstr(fail.text, "2 cpus"), "%s", fail.text);
    cr_assert_eq(ordo_wait_check(ORDO_WAIT_YIELD, 30, 2, NULL), ORDO_OK);
    cr_assert_eq(ordo_wait_check(ORDO_WAIT_PARK, 30, 2, NULL), ORDO_OK);
}

Test(wait, a_signal_between_announcement_and_sleep_is_not_lost)
{
    ordo_waker_init(&waker);
    for (int i = 0; i < 1000; i++) {
        ordo_waker_announce(&waker);
        ordo_waker_signal(&waker);
        ordo_waker_sleep(&waker, ORDO_WAIT_FOREVER); /* the test hangs when it is lost */
    }
    cr_assert_eq(waker.sleeps, 1000);
}

Test(wait, a_sleep_ends_by_its_timeout_and_may_be_announced_again)
{
    ordo_waker_init(&waker);
    for (int i = 0; i < 3; i++) {
        uint64_t begin_ns = now_ns();
        ordo_waker_announce(&waker);
        ordo_waker_sleep(&waker, 2 * ORDO_NS_PER_MS);
        cr_assert_geq(now_ns() - begin_ns, 2 * ORDO_NS_PER_MS - ORDO_NS_PER_MS / 10);
    }
    ordo_waker_announce(&waker);
    ordo_waker_cancel(&waker);
    ordo_waker_announce(&waker);
    ordo_waker_cancel(&waker);
}

Test(wait, announcing_twice_asserts, .signal = SIGABRT)
{
    ordo_waker_init(&waker);
    ordo_waker_announce(&waker);
    ordo_waker_announce(&waker);
}

static int wakes;
static int sleeps;
static uint64_t timeout_seen_ns;

static void port_sleep(void *self, uint64_t timeout_ns)
{
    cr_assert_eq(self, &wakes);
    timeout_seen_ns = timeout_ns;
    sleeps++;
}

static void port_wake(void *self)
{
    cr_assert_eq(self, &wakes);
    wakes++;
}

Test(wait, uses_the_port_and_wakes_once_for_many_signals)
{
    ordo_waker_init(&waker);
    ordo_waker_replace(&waker, port_sleep, port_wake, &wakes);
    ordo_waker_signal(&waker);
    cr_assert_eq(wakes, 0, "nobody sleeps");
    ordo_waker_announce(&waker);
    for (int i = 0; i < 5; i++) {
        ordo_waker_signal(&waker);
    }
    cr_assert_eq(wakes, 1);
    ordo_waker_sleep(&waker, 77);
    cr_assert_eq(sleeps, 1);
    cr_assert_eq(timeout_seen_ns, 77);
    ordo_waker_signal(&waker);
    cr_assert_eq(wakes, 1, "it is awake again");
}

Test(wait, signals_to_one_that_never_sleeps_do_nothing)
{
    ordo_waker_init(&waker);
    ordo_waker_replace(&waker, port_sleep, port_wake, &wakes);
    ordo_waker_never_sleeps(&waker);
    ordo_waker_signal(&waker);
    cr_assert_eq(wakes, 0);
    cr_assert_eq(atomic_load(&waker.parked), ORDO_WAKER_NEVER);
}

static struct ordo_waker other;
static _Atomic uint32_t ball;

#define ROUNDS 2000u

/* Sleeps without any timeout until the ball has the wanted value. */
static void wait_for_ball(struct ordo_waker *own, uint32_t wanted)
{
    while (atomic_load_explicit(&ball, memory_order_acquire) != wanted) {
        ordo_waker_announce(own);
        if (atomic_load_explicit(&ball, memory_order_acquire) == wanted) {
            ordo_waker_cancel(own);
        } else {
            ordo_waker_sleep(own, ORDO_WAIT_FOREVER);
        }
    }
}

static void return_the_ball(void *context)
{
    (void)context;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        wait_for_ball(&other, 2 * i - 1);
        atomic_store_explicit(&ball, 2 * i, memory_order_release);
        ordo_waker_signal(&waker);
    }
}

Test(wait, two_sleepers_that_wake_each_other_never_miss_one, .timeout = 60)
{
    struct ordo_thread thread;
    ordo_waker_init(&waker);
    ordo_waker_init(&other);
    cr_assert_eq(
        ordo_thread_start(&thread, "return", ORDO_CPU_ANY, return_the_ball, NULL), ORDO_OK);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        atomic_store_explicit(&ball, 2 * i - 1, memory_order_release);
        ordo_waker_signal(&other);
        wait_for_ball(&waker, 2 * i);
    }
    ordo_thread_join(&thread);
    cr_assert_eq(atomic_load(&ball), 2 * ROUNDS);
}
