/* See simdisk.h. */
#include "simdisk.h"

#include "base/assert.h"

#include <stdio.h>

#define SHORT_ONE_IN 40

static struct simdisk_flight *free_flight(struct simdisk *self)
{
    for (uint32_t i = 0; i < ORDO_DISK_IN_FLIGHT_MAX; i++) {
        if (!self->flights[i].used) {
            return &self->flights[i];
        }
    }
    return NULL;
}

/* A short write: the rest has left for the disk, too, and nobody knows what became of it. */
static enum ordo_err submit(struct ordo_disk *disk, const struct ordo_disk_write *write)
{
    struct simdisk *self = (struct simdisk *)disk;
    struct simdisk_flight *flight = free_flight(self);
    ORDO_ASSERT(flight != NULL);
    uint32_t size = write->size;
    if (size > SIM_SECTOR && sim_random(&self->random, SHORT_ONE_IN) == 0) {
        size = SIM_SECTOR * sim_random(&self->random, size / SIM_SECTOR);
    }
    *flight = (struct simdisk_flight){.used = true, .done = {write->tag, (int32_t)size}};
    flight->op = simfs_write_begin(self->fd, write->offset, write->data, size);
    if (size < write->size) {
        (void)simfs_write_begin(
            self->fd, write->offset + size, write->data + size, write->size - size);
    }
    return ORDO_OK;
}

static uint32_t reap(struct ordo_disk *disk, struct ordo_disk_done *done, uint32_t max)
{
    struct simdisk *self = (struct simdisk *)disk;
    uint32_t count = 0;
    for (uint32_t i = 0; i < ORDO_DISK_IN_FLIGHT_MAX && count < max; i++) {
        struct simdisk_flight *flight = &self->flights[i];
        if (flight->used && sim_random(&self->random, 2) == 0) {
            flight->used = false;
            simfs_note(SIM_DONE, flight->op);
            done[count++] = flight->done;
        }
    }
    return count;
}

static void use_file(struct ordo_disk *disk, int fd)
{
    ((struct simdisk *)disk)->fd = fd;
    simfs_expect_other(); /* the next segment is wanted right after this */
}

static void close_inner(struct ordo_disk *disk)
{
    struct simdisk *self = (struct simdisk *)disk;
    self->inner->port->close(self->inner);
}

static const struct ordo_disk_port port = {
    .submit = submit, .reap = reap, .use_file = use_file, .close = close_inner};

struct ordo_disk *simdisk_wrap(struct simdisk *simdisk, struct ordo_disk *inner, uint64_t seed)
{
    *simdisk = (struct simdisk){
        .disk = {.port = &port, .name = "simulated"}, .inner = inner, .random = {seed}};
    (void)snprintf(simdisk->inner_name, sizeof(simdisk->inner_name), "%s", inner->name);
    return &simdisk->disk;
}
