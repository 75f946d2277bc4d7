/* sample.h - a valid journal in an image, and where its batches are: what damage is made from. */
#ifndef ORDO_TESTS_DURABILITY_SAMPLE_H
#define ORDO_TESTS_DURABILITY_SAMPLE_H

#include "driver.h"
#include "journal/format.h"
#include "simdisk.h"

#define SAMPLE_BATCHES_MAX 512

struct sample_batch {
    uint64_t segment;
    uint64_t offset;
    struct ordo_batch_header header;
};

struct sample {
    struct driver driver;
    struct simdisk disk;
    struct sim_random random;
    struct sim_image image;
    uint32_t block;
    struct sample_batch batches[SAMPLE_BATCHES_MAX];
    uint32_t batch_count;
    uint64_t segment_last; /* begun */
    uint64_t end;          /* of its last batch */
};

struct sample_shape {
    uint64_t segments; /* so many are begun */
    uint64_t segment_size;
    uint64_t fill; /* bytes used in the last one, about */
    uint32_t block;
    uint32_t in_flight_max;
    uint32_t group_max; /* records of a batch, at most */
    bool mark;          /* the last batch is an idle mark */
};

/* Everything in it is complete and on the disk. */
void sample_make(struct sample *sample, const struct sample_shape *shape, uint64_t seed);
void sample_fini(struct sample *sample);

struct sim_file *sample_segment(struct sample *sample, uint64_t number);

#endif
