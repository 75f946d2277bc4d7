#include "base/histogram.h"

#include <math.h>
#include <string.h>

#define SUB_BITS ORDO_HISTOGRAM_SUB_BITS
#define HALF     (1u << (SUB_BITS - 1))

static uint32_t bucket_of(uint64_t value)
{
    if (value < (1u << SUB_BITS)) {
        return (uint32_t)value;
    }
    uint32_t exponent = 63u - (uint32_t)__builtin_clzll(value) - (SUB_BITS - 1);
    if (exponent > ORDO_HISTOGRAM_EXP_MAX) {
        return ORDO_HISTOGRAM_BUCKETS - 1;
    }
    uint32_t step = (uint32_t)(value >> exponent) - HALF;
    return (1u << SUB_BITS) + (exponent - 1) * HALF + step;
}

/* The largest value that falls into the bucket. */
static uint64_t bucket_value(uint32_t bucket)
{
    if (bucket < (1u << SUB_BITS)) {
        return bucket;
    }
    if (bucket == ORDO_HISTOGRAM_BUCKETS - 1) {
        return UINT64_MAX; /* everything too large: the caller takes the maximum */
    }
    uint32_t exponent = (bucket - (1u << SUB_BITS)) / HALF + 1;
    uint64_t step = (bucket - (1u << SUB_BITS)) % HALF + HALF;
    return ((step + 1) << exponent) - 1;
}

void ordo_histogram_reset(struct ordo_histogram *h)
{
    memset(h, 0, sizeof(*h));
    h->min = UINT64_MAX;
}

void ordo_histogram_record(struct ordo_histogram *h, uint64_t value_ns)
{
    h->counts[bucket_of(value_ns)]++;
    h->total++;
    h->sum += value_ns;
    if (value_ns > h->max) {
        h->max = value_ns;
    }
    if (value_ns < h->min) {
        h->min = value_ns;
    }
}

void ordo_histogram_add(struct ordo_histogram *into, const struct ordo_histogram *from)
{
    for (uint32_t i = 0; i < ORDO_HISTOGRAM_BUCKETS; i++) {
        into->counts[i] += from->counts[i];
    }
    into->total += from->total;
    into->sum += from->sum;
    into->max = from->max > into->max ? from->max : into->max;
    into->min = from->min < into->min ? from->min : into->min;
}

uint64_t ordo_histogram_quantile(const struct ordo_histogram *h, double quantile)
{
    if (h->total == 0) {
        return 0;
    }
    uint64_t wanted = (uint64_t)ceil(quantile * (double)h->total);
    if (wanted == 0) {
        wanted = 1;
    }
    uint64_t seen = 0;
    for (uint32_t i = 0; i < ORDO_HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen >= wanted) {
            uint64_t value = bucket_value(i);
            return value < h->max ? value : h->max;
        }
    }
    return h->max;
}

static double deviation(const struct ordo_histogram *h, double mean)
{
    double sum = 0;
    for (uint32_t i = 0; i < ORDO_HISTOGRAM_BUCKETS && h->total != 0; i++) {
        double value = (double)(bucket_value(i) < h->max ? bucket_value(i) : h->max);
        sum += (double)h->counts[i] * (value - mean) * (value - mean);
    }
    return h->total == 0 ? 0 : sqrt(sum / (double)h->total);
}

void ordo_histogram_write_hgrm(const struct ordo_histogram *h, double scale, FILE *out)
{
    (void)fprintf(
        out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    uint64_t seen = 0;
    for (uint32_t i = 0; i < ORDO_HISTOGRAM_BUCKETS && h->total != 0; i++) {
        if (h->counts[i] == 0) {
            continue;
        }
        seen += h->counts[i];
        double quantile = (double)seen / (double)h->total;
        uint64_t value = bucket_value(i) < h->max ? bucket_value(i) : h->max;
        (void)fprintf(
            out, "%12.3f %2.12f %10llu", (double)value / scale, quantile, (unsigned long long)seen);
        if (seen < h->total) {
            (void)fprintf(out, " %14.2f\n", 1.0 / (1.0 - quantile));
        } else {
            (void)fprintf(out, "\n");
        }
    }
    double mean = h->total == 0 ? 0 : (double)h->sum / (double)h->total;
    (void)fprintf(
        out,
        "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
        mean / scale,
        deviation(h, mean) / scale);
    (void)fprintf(
        out,
        "#[Max     = %12.3f, Total count    = %12llu]\n",
        (double)h->max / scale,
        (unsigned long long)h->total);
}
