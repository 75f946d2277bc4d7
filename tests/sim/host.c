/* Threads become fibers, a futex and a condition variable become what a fiber waits for, and time
 * is a number. A runner of agents is a fiber that goes round: cycles while there is work, then the
 * real announce, look once more, sleep; the polls of the real loop in between would find nothing,
 * as nobody runs beside it.
 *
 * Memory: what the node's fibers take is written down, so that a kill can give it back; what it
 * frees itself is struck off. Its close does free everything, which is checked after a clean stop.
 */
#include "host.h"

#include "fiber.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/thread.h"
#include "ring/runner.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS_MAX 4096

struct block {
    void *memory;
    size_t mapped; /* 0 = of malloc */
};

struct host_clock host_clock;
struct sim_random host_random;

static struct {
    struct block blocks[BLOCKS_MAX];
    uint32_t block_count;
    uint32_t die_in;
    bool dead;
} host;

#define REAL(result, name, ...)                                                                    \
    result __real_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

bool host_chance(uint32_t of)
{
    return of != 0 && sim_random(&host_random, of) == 0;
}

/* ---- clocks ---- */

uint64_t host_wall_us(void)
{
    if (host_clock.frozen_us != 0) {
        return host_clock.frozen_us;
    }
    int64_t us = (int64_t)(host_clock.now_ns / ORDO_NS_PER_US);
    us += us / 1000000 * host_clock.skew_ppm;
    return (uint64_t)((int64_t)HOST_START_US + us + host_clock.wall_off_us);
}

static uint64_t monotonic(void *context)
{
    (void)context;
    return host_clock.now_ns;
}

static uint64_t realtime(void *context)
{
    (void)context;
    return host_wall_us();
}

REAL(struct ordo_clock, ordo_clock_system, void)
{
    return (struct ordo_clock){.monotonic_ns = monotonic, .realtime_us = realtime};
}

/* ---- the life of the process ---- */

void host_begin(void)
{
    ORDO_ASSERT(host.block_count == 0);
    host.dead = false;
    host.die_in = 0;
}

void host_die_in(uint32_t count)
{
    host.die_in = count;
}

bool host_is_dead(void)
{
    return host.dead;
}

void host_file_call(void)
{
    if (fiber_current() == NULL) {
        return;
    }
    if (host.die_in != 0 && --host.die_in == 0) {
        host.dead = true;
    }
    if (host.dead) {
        fiber_wait(&host, FIBER_FOREVER);
        ORDO_UNREACHABLE("a dead process goes on");
    }
    if (host_chance(12)) {
        fiber_pause();
    }
}

void __real_free(void *memory);

void host_kill(void)
{
    fiber_drop_all();
    for (uint32_t i = 0; i < host.block_count; i++) {
        const struct block *block = &host.blocks[i];
        if (block->mapped != 0) {
            (void)munmap(block->memory, block->mapped);
        } else {
            __real_free(block->memory);
        }
    }
    host.block_count = 0;
    host.die_in = 0;
    host.dead = false;
}

/* ---- memory ---- */

static void *keep(void *memory, size_t mapped)
{
    if (memory != NULL && fiber_current() != NULL) {
        ORDO_ASSERT(host.block_count < BLOCKS_MAX);
        host.blocks[host.block_count++] = (struct block){memory, mapped};
    }
    return memory;
}

static void forget(const void *memory)
{
    for (uint32_t i = host.block_count; i > 0 && fiber_current() != NULL; i--) {
        if (host.blocks[i - 1].memory == memory) {
            host.blocks[i - 1] = host.blocks[--host.block_count];
            return;
        }
    }
}

REAL(void *, malloc, size_t size)
{
    return keep(__real_malloc(size), 0);
}

REAL(void *, calloc, size_t count, size_t size)
{
    return keep(__real_calloc(count, size), 0);
}

REAL(void *, aligned_alloc, size_t alignment, size_t size)
{
    return keep(__real_aligned_alloc(alignment, size), 0);
}

REAL(void *, realloc, void *memory, size_t size)
{
    forget(memory);
    return keep(__real_realloc(memory, size), 0);
}

void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
    forget(memory);
    __real_free(memory);
}

REAL(void *, mmap, void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (fd >= SIMFS_FD) {
        return simfs_bytes(fd);
    }
    void *memory = __real_mmap(at, size, protection, flags, fd, offset);
    return memory == MAP_FAILED ? memory : keep(memory, size);
}

REAL(int, munmap, void *memory, size_t size)
{
    if (simfs_is_bytes(memory)) {
        return 0;
    }
    forget(memory);
    return __real_munmap(memory, size);
}

/* Huge pages would be cleared whole for a node that lives for a moment. */
REAL(int, madvise, void *memory, size_t size, int advice)
{
    return advice == MADV_HUGEPAGE ? 0 : __real_madvise(memory, size, advice);
}

/* ---- random bytes ---- */

REAL(ssize_t, getrandom, void *out, size_t size, unsigned flags)
{
    (void)flags;
    uint8_t *bytes = out;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = sim_random64(&host_random);
        memcpy(bytes + i, &word, size - i < 8 ? size - i : 8);
    }
    return (ssize_t)size;
}

/* ---- threads ---- */

static void thread_body(void *context)
{
    struct ordo_thread *thread = context;
    thread->run(thread->context);
    thread->cpu = -2; /* over */
    fiber_wake(thread, UINT32_MAX);
}

REAL(
    enum ordo_err,
    ordo_thread_start,
    struct ordo_thread *thread,
    const char *name,
    int cpu,
    void (*run)(void *),
    void *context)
{
    (void)cpu;
    *thread = (struct ordo_thread){.started = 1, .cpu = -1, .run = run, .context = context};
    (void)snprintf(thread->name, sizeof(thread->name), "%s", name);
    (void)fiber_start(name, thread_body, thread);
    return ORDO_OK;
}

