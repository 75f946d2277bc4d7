/* histogram.h - log-linear latency histogram, HdrHistogram's layout (G. Tene, "HdrHistogram",
 * public domain).
 *
 * Values are ns from 1 to about one hour; each power of two is divided into 1,024 steps, so a
 * quantile is right to 0.1 %. Recording is a shift and an increment. One writer; a copy is read
 * after the writer stopped.
 */
#ifndef ORDO_BASE_HISTOGRAM_H
#define ORDO_BASE_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

#define ORDO_HISTOGRAM_SUB_BITS 11 /* 2,048 linear steps first, then 1,024 a power of two */
#define ORDO_HISTOGRAM_EXP_MAX  32 /* values above 2^42 ns are counted in the last bucket */
#define ORDO_HISTOGRAM_BUCKETS                                                                     \
    ((1u << ORDO_HISTOGRAM_SUB_BITS) +                                                             \
     ORDO_HISTOGRAM_EXP_MAX * (1u << (ORDO_HISTOGRAM_SUB_BITS - 1)))

struct ordo_histogram {
    uint64_t total;
    uint64_t max;
    uint64_t min;
    uint64_t sum;
    uint64_t counts[ORDO_HISTOGRAM_BUCKETS];
};

void ordo_histogram_reset(struct ordo_histogram *h);
void ordo_histogram_record(struct ordo_histogram *h, uint64_t value_ns);
void ordo_histogram_add(struct ordo_histogram *into, const struct ordo_histogram *from);

/* The smallest recorded bucket value that at least quantile (0..1) of all values do not pass; 0
 * when empty. */
uint64_t ordo_histogram_quantile(const struct ordo_histogram *h, double quantile);

/* HdrHistogram's percentile text (.hgrm), values divided by scale, for its plotters. */
void ordo_histogram_write_hgrm(const struct ordo_histogram *h, double scale, FILE *out);

#endif
