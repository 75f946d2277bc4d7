/* flash_tell.h - what the bursts of `ordo bench flash` gave, added up and told. One thread. */
#ifndef ORDO_BENCH_FLASH_TELL_H
#define ORDO_BENCH_FLASH_TELL_H

#include "bench/flash_run.h"
#include "bench/report.h"

struct ordo_flash_burst { /* all bursts with one number of products */
    uint32_t products;
    struct ordo_histogram *creates; /* ns from when they were due; owned by the benchmark */
    struct ordo_histogram *facts;
    struct ordo_series created;      /* creates answered a second, at the height */
    struct ordo_series told;         /* payment facts answered a second, the whole run */
    struct ordo_flash_counts counts; /* sums */
};

/* Adds a burst that has ended and was checked. */
void ordo_flash_keep(struct ordo_flash_burst *burst, const struct ordo_flash *flash);

/* Two rows, with latencies, and a note of what became of the orders. */
void ordo_flash_add_rows(const struct ordo_flash_burst *burst, struct ordo_report *report);

#endif
