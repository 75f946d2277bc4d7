/* R5: every bit of a segment flipped, one at a time. What was flushed can be told: then the verdict
 * is "damaged" (or another version), and nothing else. What nobody can prove to have been flushed
 * is cut exactly there, and nothing before it. Never is a flipped bit accepted.
 *
 * The rule is worked out here a second time, from the list of batches alone. */
#include "report.h"
#include "sample.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/log.h"
#include "journal/internal.h"

#define SEGMENT       (64u << 10)
#define CASES_DEFAULT (SEGMENT * 8ull)

struct rig {
    struct report report;
    struct sample sample;
    struct ordo_loader loader;
    struct ordo_journal *journal;
    uint64_t refused;
    uint64_t cut;
    uint64_t behind; /* cut behind the end: no record was there */
    uint64_t silent;
    uint64_t digest;
};

/* The batch that holds the offset of a segment; batch_count when it lies behind all. A segment
 * header belongs to the batch behind it. */
static uint32_t batch_at(const struct sample *sample, uint64_t segment, uint64_t offset)
{
    for (uint32_t i = 0; i < sample->batch_count; i++) {
        const struct sample_batch *batch = &sample->batches[i];
        if (batch->segment == segment && offset < batch->offset + batch->header.size) {
            return i;
        }
    }
    return sample->batch_count;
}

/* Would anybody know that this batch was flushed? */
static bool is_proven(const struct sample *sample, uint64_t segment, uint64_t offset, uint32_t i)
{
    if (segment < sample->segment_last || (segment == 1 && offset < sample->block)) {
        return true;
    }
    if (i == sample->batch_count) {
        return false;
    }
    const struct ordo_batch_header *bad = &sample->batches[i].header;
    for (uint32_t later = i + 1; later < sample->batch_count; later++) {
        const struct ordo_batch_header *h = &sample->batches[later].header;
        if (h->number - 1 - h->pending >= bad->number ||
            (bad->record_count != 0 && h->durable_seq >= bad->first_seq)) {
            return true;
        }
    }
    return false;
}

static void flip(struct rig *rig, uint64_t segment, uint64_t bit)
{
    struct sample *sample = &rig->sample;
    struct sim_file *file = sample_segment(sample, segment);
    uint64_t offset = bit / 8;
    uint32_t i = batch_at(sample, segment, offset);
    bool proven = is_proven(sample, segment, offset, i);
    struct ordo_verdict v;
    struct ordo_fail fail = {0};
    file->data[offset] ^= (uint8_t)(1u << bit % 8);
    enum ordo_err err = ordo_recover_judge(rig->journal, 0, &rig->loader, &v, &fail);
    file->data[offset] ^= (uint8_t)(1u << bit % 8);
    rig->report.cases++;
    rig->digest = ordo_hash64(&err, sizeof(err), rig->digest + v.tip.seq);
    bool refused = err == ORDO_ERR_DAMAGED || err == ORDO_ERR_VERSION;
    if (refused && proven) {
        rig->refused++;
        return;
    }
    bool is_behind = i == sample->batch_count;
    uint64_t place = is_behind ? sample->end : sample->batches[i].offset;
    place = offset < sample->block ? 0 : place;
    uint64_t kept = is_behind ? sample->driver.seq : sample->batches[i].header.first_seq - 1;
    if (err == ORDO_OK && !proven && v.torn_number == segment && v.torn_offset == place &&
        v.tip.seq == kept) {
        *(is_behind ? &rig->behind : &rig->cut) += 1;
        return;
    }
    rig->silent += err == ORDO_OK && (v.torn_number != segment || v.torn_offset > offset) ? 1 : 0;
    report_fail(
        &rig->report,
        "segment %lu, bit %lu (offset %lu, batch %u of %u, %s): %s, torn at %lu of %lu, records "
        "%lu "
        "wanted %lu: %s",
        segment,
        bit,
        offset,
        i,
        sample->batch_count,
        proven ? "proven" : "not proven",
        ordo_err_name(err),
        v.torn_offset,
        v.torn_number,
        v.tip.seq,
        kept,
        fail.text);
}

/* The shapes differ in what stands behind the flipped segment's batches. */
static struct sample_shape shape_of(uint64_t round)
{
    return (struct sample_shape){
        .segments = round % 5 == 2 ? 2 : 1,
        .segment_size = SEGMENT,
        .fill = round % 5 == 2 ? 4096 : SEGMENT - 16000,
        .block = round % 5 == 3 ? 4096 : 512,
        .in_flight_max = round % 5 == 4 ? 4 : 2,
        .group_max = round % 5 == 4 ? 4 : 24,
        .mark = round % 5 == 0 || round % 5 == 3,
    };
}

static void run_round(struct rig *rig, uint64_t round)
{
    struct sample_shape shape = shape_of(round);
    struct sample *sample = &rig->sample;
    sample_make(sample, &shape, rig->report.seed + round);
    simfs_mount(&sample->image, NULL, sample->block);
    struct ordo_fail fail = {0};
    enum ordo_err err = ordo_journal_open(&sample->driver.config, &rig->journal, &fail);
    ORDO_ASSERT(err == ORDO_OK);
    struct ordo_verdict v;
    err = ordo_recover_judge(rig->journal, 0, &rig->loader, &v, &fail);
    ORDO_ASSERT(err == ORDO_OK && v.torn_number == 0 && v.tip.seq == sample->driver.seq);
    uint64_t left = rig->report.cases_wanted - rig->report.cases;
    for (uint64_t bit = 0; bit < SEGMENT * 8 && bit < left && rig->report.fails < 20; bit++) {
        flip(rig, 1, bit);
    }
    ordo_journal_close(rig->journal);
    sample_fini(sample);
}

int main(int argc, char **argv)
{
    static struct rig rig;
    ordo_loader_init(&rig.loader);
    rig.report = report_begin("R5", CASES_DEFAULT, argc, argv);
    ordo_log_set_level(ORDO_LOG_ERROR);
    uint64_t rounds = 0;
    while (rig.report.cases < rig.report.cases_wanted && rig.report.fails < 20) {
        run_round(&rig, rounds++);
    }
    char more[200];
    (void)snprintf(
        more,
        sizeof(more),
        "silent=%lu refused=%lu cut=%lu cut_behind_the_end=%lu digest=%016lx",
        rig.silent,
        rig.refused,
        rig.cut,
        rig.behind,
        rig.digest);
    ordo_loader_fini(&rig.loader);
    return report_end(&rig.report, more);
}
