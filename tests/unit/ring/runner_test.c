/* Runners: agents in turn, hooks on the thread, drain on stop, deadlines, peers woken after a cycle
 * with work.
 *
 * Method: small counting agents; waiting is on counters with a deadline, never by sleeping. */
#include "ring/runner.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

struct counter {
    _Atomic uint32_t left;   /* work to do */
    _Atomic uint32_t done;   /* work done */
    _Atomic uint32_t cycles; /* do_work calls */
    _Atomic uint32_t held;   /* is_drained says no */
    char *log;
    char letter;
    pthread_t started_on;
    pthread_t closed_on;
    uint64_t deadline_ns;
    uint32_t done_at_close;
};

static char log_text[256];

static void note(struct counter *c, char letter)
{
    size_t at = strlen(c->log);
    c->log[at] = letter;
}

static uint32_t counter_work(void *self)
{
    struct counter *c = self;
    atomic_fetch_add(&c->cycles, 1);
    if (c->log != NULL) {
        note(c, c->letter);
    }
    if (atomic_load(&c->left) == 0) {
        return 0;
    }
    atomic_fetch_sub(&c->left, 1);
    atomic_fetch_add(&c->done, 1);
    return 1;
}

static void counter_start(void *self)
{
    struct counter *c = self;
    c->started_on = pthread_self();
}

static bool counter_drained(void *self)
{
    struct counter *c = self;
    return atomic_load(&c->held) == 0;
}

static void counter_close(void *self)
{
    struct counter *c = self;
    c->closed_on = pthread_self();
    c->done_at_close = atomic_load(&c->done);
    if (c->log != NULL) {
        note(c, (char)(c->letter - 'a' + 'A'));
    }
}

static uint64_t counter_deadline(void *self)
{
    struct counter *c = self;
    return c->deadline_ns;
}

static struct ordo_agent agent_of(struct counter *c)
{
    return (struct ordo_agent){
        .name = "counter",
        .self = c,
        .do_work = counter_work,
        .on_start = counter_start,
        .is_drained = counter_drained,
        .on_close = counter_close,
        .deadline_ns = counter_deadline,
    };
}

static uint64_t now_ns(void)
{
    struct ordo_clock clock = ordo_clock_system();
    return ordo_clock_monotonic_ns(&clock);
}

static void wait_at_least(_Atomic uint32_t *value, uint32_t wanted)
{
    uint64_t end_ns = now_ns() + 20 * ORDO_NS_PER_S;
    while (atomic_load(value) < wanted) {
        cr_assert_lt(now_ns(), end_ns, "%u of %u", atomic_load(value), wanted);
        (void)sched_yield();
    }
}

static struct ordo_runner runner;
static struct ordo_runner second;