REAL(void, ordo_thread_join, struct ordo_thread *thread)
{
    while (thread->started && thread->cpu != -2) {
        fiber_wait(thread, FIBER_FOREVER);
    }
    thread->started = 0;
}

REAL(int, ordo_thread_cpu_count, void)
{
    return 1;
}

/* ---- sleeping ---- */

REAL(long, syscall, long number, ...)
{
    va_list rest;
    va_start(rest, number);
    if (number != SYS_futex) {
        va_end(rest);
        return 0; /* niceness: no one to be nice to */
    }
    const void *word = va_arg(rest, const void *);
    int operation = va_arg(rest, int);
    uint32_t value = va_arg(rest, uint32_t);
    const struct timespec *limit = va_arg(rest, const struct timespec *);
    va_end(rest);
    if (operation == FUTEX_WAKE_PRIVATE) {
        fiber_wake(word, value);
    } else if (*(const volatile uint32_t *)word == value) {
        uint64_t until = FIBER_FOREVER;
        if (limit != NULL) {
            until = host_clock.now_ns + (uint64_t)limit->tv_sec * ORDO_NS_PER_S +
                    (uint64_t)limit->tv_nsec;
        }
        fiber_wait(word, until);
    }
    return 0;
}

REAL(int, nanosleep, const struct timespec *time, struct timespec *left)
{
    (void)left;
    uint64_t ns = (uint64_t)time->tv_sec * ORDO_NS_PER_S + (uint64_t)time->tv_nsec;
    if (fiber_current() != NULL) {
        fiber_wait(time, host_clock.now_ns + ns);
    }
    return 0;
}

REAL(int, setpriority, __priority_which_t which, id_t who, int value)
{
    (void)which;
    (void)who;
    (void)value;
    return 0;
}

/* Nobody runs beside the one who has the mutex, and nobody gives way while he has it: see the
 * product's uses. */
REAL(int, pthread_cond_wait, pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    (void)pthread_mutex_unlock(mutex);
    fiber_wait(cond, FIBER_FOREVER);
    return pthread_mutex_lock(mutex);
}

REAL(
    int,
    pthread_cond_timedwait,
    pthread_cond_t *cond,
    pthread_mutex_t *mutex,
    const struct timespec *until)
{
    (void)pthread_mutex_unlock(mutex);
    fiber_wait(cond, (uint64_t)until->tv_sec * ORDO_NS_PER_S + (uint64_t)until->tv_nsec);
    return pthread_mutex_lock(mutex);
}

REAL(int, pthread_cond_signal, pthread_cond_t *cond)
{
    fiber_wake(cond, 1);
    return 0;
}

REAL(int, clock_gettime, clockid_t id, struct timespec *out)
{
    uint64_t ns = id == CLOCK_REALTIME ? host_wall_us() * ORDO_NS_PER_US : host_clock.now_ns;
    *out = (struct timespec){
        .tv_sec = (time_t)(ns / ORDO_NS_PER_S), .tv_nsec = (long)(ns % ORDO_NS_PER_S)};
    return 0;
}

uint64_t host_real_ns(void)
{
    struct timespec now;
    (void)__real_clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * ORDO_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* ---- runners ---- */

static uint64_t due_ns(const struct ordo_runner *runner)
{
    uint64_t due =
        atomic_load(&runner->stopping) != 0 ? host_clock.now_ns + ORDO_NS_PER_MS : UINT64_MAX;
    for (uint32_t i = 0; i < runner->agent_count; i++) {
        const struct ordo_agent *agent = &runner->agents[i];
        uint64_t own = agent->deadline_ns != NULL ? agent->deadline_ns(agent->self) : UINT64_MAX;
        due = own < due ? own : due;
    }
    return due;
}

static bool is_drained(const struct ordo_runner *runner)
{
    bool drained = atomic_load(&runner->stopping) != 0;
    for (uint32_t i = 0; drained && i < runner->agent_count; i++) {
        const struct ordo_agent *agent = &runner->agents[i];
        drained = agent->is_drained == NULL || agent->is_drained(agent->self);
    }
    return drained;
}

/* Asleep as park() of runner.c does it. */
static uint32_t sleep_once(struct ordo_runner *runner)
{
    ordo_waker_announce(&runner->waker);
    uint32_t work = ordo_runner_cycle(runner);
    uint64_t due = work != 0 ? 0 : due_ns(runner);
    if (due <= host_clock.now_ns) {
        ordo_waker_cancel(&runner->waker);
        fiber_pause();
    } else {
        ordo_waker_sleep(
            &runner->waker, due == UINT64_MAX ? ORDO_WAIT_FOREVER : due - host_clock.now_ns);
    }
    return work;
}

static void go_round(void *context)
{
    struct ordo_runner *runner = context;
    for (;;) {
        uint32_t work = ordo_runner_cycle(runner);
        if (work != 0) {
            fiber_pause();
            continue;
        }
        if (is_drained(runner)) {
            break;
        }
        (void)sleep_once(runner);
    }
    for (uint32_t i = runner->agent_count; i > 0; i--) {
        if (runner->agents[i - 1].on_close != NULL) {
            runner->agents[i - 1].on_close(runner->agents[i - 1].self);
        }
    }
}

REAL(enum ordo_err, ordo_runner_start, struct ordo_runner *runner)
{
    for (uint32_t i = 0; i < runner->agent_count; i++) {
        ORDO_ASSERT(runner->agents[i].on_start == NULL);
    }
    return __wrap_ordo_thread_start(&runner->thread, runner->name, -1, go_round, runner);
}
