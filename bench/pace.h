/* pace.h - lifecycles at an offered rate from one client: an open loop.
 *
 * Requests of `group` commands become due at equal distances, whatever the node does; latency
 * counts from when a request was due, so a stall of the node is in the figure of each request that
 * should have been sent meanwhile. A request is the next step (create, attempt, pay which issues,
 * delivery) of the group of orders that waits longest for it, or a new group's first.
 *
 * Without a rate it is a closed loop: `lanes` requests are in flight all the time.
 *
 * The client sleeps until the next request is due or an answer comes, whichever is first: one that
 * polls takes a core from the node.
 */
#ifndef ORDO_BENCH_PACE_H
#define ORDO_BENCH_PACE_H

#include "base/histogram.h"
#include "client/client.h"

#define ORDO_PACE_COHORTS_MAX  1024 /* groups of orders that are alive */
#define ORDO_PACE_GROUP_MAX    256
#define ORDO_PACE_PRODUCTS_MAX 64

struct ordo_pace_config {
    const char *url;
    uint64_t rate; /* commands a second; 0 = a closed loop */
    uint32_t group;
    uint32_t lanes;    /* of the closed loop */
    uint32_t products; /* the orders go round them */
    uint64_t numbers;  /* where the orders' numbers begin: loads on one node shall not meet */
};

struct ordo_pace_count {
    uint64_t commands; /* answered OK within the time */
    uint64_t refused;  /* must be 0 */
    uint64_t unsent;   /* requests that were due and could not be sent in time: each is counted in
                          the latencies with how late it was at the end */
    uint64_t busy;
    double seconds;
};

struct ordo_pace;

/* Connects (waits at most wait_ms), and puts the products. close is owed after an error too. */
enum ordo_err ordo_pace_open(
    struct ordo_pace **out,
    const struct ordo_pace_config *config,
    uint32_t wait_ms,
    struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_pace_close(struct ordo_pace *pace); /* accepts NULL */

/* Runs for a time; adds to *latency. What is in flight at the end is waited for, and is in the
 * latencies. Blocks. */
enum ordo_err ordo_pace_run(
    struct ordo_pace *pace,
    uint64_t limit_ns,
    struct ordo_histogram *latency,
    struct ordo_pace_count *count,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
