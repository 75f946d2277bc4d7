/* read_load.h - the load of `ordo bench read`: one client that asks for the status of orders.
 *
 * A lane has one request in flight, of a group of queries, each for an order drawn at random; every
 * answer is decoded and must be the order asked for. Closed loop: a lane asks again when it has its
 * answer. Open loop: requests are due at a fixed rate, and the latency runs from there.
 */
#ifndef ORDO_BENCH_READ_LOAD_H
#define ORDO_BENCH_READ_LOAD_H

#include "base/histogram.h"
#include "bench/schedule.h"
#include "client/client.h"

#define ORDO_READ_LANES_MAX 256u
#define ORDO_READ_GROUP_MAX 256u

struct ordo_read;

struct ordo_read_config {
    const char *url;
    uint32_t lanes;  /* requests in flight at most */
    uint32_t group;  /* queries of one request */
    uint64_t first;  /* number of the first order, as of e2e_load.h */
    uint32_t orders; /* how many there are from it on */
};

/* Creates the orders that reads ask for, durable; the product must be there. Blocks. */
enum ordo_err ordo_read_fill(
    const char *url, uint64_t first, uint32_t orders, struct ordo_fail *fail) ORDO_MUST_USE;

enum ordo_err ordo_read_open(
    struct ordo_read **out,
    const struct ordo_read_config *config,
    struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_read_close(struct ordo_read *load); /* accepts NULL */

struct ordo_read_run {
    uint64_t limit_ns;
    uint64_t rate; /* requests a second, open loop; 0 = closed */
};

/* Queries answered a second; latencies of requests are added. Blocks; asleep while it waits. */
enum ordo_err ordo_read_run(
    struct ordo_read *load,
    const struct ordo_read_run *run,
    struct ordo_histogram *latency,
    double *per_second,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
