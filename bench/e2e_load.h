/* e2e_load.h - the load of `ordo bench e2e`: lifecycles from one client over one connection, each
 * step durable and answered before the next.
 *
 * A lane has a group of orders and one request in flight: it creates them all, opens a payment
 * attempt for each, pays them (which issues), acknowledges the deliveries, and begins again with
 * new ones. So lanes are requests in flight and the group is commands a request. Closed loop: the
 * next step is sent when the one before is answered, as a shop does. Open loop: requests are due at
 * a fixed rate, a lane that is free sends the next step of its orders, and the latency runs from
 * the time at which the request was due, also where no lane was free then.
 */
#ifndef ORDO_BENCH_E2E_LOAD_H
#define ORDO_BENCH_E2E_LOAD_H

#include "base/histogram.h"
#include "bench/schedule.h"
#include "client/client.h"

#define ORDO_E2E_LANES_MAX 256
#define ORDO_E2E_GROUP_MAX 1024

#define ORDO_E2E_STEPS     4  /* commands of a lifecycle */
#define ORDO_E2E_NAME_SIZE 16 /* bytes of an order's number */

struct ordo_e2e;

/* The command of a step (from 0) in the life of order `number`, without an id; its texts point into
 * name. How many transitions it makes. Any thread. */
uint32_t ordo_e2e_make(
    struct ordo_command *command, char name[ORDO_E2E_NAME_SIZE], uint32_t step, uint64_t number);

/* Connects to url (waits for the server up to 30 s) and puts the product. group: commands of one
 * request. numbers: where its orders' numbers begin, so that loads on one node do not meet. */
enum ordo_err ordo_e2e_open(
    struct ordo_e2e **out,
    const char *url,
    uint32_t lanes,
    uint32_t group,
    uint64_t numbers,
    struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_e2e_close(struct ordo_e2e *e2e); /* accepts NULL */

struct ordo_e2e_count {
    uint64_t commands; /* answered OK */
    uint64_t transitions;
    uint64_t refused; /* must be 0 */
    uint64_t busy;
    uint64_t late; /* requests of an open loop that were sent more than 1 ms after they were due */
    double seconds;
};

/* Runs for a time; latencies of requests are added to *latency. What is in flight at the end is
 * waited for and counted. Blocks. */
enum ordo_err ordo_e2e_run(
    struct ordo_e2e *e2e,
    uint64_t limit_ns,
    struct ordo_histogram *latency,
    struct ordo_e2e_count *count,
    struct ordo_fail *fail) ORDO_MUST_USE;

struct ordo_e2e_offer {
    uint64_t requests_per_s;
    uint64_t limit_ns;
};

/* The open loop: every request that is due within the time is sent, however late, and waited for.
 * Blocks; asleep between the intended times. */
enum ordo_err ordo_e2e_offer(
    struct ordo_e2e *e2e,
    const struct ordo_e2e_offer *offer,
    struct ordo_histogram *latency,
    struct ordo_e2e_count *count,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
