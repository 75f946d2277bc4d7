/* Segments one after the other, the next one read by a thread while this one is worked on: a
 * recovery walks over every byte twice, and without it one of disk and processor always waits.
 *
 * Two memories take turns. The thread lives for one read and owns the other memory until it is
 * joined, which is before anything else touches the disk or that memory; so calls never overlap in
 * one file system and nothing needs a lock. It costs some 30 us a segment. Where there is one core,
 * or no thread to be had, or the segments are small (simulations count calls, and their order must
 * not depend on threads), reads are plain ones. An error of a read ahead is told when that segment
 * is asked for, and never if it is not. */
#include "journal/internal.h"

#define AHEAD_SIZE_MIN (128u << 10)

void ordo_loader_init(struct ordo_loader *loader)
{
    *loader = (struct ordo_loader){.threads = ordo_thread_cpu_count() > 1};
    ordo_load_init(&loader->loads[0]);
    ordo_load_init(&loader->loads[1]);
}

static void read_ahead(void *context)
{
    struct ordo_loader *loader = context;
    struct ordo_load *load = &loader->loads[!loader->current];
    loader->ahead_err = ordo_load_segment(load, loader->folder, loader->ahead, &loader->ahead_fail);
}

static void begin_ahead(struct ordo_loader *loader, uint64_t number)
{
    loader->ahead = number;
    if (ordo_thread_start(&loader->thread, "read-ahead", ORDO_CPU_ANY, read_ahead, loader) !=
        ORDO_OK) {
        loader->ahead = 0;
        loader->threads = false;
    }
}

enum ordo_err ordo_loader_get(
    struct ordo_loader *loader,
    const struct ordo_folder *folder,
    uint64_t number,
    uint64_t last,
    const struct ordo_load **out,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(number != 0);
    ORDO_ASSERT(number <= last);
    enum ordo_err err;
    ordo_thread_join(&loader->thread);
    loader->folder = folder;
    if (loader->ahead == number) {
        loader->current = !loader->current;
        err = loader->ahead_err;
        if (err != ORDO_OK && fail != NULL) {
            *fail = loader->ahead_fail;
        }
    } else {
        err = ordo_load_segment(&loader->loads[loader->current], folder, number, fail);
    }
    loader->ahead = 0;
    if (err != ORDO_OK) {
        return err;
    }
    *out = &loader->loads[loader->current];
    if (loader->threads && number < last && (*out)->size >= AHEAD_SIZE_MIN) {
        begin_ahead(loader, number + 1);
    }
    return ORDO_OK;
}

void ordo_loader_fini(struct ordo_loader *loader)
{
    ordo_thread_join(&loader->thread);
    ordo_load_fini(&loader->loads[0]);
    ordo_load_fini(&loader->loads[1]);
    *loader = (struct ordo_loader){.ahead = 0};
}
