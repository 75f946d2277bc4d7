/* R6: bytes that are valid, in the wrong place or of the wrong time: a disk that wrote elsewhere,
 * lost a write, kept an old version; files that were swapped, restored from another node, cut or
 * left out by a person. Made from valid journals that end with an idle mark, so everything in them
 * is known to be flushed: each case must be refused. Only what lies behind the end may be cut, and
 * then no record is missing. */
#include "report.h"
#include "sample.h"

#include "base/assert.h"
#include "base/log.h"
#include "journal/segment.h"

#define CASES_DEFAULT   2000
#define CASES_OF_SAMPLE 100

enum fault {
    FAULT_MISDIRECTED,     /* a batch over another one */
    FAULT_SWAPPED,         /* two batches of one size */
    FAULT_LOST,            /* zeros where a batch was */
    FAULT_LOST_SECTOR,     /* zeros where a sector was */
    FAULT_OTHER_SECTOR,    /* a sector of another batch */
    FAULT_DUPLICATED,      /* an old batch behind the end */
    FAULT_FOREIGN_BATCH,   /* of another node, at its own place */
    FAULT_RECORD,          /* bytes of a body over others */
    FAULT_FOREIGN_SEGMENT, /* a whole file of another node */
    FAULT_SEGMENTS_SWAPPED,
    FAULT_SEGMENT_TWICE, /* over another one */
    FAULT_SEGMENT_MISSING,
    FAULT_SEGMENT_CUT,   /* a shorter file */
    FAULT_SEGMENT_STALE, /* as it was some batches ago */
    FAULT_SHIFTED,       /* a file moved by a block */
    FAULT_COUNT,
};

static const char *const names[FAULT_COUNT] = {
    "misdirected",
    "swapped",
    "lost",
    "lost_sector",
    "other_sector",
    "duplicated",
    "foreign_batch",
    "record",
    "foreign_segment",
    "segments_swapped",
    "segment_twice",
    "missing",
    "segment_cut",
    "segment_stale",
    "shifted"};

struct rig {
    struct report report;
    struct sim_random random;
    struct sample sample;
    struct sample foreign;
    struct sim_image intact;
    uint64_t by_fault[FAULT_COUNT];
    uint64_t refused;
    uint64_t cut;
    uint64_t no_effect;
    uint64_t silent;
};

static uint8_t *bytes_of(struct sample *sample, const struct sample_batch *batch)
{
    return sample_segment(sample, batch->segment)->data + batch->offset;
}

/* Any batch but the mark at the end. */
static struct sample_batch *draw_batch(struct rig *rig)
{
    return &rig->sample.batches[sim_random(&rig->random, rig->sample.batch_count - 1)];
}

static uint64_t draw_segment(struct rig *rig, bool not_last)
{
    return 1 + sim_random(&rig->random, (uint32_t)rig->sample.segment_last - (not_last ? 1 : 0));
}

/* Overwrites a batch, at most up to the mark. */
static void
overwrite(struct rig *rig, const struct sample_batch *batch, const uint8_t *data, uint32_t size)
{
    const struct sample_batch *mark = &rig->sample.batches[rig->sample.batch_count - 1];
    uint64_t room = batch->segment == mark->segment
                        ? mark->offset - batch->offset
                        : sample_segment(&rig->sample, batch->segment)->size - batch->offset;
    memmove(bytes_of(&rig->sample, batch), data, size < room ? size : room);
}

static void zero(uint8_t *data, uint64_t size)
{
    memset(data, 0, size);
}