Test(runner, runs_its_agents_in_turn_and_sums_their_work)
{
    struct counter a = {.left = 2, .log = log_text, .letter = 'a'};
    struct counter b = {.left = 1, .log = log_text, .letter = 'b'};
    ordo_runner_init(&runner, "turn", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    ordo_runner_add(&runner, agent_of(&a));
    ordo_runner_add(&runner, agent_of(&b));
    cr_assert_eq(ordo_runner_cycle(&runner), 2);
    cr_assert_eq(ordo_runner_cycle(&runner), 1);
    cr_assert_eq(ordo_runner_cycle(&runner), 0);
    cr_assert_str_eq(log_text, "ababab");
    cr_assert_eq(atomic_load(&runner.cycles), 2, "cycles with work");
}

Test(runner, drains_before_it_closes_with_every_strategy)
{
    enum ordo_wait_strategy all[] = {ORDO_WAIT_SPIN, ORDO_WAIT_YIELD, ORDO_WAIT_PARK};
    for (size_t i = 0; i < 3; i++) {
        struct counter c = {.left = 5000, .deadline_ns = UINT64_MAX};
        ordo_runner_init(&runner, "drain", all[i], ORDO_CPU_ANY);
        ordo_runner_add(&runner, agent_of(&c));
        cr_assert_eq(ordo_runner_start(&runner), ORDO_OK);
        ordo_runner_stop(&runner);
        ordo_runner_join(&runner);
        cr_assert_eq(c.done_at_close, 5000);
        cr_assert(pthread_equal(c.started_on, c.closed_on));
        cr_assert_not(pthread_equal(c.started_on, pthread_self()));
    }
}

Test(runner, goes_on_after_stop_until_every_agent_is_drained)
{
    struct counter free_agent = {.deadline_ns = UINT64_MAX};
    struct counter held = {.held = 1, .deadline_ns = UINT64_MAX};
    ordo_runner_init(&runner, "held", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    ordo_runner_add(&runner, agent_of(&free_agent));
    ordo_runner_add(&runner, agent_of(&held));
    cr_assert_eq(ordo_runner_start(&runner), ORDO_OK);
    ordo_runner_stop(&runner);
    wait_at_least(&held.cycles, atomic_load(&held.cycles) + 100); /* past all polling */
    atomic_store(&held.left, 3);
    wait_at_least(&held.done, 3); /* without any signal: a draining sleep is bounded */
    atomic_store(&held.held, 0);
    ordo_runner_join(&runner);
    cr_assert_eq(held.done_at_close, 3);
}

Test(runner, closes_the_last_agent_first)
{
    struct counter a = {.log = log_text, .letter = 'a'};
    struct counter b = {.log = log_text, .letter = 'b'};
    ordo_runner_init(&runner, "close", ORDO_WAIT_YIELD, ORDO_CPU_ANY);
    ordo_runner_add(&runner, agent_of(&a));
    ordo_runner_add(&runner, agent_of(&b));
    ordo_runner_stop(&runner); /* before the start: one empty cycle, then the end */
    cr_assert_eq(ordo_runner_start(&runner), ORDO_OK);
    ordo_runner_join(&runner);
    cr_assert_str_eq(log_text, "abBA");
}

Test(runner, wakes_for_the_earliest_deadline)
{
    struct counter late = {.deadline_ns = UINT64_MAX};
    struct counter due = {.deadline_ns = now_ns() + 20 * ORDO_NS_PER_MS};
    ordo_runner_init(&runner, "due", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    ordo_runner_add(&runner, agent_of(&late));
    ordo_runner_add(&runner, agent_of(&due));
    cr_assert_eq(ordo_runner_start(&runner), ORDO_OK);
    uint64_t end_ns = now_ns() + 20 * ORDO_NS_PER_S;
    while (now_ns() < due.deadline_ns) {
        (void)sched_yield();
    }
    wait_at_least(
        &due.cycles, atomic_load(&due.cycles) + 2); /* it runs again with nobody's signal */
    cr_assert_lt(now_ns(), end_ns);
    ordo_runner_stop(&runner);
    ordo_runner_join(&runner);
}

Test(runner, sleeps_when_idle_and_is_woken_by_a_signal)
{
    struct counter c = {.deadline_ns = UINT64_MAX};
    ordo_runner_init(&runner, "idle", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    ordo_runner_add(&runner, agent_of(&c));
    cr_assert_eq(ordo_runner_start(&runner), ORDO_OK);
    for (uint32_t i = 1; i <= 50; i++) {
        wait_at_least(&runner.waker.parked, ORDO_WAKER_PARKED);
        atomic_store(&c.left, 1);
        ordo_waker_signal(&runner.waker);
        wait_at_least(&c.done, i);
    }
    ordo_runner_stop(&runner);
    ordo_runner_join(&runner);
    cr_assert_gt(runner.waker.sleeps, 0);
}

static struct ordo_runner looking;

/* Work that appears, unsignalled, only once the runner has announced its sleep. */
static uint32_t late_work(void *self)
{
    struct counter *c = self;
    if (atomic_load(&looking.waker.parked) != ORDO_WAKER_PARKED || atomic_load(&c->done) == 10) {
        return 0;
    }
    atomic_fetch_add(&c->done, 1);
    return 1;
}

Test(runner, looks_once_more_after_it_has_announced_its_sleep)
{
    static struct counter c;
    ordo_runner_init(&looking, "look", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    ordo_runner_add(&looking, (struct ordo_agent){.self = &c, .do_work = late_work});
    cr_assert_eq(ordo_runner_start(&looking), ORDO_OK);
    wait_at_least(&c.done, 10);
    ordo_runner_stop(&looking);
    ordo_runner_join(&looking);
}

struct relay {
    _Atomic uint32_t *from;
    _Atomic uint32_t *to;
};

static uint32_t relay_work(void *self)
{
    struct relay *relay = self;
    uint32_t value = atomic_load(relay->from);
    if (atomic_load(relay->to) == value) {
        return 0;
    }
    atomic_store(relay->to, value);
    return 1;
}

Test(runner, wakes_its_peers_after_a_cycle_with_work)
{
    static _Atomic uint32_t in;
    static _Atomic uint32_t middle;
    static _Atomic uint32_t out;
    struct relay first = {&in, &middle};
    struct relay last = {&middle, &out};
    ordo_runner_init(&runner, "first", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    ordo_runner_init(&second, "last", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    ordo_runner_add(&runner, (struct ordo_agent){.self = &first, .do_work = relay_work});
    ordo_runner_add(&second, (struct ordo_agent){.self = &last, .do_work = relay_work});
    ordo_runner_add_peer(&runner, &second.waker);
    cr_assert_eq(ordo_runner_start(&second), ORDO_OK);
    cr_assert_eq(ordo_runner_start(&runner), ORDO_OK);
    for (uint32_t i = 1; i <= 300; i++) {
        atomic_store(&in, i);
        ordo_waker_signal(&runner.waker);
        wait_at_least(&out, i);
    }
    ordo_runner_stop(&runner);
    ordo_runner_join(&runner);
    ordo_runner_stop(&second);
    ordo_runner_join(&second);
}

static _Atomic uint32_t last_words;

static void leave_last_words(void *self)
{
    struct counter *c = self;
    wait_at_least(&second.waker.parked, ORDO_WAKER_PARKED);
    atomic_store(&last_words, atomic_load(&c->done));
}

/* The words of a hook reach a peer that sleeps without any bound. */
static void check_words(struct ordo_agent agent, uint32_t before_stop)
{
    static _Atomic uint32_t out;
    struct relay last = {&last_words, &out};
    ordo_runner_init(&runner, "speaking", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    ordo_runner_init(&second, "last", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    ordo_runner_add(&runner, agent);
    ordo_runner_add(&second, (struct ordo_agent){.self = &last, .do_work = relay_work});
    ordo_runner_add_peer(&runner, &second.waker);
    cr_assert_eq(ordo_runner_start(&second), ORDO_OK);
    cr_assert_eq(ordo_runner_start(&runner), ORDO_OK);
    wait_at_least(&out, before_stop);
    ordo_runner_stop(&runner);
    ordo_runner_join(&runner);
    wait_at_least(&out, 3);
    ordo_runner_stop(&second);
    ordo_runner_join(&second);
}

Test(runner, wakes_its_peers_when_it_has_closed)
{
    struct counter c = {.left = 3, .deadline_ns = UINT64_MAX};
    struct ordo_agent agent = agent_of(&c);
    agent.on_close = leave_last_words;
    check_words(agent, 0);
}

Test(runner, wakes_its_peers_when_it_has_started)
{
    struct counter c = {.done = 3, .deadline_ns = UINT64_MAX};
    struct ordo_agent agent = agent_of(&c);
    agent.on_start = leave_last_words;
    agent.on_close = NULL;
    check_words(agent, 3);
}

Test(runner, reports_a_cpu_that_does_not_exist)
{
    struct counter c = {.left = 0};
    ordo_runner_init(&runner, "no cpu", ORDO_WAIT_PARK, 1000);
    ordo_runner_add(&runner, agent_of(&c));
    cr_assert_eq(ordo_runner_start(&runner), ORDO_ERR_CONFIG);
    ordo_runner_join(&runner);
}

Test(runner, a_name_longer_than_the_kernels_asserts, .signal = SIGABRT)
{
    ordo_runner_init(&runner, "0123456789abcdef", ORDO_WAIT_PARK, ORDO_CPU_ANY);
}
