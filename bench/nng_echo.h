/* nng_echo.h - nng's own clients beside `ordo bench e2e`: what its REQ and REP carry on this
 * machine when the server only sends back what came, and an unmodified REQ client of a node. One
 * thread; blocks. */
#ifndef ORDO_BENCH_NNG_ECHO_H
#define ORDO_BENCH_NNG_ECHO_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Starts the child that echoes, for at most so many outstanding messages (256). Before anything of
 * nng is used in this process: nng does not survive a fork. Gives its pid; close is owed. */
enum ordo_err ordo_nng_echo_open(
    const char *url, uint32_t outstanding, pid_t *child, struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_nng_echo_close(pid_t child); /* accepts 0 */

/* What the lanes of a client ask, one message each at a time. Called by threads of nng, but for one
 * lane never by two at once. */
struct ordo_nng_asker {
    void *context;
    uint32_t (*write)(void *context, uint32_t lane, uint8_t *to, uint32_t room);   /* its size */
    bool (*read)(void *context, uint32_t lane, const uint8_t *reply, size_t size); /* is it good? */
};

/* Round trips a second over url (ipc or tcp), `outstanding` lanes at a time, for so long; with
 * `bad` replies that were not good. Without an asker: messages of 100 zeros, for the echo. */
enum ordo_err ordo_nng_ask(
    const char *url,
    uint32_t outstanding,
    const struct ordo_nng_asker *asker,
    uint64_t limit_ns,
    double *per_second,
    uint64_t *bad,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
