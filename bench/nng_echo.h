/* nng_echo.h - the rival beside `ordo bench e2e`: what nng's own REQ and REP carry on this machine,
 * when the server only sends back what came. One thread; blocks. */
#ifndef ORDO_BENCH_NNG_ECHO_H
#define ORDO_BENCH_NNG_ECHO_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

/* Starts the child that echoes, for at most so many outstanding messages (256). Before anything of
 * nng is used in this process: nng does not survive a fork. Gives its pid; close is owed. */
enum ordo_err ordo_nng_echo_open(
    const char *url, uint32_t outstanding, pid_t *child, struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_nng_echo_close(pid_t child); /* accepts 0 */

/* Round trips a second of messages of `size` bytes, `outstanding` at a time, over url (ipc or tcp),
 * for so long. */
enum ordo_err ordo_nng_echo(
    const char *url,
    uint32_t outstanding,
    uint32_t size,
    uint64_t limit_ns,
    double *per_second,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