static void damage_batches(struct rig *rig, enum fault fault)
{
    static uint8_t copy[SIM_FILE_MAX];
    struct sample *sample = &rig->sample;
    struct sample_batch *a = draw_batch(rig);
    struct sample_batch *b = draw_batch(rig);
    uint32_t sector_a = SIM_SECTOR * sim_random(&rig->random, a->header.size / SIM_SECTOR);
    uint32_t sector_b = SIM_SECTOR * sim_random(&rig->random, b->header.size / SIM_SECTOR);
    uint32_t size = a->header.size;
    switch ((int)fault) {
    case FAULT_MISDIRECTED:
        overwrite(rig, b, bytes_of(sample, a), size);
        break;
    case FAULT_SWAPPED:
        memcpy(copy, bytes_of(sample, a), size);
        overwrite(rig, a, bytes_of(sample, b), b->header.size);
        overwrite(rig, b, copy, size);
        break;
    case FAULT_LOST:
        zero(bytes_of(sample, a), size);
        break;
    case FAULT_LOST_SECTOR:
        zero(bytes_of(sample, a) + sector_a, SIM_SECTOR);
        break;
    case FAULT_OTHER_SECTOR:
        memmove(bytes_of(sample, a) + sector_a, bytes_of(sample, b) + sector_b, SIM_SECTOR);
        break;
    case FAULT_DUPLICATED: {
        struct sim_file *file = sample_segment(sample, sample->segment_last);
        uint64_t room = file->size - sample->end;
        memcpy(file->data + sample->end, bytes_of(sample, a), size < room ? size : room);
        break;
    }
    case FAULT_FOREIGN_BATCH: {
        struct sample_batch *other =
            &rig->foreign.batches[sim_random(&rig->random, rig->foreign.batch_count)];
        overwrite(rig, a, bytes_of(&rig->foreign, other), other->header.size);
        break;
    }
    case FAULT_RECORD: {
        uint32_t length = 1 + sim_random(&rig->random, a->header.body_size / 2 + 1);
        uint32_t room = a->header.body_size - length + 1;
        uint8_t *body = bytes_of(sample, a) + ORDO_BATCH_HEADER_SIZE;
        uint32_t from = sim_random(&rig->random, room);
        memmove(body + sim_random(&rig->random, room), body + from, length);
        break;
    }
    default:
        ORDO_ASSERT(false);
    }
}

static void copy_file(struct sim_file *to, const struct sim_file *from)
{
    memcpy(to->data, from->data, from->size);
    to->size = from->size;
}

/* A blank file in the place of the last segment cannot be told from a journal that ended before. */
static uint64_t segments_of_both(const struct rig *rig)
{
    uint64_t own = rig->sample.segment_last;
    return own < rig->foreign.segment_last ? own : rig->foreign.segment_last;
}

static void damage_segments(struct rig *rig, enum fault fault)
{
    struct sample *sample = &rig->sample;
    uint64_t number = draw_segment(rig, true);
    struct sim_file *a = sample_segment(sample, number);
    struct sim_file *b = sample_segment(sample, number + 1);
    struct sim_op gone = {.kind = SIM_UNLINK};
    switch ((int)fault) {
    case FAULT_FOREIGN_SEGMENT:
        number = 1 + sim_random(&rig->random, (uint32_t)segments_of_both(rig));
        copy_file(sample_segment(sample, number), sample_segment(&rig->foreign, number));
        break;
    case FAULT_SEGMENTS_SWAPPED: {
        struct sim_file swap = *a;
        *a = *b;
        *b = swap;
        break;
    }
    case FAULT_SEGMENT_TWICE:
        copy_file(b, a);
        break;
    case FAULT_SEGMENT_MISSING:
        ordo_segment_name(number, gone.name);
        sim_image_apply(&sample->image, &gone);
        break;
    case FAULT_SEGMENT_CUT: {
        struct sample_batch *batch = draw_batch(rig);
        struct sim_file *file = sample_segment(sample, batch->segment);
        if (batch->segment < sample->segment_last) {
            file->size = batch->offset + sim_random(&rig->random, batch->header.size);
        } else { /* the mark stays: only its own segment's batches are at stake */
            zero(file->data, sample->block);
        }
        break;
    }
    case FAULT_SEGMENT_STALE: {
        struct sample_batch *batch = draw_batch(rig);
        struct sim_file *file = sample_segment(sample, batch->segment);
        uint64_t end = batch->segment < sample->segment_last
                           ? file->size
                           : sample->batches[sample->batch_count - 1].offset;
        zero(file->data + batch->offset, end - batch->offset);
        break;
    }
    case FAULT_SHIFTED:
        memmove(a->data + sample->block, a->data, a->size - sample->block);
        break;
    default:
        ORDO_ASSERT(false);
    }
}

static uint64_t content_hash(const struct rig *rig)
{
    return sim_image_hash(&rig->sample.image);
}

