/* thread.h - named, optionally pinned threads, and the roles that own data.
 *
 * A role names the thread of execution that may touch a field or call a function. clang's
 * thread-safety analysis checks the annotations at compile time (-Wthread-safety, an error); gcc
 * sees empty macros. A role is entered at the top of a thread or of a duty cycle and left at its
 * end.
 */
#ifndef ORDO_BASE_THREAD_H
#define ORDO_BASE_THREAD_H

#include "base/err.h"

#include <pthread.h>

#if defined(__clang__)
#define ORDO_ATTRIBUTE(x) __attribute__((x))
#else
#define ORDO_ATTRIBUTE(x)
#endif

struct ORDO_ATTRIBUTE(capability("role")) ordo_role {
    char unused;
};

#define ORDO_RUN_ON(role)   ORDO_ATTRIBUTE(requires_capability(role))
#define ORDO_OWNED_BY(role) ORDO_ATTRIBUTE(guarded_by(role))
#define ORDO_ENTERS(role)   ORDO_ATTRIBUTE(acquire_capability(role))
#define ORDO_LEAVES(role)   ORDO_ATTRIBUTE(release_capability(role))
#define ORDO_TRUSTED_ROLE   ORDO_ATTRIBUTE(no_thread_safety_analysis)

#define ORDO_CPU_ANY         (-1)
#define ORDO_THREAD_NAME_MAX 15 /* bytes without the zero: the kernel's limit */

struct ordo_thread {
    pthread_t handle;
    int started;
    char name[ORDO_THREAD_NAME_MAX + 1];
    int cpu;
    void (*run)(void *context);
    void *context;
};

/* Starts run(context) on a thread of this name, pinned to cpu unless ORDO_CPU_ANY. `thread` must
 * outlive it. UNAVAILABLE when the system refuses the thread, CONFIG when it refuses the cpu. */
enum ordo_err ordo_thread_start(
    struct ordo_thread *thread, const char *name, int cpu, void (*run)(void *), void *context)
    ORDO_MUST_USE;

/* Waits for the end of a started thread; does nothing for one that was not started. Blocks. */
void ordo_thread_join(struct ordo_thread *thread);

/* Number of processors this process may run on (its affinity mask, not the machine's count). */
int ordo_thread_cpu_count(void);

#endif
