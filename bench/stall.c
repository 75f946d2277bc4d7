#include "bench/stall.h"

#include "base/clock.h"

#include <signal.h>
#include <string.h>
#include <time.h>

static void sleep_ns(uint64_t ns)
{
    struct timespec time = {(time_t)(ns / ORDO_NS_PER_S), (long)(ns % ORDO_NS_PER_S)};
    while (nanosleep(&time, &time) != 0) {
    }
}

static void *run(void *self)
{
    const struct ordo_stall *stall = self;
    sleep_ns(stall->after_ns);
    (void)kill(stall->pid, SIGSTOP);
    sleep_ns(stall->stall_ns);
    (void)kill(stall->pid, SIGCONT);
    return NULL;
}

enum ordo_err ordo_stall_begin(
    struct ordo_stall *stall,
    pid_t pid,
    uint64_t after_ns,
    uint64_t stall_ns,
    struct ordo_fail *fail)
{
    *stall = (struct ordo_stall){.pid = pid, .after_ns = after_ns, .stall_ns = stall_ns};
    int error = stall_ns == 0 ? 0 : pthread_create(&stall->thread, NULL, run, stall);
    if (error != 0) {
        stall->stall_ns = 0;
        return ordo_fail_set(
            fail, ORDO_ERR_UNAVAILABLE, "no thread for a stall: %s", strerror(error));
    }
    return ORDO_OK;
}

void ordo_stall_end(struct ordo_stall *stall)
{
    if (stall->stall_ns != 0) {
        (void)pthread_join(stall->thread, NULL);
        stall->stall_ns = 0;
    }
}
