/* snapshot_rig.h - a folder with a snapshot store and a model of what is in it, for the tests of
 * journal/snapshot*.c. One set of these statics a test program. */
#ifndef ORDO_TESTS_JOURNAL_SNAPSHOT_RIG_H
#define ORDO_TESTS_JOURNAL_SNAPSHOT_RIG_H

#include "base/hash.h"
#include "journal/snapshot_internal.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB      (1ull << 20)
#define SECTIONS 3
#define CHUNKS   400

struct model {
    uint32_t counts[SECTIONS];
    uint8_t versions[SECTIONS][CHUNKS];
};

static char folder[64];
static struct ordo_snapshot_store *store;
static struct ordo_fail fail;
static uint8_t chunk_bytes[ORDO_SNAPSHOT_CHUNK_MAX];

static inline uint32_t size_of(uint32_t section)
{
    return section == 0 ? 100 : 700 * (section + 1);
}

static inline struct ordo_bytes content(uint32_t section, uint32_t chunk, uint8_t version)
{
    uint32_t size = size_of(section);
    uint64_t word = ((uint64_t)section << 40 | chunk) * 0x9e3779b97f4a7c15ull + version;
    for (uint32_t i = 0; i < size; i += 8) {
        ordo_put_le64(chunk_bytes + i, word);
        word = word * 6364136223846793005ull + 1;
    }
    return (struct ordo_bytes){chunk_bytes, size};
}

static inline void open_store(uint64_t map_size)
{
    enum ordo_err err = ordo_snapshot_open(folder, map_size, &store, &fail);
    cr_assert_eq(err, ORDO_OK, "%s", fail.text);
}

static inline void init(void)
{
    (void)strcpy(folder, "snapshot-test.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    open_store(MIB);
}

static inline void fini(void)
{
    char command[128];
    if (store != NULL) {
        ordo_snapshot_close(store);
    }
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

static inline void path_of(enum ordo_snapshot_which which, const char *suffix, char path[256])
{
    char name = which == ORDO_SNAPSHOT_A ? 'a' : 'b';
    (void)snprintf(path, 256, "%s/snapshot/%c%s", folder, name, suffix);
}

static inline enum ordo_err begin(enum ordo_snapshot_which which, bool whole)
{
    return ordo_snapshot_begin(store, which, whole, &fail);
}

static inline enum ordo_err put(const struct model *model, uint32_t section, uint32_t chunk)
{
    struct ordo_bytes bytes = content(section, chunk, model->versions[section][chunk]);
    return ordo_snapshot_put(store, section, chunk, bytes, &fail);
}

static inline enum ordo_err put_all(const struct model *model)
{
    enum ordo_err err = ORDO_OK;
    for (uint32_t s = SECTIONS; s-- > 0;) { /* in no order */
        for (uint32_t c = model->counts[s]; c-- > 0 && err == ORDO_OK;) {
            err = put(model, s, c);
        }
    }
    return err;
}

static inline enum ordo_err finish(const struct model *model, uint64_t generation)
{
    struct ordo_snapshot_info info = {
        .rules = 1,
        .layout = 4,
        .generation = generation,
        .seq = generation * 100,
        .update_seq = 7,
        .time_us = 9,
        .stream_hash = {1, 2, 3},
        .node = {4, 5, 6},
        .section_count = SECTIONS,
    };
    memcpy(info.chunk_counts, model->counts, sizeof(model->counts));
    return ordo_snapshot_finish(store, &info, &fail);
}

static inline void
write_whole(enum ordo_snapshot_which which, const struct model *model, uint64_t generation)
{
    enum ordo_err err = begin(which, true);
    err = err == ORDO_OK ? put_all(model) : err;
    err = err == ORDO_OK ? finish(model, generation) : err;
    cr_assert_eq(err, ORDO_OK, "%s", fail.text);
}

static inline enum ordo_snapshot_status
verify(enum ordo_snapshot_which which, struct ordo_snapshot_info *info)
{
    return ordo_snapshot_verify(folder, which, info, &fail);
}

/* ---- what comes back ---- */

struct reading {
    const struct model *model;
    uint32_t section;
    uint32_t chunk;
    bool same;
};

static inline void settle(struct reading *r)
{
    while (r->section < SECTIONS && r->chunk == r->model->counts[r->section]) {
        r->section++;
        r->chunk = 0;
    }
}

static inline enum ordo_err visit(
    void *context,
    uint32_t section,
    uint32_t chunk,
    struct ordo_bytes bytes,
    struct ordo_fail *unused)
{
    struct reading *r = context;
    (void)unused;
    settle(r);
    bool next = section == r->section && chunk == r->chunk && section < SECTIONS;
    r->same = r->same && next &&
              ordo_bytes_equal(bytes, content(section, chunk, r->model->versions[section][chunk]));
    r->chunk++;
    return ORDO_OK;
}

/* OK: it gave exactly the model. DIVERGED: it gave something else. */
static inline enum ordo_err load(enum ordo_snapshot_which which, const struct model *model)
{
    struct reading r = {.model = model, .same = true};
    enum ordo_err err = ordo_snapshot_load(folder, which, visit, &r, &fail);
    settle(&r);
    return err == ORDO_OK && !(r.same && r.section == SECTIONS) ? ORDO_ERR_DIVERGED : err;
}

static inline void
expect_holds(enum ordo_snapshot_which which, const struct model *model, uint64_t number)
{
    struct ordo_snapshot_info info;
    cr_assert_eq(verify(which, &info), ORDO_SNAPSHOT_COMPLETE, "%s", fail.text);
    cr_assert_eq(info.generation, number);
    cr_assert_eq(info.seq, number * 100);
    cr_assert_eq(load(which, model), ORDO_OK, "%s", fail.text);
}

#endif
