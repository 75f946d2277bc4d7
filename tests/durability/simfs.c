/* Images, logs and random numbers of the simulated file system; the calls are in simfs_calls.c. */
#include "simfs.h"

#include "base/assert.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

uint64_t sim_random64(struct sim_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t sim_random(struct sim_random *random, uint32_t bound)
{
    ORDO_ASSERT(bound != 0);
    return (uint32_t)(sim_random64(random) >> 32) % bound;
}

static void *take(size_t size)
{
    void *memory = calloc(1, size);
    ORDO_ASSERT(memory != NULL);
    return memory;
}

void sim_image_init(struct sim_image *image)
{
    *image = (struct sim_image){0};
    size_t size = (size_t)SIM_FILES_MAX * SIM_FILE_MAX;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE; /* most of it is never touched */
    uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    ORDO_ASSERT(memory != MAP_FAILED);
    for (uint32_t i = 0; i < SIM_FILES_MAX; i++) {
        image->files[i].data = memory + (size_t)i * SIM_FILE_MAX;
    }
}

static void copy_file(struct sim_image *to, uint32_t at, const struct sim_file *file)
{
    memcpy(to->files[at].data, file->data, file->size);
    to->files[at].size = file->size;
}

void sim_image_copy(struct sim_image *to, const struct sim_image *from)
{
    for (uint32_t i = 0; i < from->file_count; i++) {
        copy_file(to, i, &from->files[i]);
    }
    memcpy(to->names, from->names, from->name_count * sizeof(from->names[0]));
    to->file_count = from->file_count;
    to->name_count = from->name_count;
}

void sim_image_compact(struct sim_image *to, const struct sim_image *from)
{
    for (uint32_t i = 0; i < from->name_count; i++) {
        to->names[i] = from->names[i];
        to->names[i].file = i;
        copy_file(to, i, &from->files[from->names[i].file]);
    }
    to->file_count = to->name_count = from->name_count;
}

static struct sim_name *find_name(const struct sim_image *image, const char *name)
{
    for (uint32_t i = 0; i < image->name_count; i++) {
        if (strcmp(image->names[i].name, name) == 0) {
            return (struct sim_name *)(uintptr_t)&image->names[i];
        }
    }
    return NULL;
}

uint32_t sim_image_find(const struct sim_image *image, const char *name)
{
    const struct sim_name *found = find_name(image, name);
    return found == NULL ? SIM_NO_FILE : found->file;
}

static void remove_name(struct sim_image *image, const char *name)
{
    struct sim_name *found = find_name(image, name);
    if (found != NULL) {
        *found = image->names[--image->name_count];
    }
}

static void set_name(struct sim_image *image, const char *name, uint32_t file)
{
    remove_name(image, name);
    ORDO_ASSERT(image->name_count < SIM_NAMES_MAX);
    struct sim_name *entry = &image->names[image->name_count++];
    (void)snprintf(entry->name, sizeof(entry->name), "%s", name);
    entry->file = file;
}

static void set_size(struct sim_file *file, uint64_t size)
{
    ORDO_ASSERT(size <= SIM_FILE_MAX);
    if (size > file->size) {
        memset(file->data + file->size, 0, size - file->size);
    }
    file->size = size;
}

void sim_image_apply(struct sim_image *image, const struct sim_op *op)
{
    struct sim_file *file = op->file < SIM_FILES_MAX ? &image->files[op->file] : NULL;
    switch (op->kind) {
    case SIM_WRITE:
        if (op->offset + op->size > file->size) {
            set_size(file, op->offset + op->size);
        }
        memcpy(file->data + op->offset, op->data, op->size);
        break;
    case SIM_SIZE:
        set_size(file, op->offset);
        break;
    case SIM_CREATE:
        while (image->file_count <= op->file) {
            image->files[image->file_count++].size = 0;
        }
        set_name(image, op->name, op->file);
        break;
    case SIM_RENAME:
        remove_name(image, op->name);
        set_name(image, op->to, op->file);
        break;
    case SIM_UNLINK:
        remove_name(image, op->name);
        break;
    case SIM_FLUSH:
    case SIM_FLUSH_DIR:
    case SIM_DONE:
    case SIM_ACK:
        break;
    }
}

/* Over names and bytes, whatever the order of the names. */
uint64_t sim_image_hash(const struct sim_image *image)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < image->name_count; i++) {
        const struct sim_name *entry = &image->names[i];
        const struct sim_file *file = &image->files[entry->file];
        sum += ordo_hash64(
            file->data, file->size, ordo_hash64(entry->name, strlen(entry->name), file->size));
    }
    return sum;
}

void sim_log_init(struct sim_log *log)
{
    log->heap = take(SIM_HEAP_MAX);
    sim_log_clear(log);
}

void sim_log_clear(struct sim_log *log)
{
    log->count = 0;
    log->used = 0;
}

uint32_t sim_log_add(struct sim_log *log, const struct sim_op *op, const uint8_t *data)
{
    ORDO_ASSERT(log->count < SIM_OPS_MAX);
    struct sim_op *entry = &log->ops[log->count];
    *entry = *op;
    if (op->kind == SIM_WRITE) {
        ORDO_ASSERT(log->used + op->size <= SIM_HEAP_MAX);
        entry->data = log->heap + log->used;
        memcpy(entry->data, data, op->size);
        log->used += op->size;
    }
    return log->count++;
}
