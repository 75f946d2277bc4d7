#include "base/thread.h"

#include <sched.h>
#include <stdio.h>

static void *thread_main(void *argument)
{
    struct ordo_thread *thread = argument;
    (void)pthread_setname_np(pthread_self(), thread->name);
    thread->run(thread->context);
    return NULL;
}

enum ordo_err ordo_thread_start(
    struct ordo_thread *thread, const char *name, int cpu, void (*run)(void *), void *context)
{
    enum ordo_err err = ORDO_OK;
    pthread_attr_t attributes;

    *thread = (struct ordo_thread){.cpu = cpu, .run = run, .context = context};
    (void)snprintf(thread->name, sizeof(thread->name), "%s", name);
    if (pthread_attr_init(&attributes) != 0) {
        return ORDO_ERR_UNAVAILABLE;
    }
    if (cpu != ORDO_CPU_ANY) {
        cpu_set_t set;
        CPU_ZERO(&set);
        if (cpu < 0 || cpu >= CPU_SETSIZE) {
            err = ORDO_ERR_CONFIG;
            goto out;
        }
        CPU_SET((unsigned)cpu, &set);
        if (pthread_attr_setaffinity_np(&attributes, sizeof(set), &set) != 0) {
            err = ORDO_ERR_CONFIG;
            goto out;
        }
    }
    if (pthread_create(&thread->handle, &attributes, thread_main, thread) != 0) {
        err = cpu == ORDO_CPU_ANY ? ORDO_ERR_UNAVAILABLE : ORDO_ERR_CONFIG;
        goto out;
    }
    thread->started = 1;
out:
    (void)pthread_attr_destroy(&attributes);
    return err;
}

void ordo_thread_join(struct ordo_thread *thread)
{
    if (thread->started) {
        (void)pthread_join(thread->handle, NULL);
        thread->started = 0;
    }
}

int ordo_thread_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return 1;
    }
    return CPU_COUNT(&set);
}
