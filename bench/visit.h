/* visit.h - one visit to a point of a sweep: a node of its own with that configuration, its CPU at
 * rest, a warm-up, and the load. What all visits of a point gave is kept beside it.
 *
 * One thread; blocks.
 */
#ifndef ORDO_BENCH_VISIT_H
#define ORDO_BENCH_VISIT_H

#include "bench/point.h"
#include "bench/report.h"

enum ordo_metric {
    ORDO_METRIC_THROUGHPUT, /* commands a second, durable and answered */
    ORDO_METRIC_P50,        /* us, from when the request was due */
    ORDO_METRIC_P99,
    ORDO_METRIC_P999,
    ORDO_METRIC_MAX,
    ORDO_METRIC_NODE_CPU,   /* cores, user and system, under the load */
    ORDO_METRIC_IDLE_CPU,   /* cores without any load */
    ORDO_METRIC_CLIENT_CPU, /* cores of the load itself */
    ORDO_METRIC_COUNT
};

const char *ordo_metric_name(enum ordo_metric metric);
const char *ordo_metric_unit(enum ordo_metric metric);

struct ordo_tried {
    struct ordo_point point;
    bool refused;     /* the node does not start like this */
    bool failed;      /* it starts, and a visit came to no end as it should */
    char reason[192]; /* why, in the node's words or ours */
    uint32_t count;   /* visits, at most ORDO_BENCH_REPEATS_MAX */
    uint64_t busy;    /* of all visits */
    uint64_t unsent;  /* requests */
    struct ordo_series values[ORDO_METRIC_COUNT];
    struct ordo_histogram *latency; /* of all visits, ns; owned; NULL before the first */
};

struct ordo_visit_config {
    const char *dir; /* where the data folders are made */
    uint32_t group;  /* commands a request */
    uint32_t lanes;  /* requests in flight when the rate is max */
    double seconds;
    double warm_up_s;
    double idle_s;
};

/* No more visits to this one. */
static inline bool ordo_tried_is_out(const struct ordo_tried *tried)
{
    return tried->refused || tried->failed;
}

/* Visits once and appends to *tried, or notes that the node refuses or that the load failed. An
 * error is one of ours: no folder, no memory. */
enum ordo_err ordo_visit(
    const struct ordo_visit_config *config,
    const struct ordo_axes *axes,
    struct ordo_tried *tried,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Median (share 0.5), least (0), most (1) or another quantile of the visits; 0 when there are
 * none. */
double ordo_tried_value(const struct ordo_tried *tried, enum ordo_metric metric, double share);

/* Frees the histograms of `count` of them. */
void ordo_tried_fini(struct ordo_tried *tried, uint32_t count);

#endif
