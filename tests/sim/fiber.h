/* fiber.h - threads that take turns: each has a stack of its own, and only the scheduler decides
 * who runs next.
 *
 * The product's threads become fibers here (host.c puts itself in front of ordo_thread_start), so a
 * run has one thread and follows from its seed. A fiber gives way where a thread would sleep, and
 * at file calls where a process may be killed (fiber_pause). Dropping all fibers is a kill -9:
 * their stacks are simply forgotten.
 */
#ifndef ORDO_TESTS_SIM_FIBER_H
#define ORDO_TESTS_SIM_FIBER_H

#include <stdbool.h>
#include <stdint.h>

#define FIBERS_MAX    16
#define FIBER_FOREVER UINT64_MAX

struct fiber;

/* One that is ready to run. */
struct fiber *fiber_start(const char *name, void (*run)(void *context), void *context);

/* Runs it until it waits, pauses or ends. Scheduler only. */
void fiber_resume(struct fiber *fiber);

/* The one that runs; NULL = the scheduler. */
struct fiber *fiber_current(void);
const char *fiber_name(const struct fiber *fiber);

/* Gives way until somebody wakes the address or the time has come. Fibers only. */
void fiber_wait(const void *address, uint64_t until_ns);

/* Gives way and is ready again at once. Does nothing outside of a fiber. */
void fiber_pause(void);

/* At most `count` of those that wait for the address are ready from now on. */
void fiber_wake(const void *address, uint32_t count);

/* The index-th fiber that has not ended; NULL past the last. due: from when on it may run. */
struct fiber *fiber_at(uint32_t index, uint64_t *due_ns);

/* All are forgotten as they stand. Scheduler only. */
void fiber_drop_all(void);

#endif