static void one_case(struct rig *rig, uint64_t intact_hash)
{
    struct sample *sample = &rig->sample;
    enum fault fault = (enum fault)sim_random(&rig->random, FAULT_COUNT);
    sim_image_copy(&sample->image, &rig->intact);
    if (fault < FAULT_FOREIGN_SEGMENT) {
        damage_batches(rig, fault);
    } else {
        damage_segments(rig, fault);
    }
    uint64_t before = content_hash(rig);
    if (before == intact_hash) {
        return; /* a batch over itself */
    }
    rig->report.cases++;
    rig->by_fault[fault]++;
    simfs_mount(&sample->image, NULL, sample->block);
    enum ordo_err err = driver_recover(&sample->driver);
    uint64_t visited = sample->driver.visited;
    bool torn = err == ORDO_OK && sample->driver.recovery.torn_bytes != 0;
    driver_close(&sample->driver);
    bool refused = err == ORDO_ERR_DAMAGED || err == ORDO_ERR_VERSION;
    bool may_cut = fault == FAULT_DUPLICATED;
    rig->refused += refused ? 1 : 0;
    rig->cut += torn ? 1 : 0;
    if (may_cut && torn && visited == sample->driver.seq) {
        return;
    }
    if (refused && strstr(sample->driver.fail.text, "not what was written") == NULL) {
        return;
    }
    if (fault == FAULT_SEGMENT_CUT && err == ORDO_OK && visited == sample->driver.seq) {
        rig->no_effect++; /* zeros of padding were missing, and their chain hash still holds */
        return;
    }
    rig->silent += err == ORDO_OK ? 1 : 0;
    report_fail(
        &rig->report,
        "%s: %s, %lu of %lu records%s: %s",
        names[fault],
        ordo_err_name(err),
        visited,
        sample->driver.seq,
        torn ? ", torn" : "",
        sample->driver.fail.text);
}

static void run_sample(struct rig *rig, uint64_t round)
{
    struct sample_shape shape = {
        .segments = 2 + sim_random(&rig->random, 3),
        .segment_size = 20480 + 4096 * sim_random(&rig->random, 8),
        .fill = 4096 + 1024 * sim_random(&rig->random, 8),
        .block = sim_random(&rig->random, 4) == 0 ? 4096 : 512,
        .in_flight_max = 1 + sim_random(&rig->random, 4),
        .group_max = 1 + sim_random(&rig->random, 20),
        .mark = true,
    };
    sample_make(&rig->foreign, &shape, rig->report.seed + 1000000007 * (round + 1));
    sample_make(&rig->sample, &shape, rig->report.seed + round);
    sim_image_copy(&rig->intact, &rig->sample.image);
    uint64_t intact_hash = content_hash(rig);
    /* an exactly full segment gets no mark */
    bool marked = rig->sample.batches[rig->sample.batch_count - 1].header.record_count == 0;
    for (uint32_t i = 0;
         marked && i < CASES_OF_SAMPLE && rig->report.cases < rig->report.cases_wanted;
         i++) {
        one_case(rig, intact_hash);
    }
    sim_image_copy(&rig->sample.image, &rig->intact);
    sample_fini(&rig->sample);
    sample_fini(&rig->foreign);
}

int main(int argc, char **argv)
{
    static struct rig rig;
    rig.report = report_begin("R6", CASES_DEFAULT, argc, argv);
    ordo_log_set_level(ORDO_LOG_ERROR);
    rig.random = (struct sim_random){rig.report.seed};
    sim_image_init(&rig.intact);
    uint64_t rounds = 0;
    while (rig.report.cases < rig.report.cases_wanted && rig.report.fails < 20) {
        run_sample(&rig, rounds++);
    }
    printf("R6 cases:");
    for (int i = 0; i < FAULT_COUNT; i++) {
        printf(" %s=%lu", names[i], rig.by_fault[i]);
    }
    char more[120];
    (void)snprintf(
        more,
        sizeof(more),
        "silent=%lu refused=%lu cut=%lu without_effect=%lu",
        rig.silent,
        rig.refused,
        rig.cut,
        rig.no_effect);
    printf("\n");
    return report_end(&rig.report, more);
}
