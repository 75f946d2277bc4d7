/* See sample.h. */
#include "sample.h"

#include "base/assert.h"
#include "journal/internal.h"

#include <sched.h>
#include <stdlib.h>

static struct ordo_disk *wrap(void *context, struct ordo_disk *disk)
{
    struct sample *sample = (struct sample *)((char *)context - offsetof(struct sample, driver));
    return simdisk_wrap(&sample->disk, disk, sim_random64(&sample->random));
}

struct sim_file *sample_segment(struct sample *sample, uint64_t number)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(number, name);
    uint32_t file = sim_image_find(&sample->image, name);
    ORDO_ASSERT(file != SIM_NO_FILE);
    return &sample->image.files[file];
}

static void drain(struct driver *driver)
{
    while (!ordo_journal_is_drained(driver->journal)) {
        (void)driver_work(driver);
        (void)sched_yield();
    }
    ORDO_ASSERT(!ordo_journal_failed(driver->journal));
}

static void find_batches(struct sample *sample)
{
    for (uint64_t number = 1; number <= sample->segment_last; number++) {
        const struct sim_file *file = sample_segment(sample, number);
        uint64_t at = sample->block;
        struct sample_batch *batch = &sample->batches[sample->batch_count];
        while (at < file->size &&
               ordo_batch_header_decode(
                   file->data + at, file->size - at, sample->block, &batch->header)) {
            ORDO_ASSERT(sample->batch_count < SAMPLE_BATCHES_MAX - 1);
            batch->segment = number;
            batch->offset = at;
            at += batch->header.size;
            batch = &sample->batches[++sample->batch_count];
        }
        sample->end = at;
    }
}

void sample_make(struct sample *sample, const struct sample_shape *shape, uint64_t seed)
{
    sample->random = (struct sim_random){seed};
    sample->block = shape->block;
    sample->batch_count = 0;
    if (sample->image.files[0].data == NULL) {
        sim_image_init(&sample->image);
    }
    sample->image.file_count = sample->image.name_count = 0;
    struct driver *driver = &sample->driver;
    driver_init(driver, SIMFS_ROOT, seed);
    driver->hooks.wrap = wrap;
    driver->config.segment_size = shape->segment_size;
    driver->config.batch_size_max = 8192;
    driver->config.in_flight_max = shape->in_flight_max;
    simfs_mount(&sample->image, NULL, shape->block);
    simfs_hold_others(false);
    enum ordo_err err = driver_recover(driver);
    err = err == ORDO_OK ? driver_attach(driver) : err;
    ORDO_ASSERT(err == ORDO_OK);
    struct ordo_journal *journal = driver->journal;
    while (journal->segment.number < shape->segments || journal->position < shape->fill) {
        uint32_t count = 1 + sim_random(&sample->random, shape->group_max);
        for (uint32_t i = 0; i < count; i++) {
            (void)driver_push(driver, true);
        }
        (void)driver_work(driver);
    }
    drain(driver);
    if (shape->mark) {
        driver->now_ns += 300 * ORDO_NS_PER_MS;
        (void)driver_work(driver);
        drain(driver);
    }
    while (!simfs_is_other_done()) {
        (void)sched_yield();
    }
    sample->segment_last = journal->segment.number;
    driver_close(driver);
    find_batches(sample);
    ORDO_ASSERT(sample->batch_count > 3);
}

void sample_fini(struct sample *sample)
{
    driver_fini(&sample->driver);
}
