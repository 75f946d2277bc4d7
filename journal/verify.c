/* The pass over everything, as a reader that is never satisfied with "nothing more yet".
 *
 * Beside a running server a segment is read while it grows. What does not hold is therefore read
 * again, a bounded number of times with a pause, before it is called damaged, and a segment whose
 * successor has begun meanwhile is read once more for its end. On a stopped folder the same
 * repetition costs a tenth of a second before the bad news. */
#include "journal/verify.h"

#include "journal/internal.h"
#include "journal/vault.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LOOKS_MAX     6
#define LOOK_PAUSE_NS 20000000L

struct pass {
    const struct ordo_verify *verify;
    struct ordo_verify_report *report;
    struct ordo_fail *fail;
    struct ordo_folder folder;
    struct ordo_chain chain;
    struct ordo_load load;
    struct ordo_tip tip;
    uint64_t number; /* of the loaded segment */
    uint64_t offset; /* of the next batch in it */
    struct ordo_segment_header header;
    const char *reason; /* why the place at offset does not hold */
    uint64_t bad_seq;
};

enum outcome { HOLDS, ENDS, BAD, FAILED };

static void path_of(const struct pass *p, uint64_t number, char *out, size_t size)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    struct stat about;
    ordo_segment_name(number, name);
    if (fstatat(p->folder.fd, name, &about, 0) == 0) {
        (void)snprintf(out, size, "%s/%s", p->folder.path, name);
        return;
    }
    ordo_vault_name(number, name);
    (void)snprintf(out, size, "%s/" ORDO_ARCHIVE_DIR "/%s", p->folder.path, name);
}

/* Could recovery cut here? Not when something later proves that the place had been flushed. */
static bool is_torn(const struct pass *p, uint64_t offset)
{
    if (p->load.data == NULL ||
        p->number <
            p->folder.archive_last + (p->offset == 0 && p->folder.archive_last != 0 ? 2 : 1)) {
        return false;
    }
    for (uint64_t later = p->number + 1; later <= p->folder.last; later++) {
        _Alignas(ORDO_JOURNAL_BLOCK_MAX) uint8_t block[ORDO_JOURNAL_BLOCK_MAX];
        struct ordo_fail ignored;
        size_t got;
        if (ordo_segment_read_first(&p->folder, later, block, &got, &ignored) != ORDO_OK ||
            !ordo_is_zero(block, got)) {
            return false;
        }
    }
    struct ordo_proof proof;
    ordo_find_proof(&p->load, offset, &p->tip, p->offset != 0, p->number == 1, &proof);
    return proof.batch <= p->tip.batch && proof.seq <= p->tip.seq;
}

static enum ordo_err damaged(struct pass *p, uint64_t offset, uint64_t seq, const char *reason)
{
    char path[ORDO_FAIL_TEXT_MAX / 2];
    path_of(p, p->number, path, sizeof(path));
    return ordo_fail_set(
        p->fail,
        ORDO_ERR_DAMAGED,
        "%s is damaged at offset %" PRIu64 ", sequence %" PRIu64 ": %s%s",
        path,
        offset,
        seq,
        reason,
        is_torn(p, offset)
            ? "; nothing behind it proves that it had been flushed: a torn tail, which recovery "
              "saves and cuts (`ordo journal repair-tail` shows it)"
            : ": restore this file from a backup or a replica");
}

static void pause_look(int look)
{
    if (look > 0) {
        (void)nanosleep(&(struct timespec){.tv_nsec = LOOK_PAUSE_NS}, NULL);
    }
}

/* ---- batches ---- */

static enum outcome visit(struct pass *p, const uint8_t *data, const struct ordo_batch_header *h)
{
    struct ordo_reader r = ordo_reader_over(data + ORDO_BATCH_HEADER_SIZE, h->body_size);
    uint32_t crc = ordo_record_seed(h->salt, h->number, h->first_seq);
    uint64_t update_seq = h->first_update_seq;
    for (uint32_t i = 0; p->verify->visit != NULL && i < h->record_count; i++) {
        struct ordo_record_bytes bytes;
        bool holds = ordo_record_read(&r, h->base_time_us, &crc, &bytes);
        ORDO_ASSERT(holds); /* the batch was checked in this very memory */
        update_seq += bytes.update_count;
        struct ordo_record record = {
            .seq = h->first_seq + i,
            .time_us = bytes.time_us,
            .update_seq = update_seq,
            .update_count = bytes.update_count,
            .command = bytes.command,
            .outcome = bytes.outcome,
        };
        if (p->verify->visit(p->verify->context, &record, p->fail) != ORDO_OK) {
            return FAILED;
        }
    }
    return HOLDS;
}

static enum outcome take_batch(struct pass *p)
{
    uint64_t left = p->header.size - p->offset;
    const uint8_t *data = p->load.data + p->offset;
    struct ordo_batch_check check = {.reason = "a batch is missing"};
    enum ordo_batch_state state = ordo_batch_check(data, left, &p->tip, &check);
    p->bad_seq = p->tip.seq + 1;
    if (state == ORDO_BATCH_BLANK && ordo_is_zero(data, left)) {
        return ENDS;
    }
    if (state != ORDO_BATCH_GOOD) {
        p->reason = state == ORDO_BATCH_CUT ? "a batch reaches over the end" : check.reason;
        p->bad_seq = state == ORDO_BATCH_BAD ? check.bad_seq : p->bad_seq;
        return BAD;
    }
    uint8_t chain[ORDO_JOURNAL_CHAIN_SIZE];
    bool ok = ordo_chain_batch(&p->chain, p->tip.keyed, data, check.header.size, chain);
    ORDO_ASSERT(ok); /* the key was checked with the header */
    if (visit(p, data, &check.header) == FAILED) {
        return FAILED;
    }
    ordo_tip_advance(&p->tip, &check, chain);
    p->offset += check.header.size;
    struct ordo_verify_report *r = p->report;
    if (r->first_seq == 0 && check.header.record_count > 0) {
        r->first_seq = check.header.first_seq;
    }
    r->batches++;
    r->records += check.header.record_count;
    r->bytes += check.header.size;
    r->last_seq = p->tip.seq;
    r->update_seq = p->tip.update_seq;
    memcpy(r->root, chain, sizeof(r->root));
    if (p->verify->root != NULL && memcmp(p->verify->root, chain, sizeof(chain)) == 0) {
        r->root_found = true;
        r->root_seq = p->tip.seq;
    }
    return HOLDS;
}

static enum outcome take_batches(struct pass *p)
{
    while (p->offset < p->header.size) {
        enum outcome outcome = take_batch(p);
        if (outcome != HOLDS) {
            return outcome;
        }
    }
    return ENDS;
}

/* ---- segments ---- */

/* True when the successor has begun, and behind where this one ends as far as it was read. */
static bool has_grown(struct pass *p)
{
    _Alignas(ORDO_JOURNAL_BLOCK_MAX) uint8_t block[ORDO_JOURNAL_BLOCK_MAX];
    struct ordo_segment_header next;
    struct ordo_fail ignored;
    size_t got;
    return ordo_segment_read_first(&p->folder, p->number + 1, block, &got, &ignored) == ORDO_OK &&
           ordo_segment_header_decode(block, got, &next) == ORDO_OK &&
           next.first_batch > p->tip.batch + 1;
}

static enum ordo_err enter(struct pass *p)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    const struct ordo_segment_header *h = &p->header;
    ordo_segment_name(p->number, name);
    enum ordo_err err = ordo_chain_check_key(&p->chain, h, name, p->fail);
    if (err != ORDO_OK) {
        return err;
    }
    if (h->number != p->number) {
        return damaged(p, 0, p->tip.seq + 1, "the header names another segment");
    }
    if (h->size != p->load.size) {
        return damaged(
            p, h->size, p->tip.seq + 1, "the file has not the size that its header says");
    }
    if (!ordo_is_zero(
            p->load.data + ORDO_SEGMENT_HEADER_SIZE, h->block - ORDO_SEGMENT_HEADER_SIZE)) {
        return damaged(
            p,
            ORDO_SEGMENT_HEADER_SIZE,
            p->tip.seq + 1,
            "bytes behind the segment header are not zeros");
    }
    if (!ordo_tip_enter(&p->tip, h)) {
        return damaged(p, 0, p->tip.seq + 1, "this segment does not continue the one before");
    }
    p->offset = h->block;
    p->report->segments++;
    p->report->bytes += h->block;
    p->report->keyed += (h->flags & ORDO_SEGMENT_KEYED) != 0;
    p->report->archived += p->number < p->folder.live_first;
    memcpy(p->report->node, h->node, sizeof(h->node));
    return ORDO_OK;
}

/* Loads a segment and decodes its header, looking again while it does not hold. EMPTY: zeros. */
static enum ordo_err load(struct pass *p, uint64_t number)
{
    enum ordo_err err = ORDO_ERR_DAMAGED;
    p->number = number;
    p->offset = 0;
    for (int look = 0; look < LOOKS_MAX; look++) {
        pause_look(look);
        err = ordo_load_segment(&p->load, &p->folder, number, p->fail);
        if (err != ORDO_OK) {
            return err;
        }
        err = ordo_segment_header_decode(p->load.data, p->load.capacity, &p->header);
        if (err == ORDO_ERR_EMPTY && ordo_is_zero(p->load.data, p->load.size)) {
            return ORDO_ERR_EMPTY;
        }
        if (err == ORDO_OK || err == ORDO_ERR_VERSION) {
            break;
        }
    }
    if (err == ORDO_ERR_VERSION) {
        char path[ORDO_FAIL_TEXT_MAX / 2];
        path_of(p, number, path, sizeof(path));
        return ordo_fail_set(
            p->fail,
            err,
            "%s has journal format %u (flags %u), this program reads format %d: use the newer "
            "program that wrote it",
            path,
            p->header.format,
            p->header.flags,
            ORDO_JOURNAL_FORMAT);
    }
    return err == ORDO_OK ? ORDO_OK
                          : damaged(p, 0, p->tip.seq + 1, "the segment header does not hold");
}

static enum ordo_err take_segment(struct pass *p)
{
    enum ordo_err err = enter(p);
    enum outcome outcome = HOLDS;
    for (int look = 0; err == ORDO_OK && look < LOOKS_MAX; look++) {
        if (look > 0) {
            pause_look(outcome == BAD ? look : 0);
            err = ordo_load_segment(&p->load, &p->folder, p->number, p->fail);
        }
        if (err == ORDO_OK) {
            outcome = take_batches(p);
        }
        if (err != ORDO_OK || outcome == FAILED || (outcome == ENDS && !has_grown(p))) {
            break;
        }
    }
    if (err != ORDO_OK || outcome == FAILED) {
        return err != ORDO_OK ? err : p->fail->err;
    }
    p->report->last_number = p->number;
    p->report->end_offset = p->offset;
    if (outcome == BAD) {
        return damaged(p, p->offset, p->bad_seq, p->reason);
    }
    return ORDO_OK;
}

/* ---- the start ---- */

static enum ordo_err opening(struct pass *p)
{
    struct ordo_verify_report *r = p->report;
    enum ordo_err err = ordo_trimmed_read(p->folder.path, &r->trimmed, p->fail);
    r->is_trimmed = err == ORDO_OK;
    if (err != ORDO_OK && err != ORDO_ERR_NOT_FOUND) {
        return err;
    }
    uint64_t first = p->folder.first;
    if (first == 1) {
        return ORDO_OK;
    }
    if (!r->is_trimmed || first > r->trimmed.last_number + 1) {
        return ordo_fail_set(
            p->fail,
            ORDO_ERR_DAMAGED,
            "the journal in %s begins with segment %" PRIu64
            ", and no note of a trim says where the "
            "ones before are: restore them from a backup or a replica",
            p->folder.path,
            first);
    }
    err = load(p, first);
    if (err != ORDO_OK) {
        return err == ORDO_ERR_EMPTY ? damaged(p, 0, r->trimmed.last_seq + 1, "it is blank") : err;
    }
    if (first == r->trimmed.last_number + 1 &&
        (p->header.prev_seq != r->trimmed.last_seq ||
         memcmp(p->header.prev_chain, r->trimmed.chain, sizeof(r->trimmed.chain)) != 0 ||
         memcmp(p->header.node, r->trimmed.node, sizeof(r->trimmed.node)) != 0)) {
        return damaged(p, 0, r->trimmed.last_seq + 1, "it does not continue what was trimmed");
    }
    ordo_tip_start(&p->tip, &p->header);
    return ORDO_OK;
}

static enum ordo_err take_all(struct pass *p)
{
    uint64_t blank = 0;
    enum ordo_err err = opening(p);
    for (uint64_t number = p->folder.first; err == ORDO_OK && number <= p->folder.last; number++) {
        if (p->verify->progress != NULL) {
            p->verify->progress(p->verify->context, number, p->folder.last);
        }
        err = load(p, number);
        if (err == ORDO_ERR_NOT_FOUND) {
            return damaged(
                p, 0, p->tip.seq + 1, "the file is missing, and later segments are there");
        }
        if (err == ORDO_ERR_EMPTY) {
            blank = blank == 0 ? number : blank;
            err = ORDO_OK;
            continue;
        }
        if (err == ORDO_OK && blank != 0) {
            p->number = blank;
            return damaged(p, 0, p->tip.seq + 1, "a segment is blank, and a later one was begun");
        }
        if (err == ORDO_OK) {
            err = take_segment(p);
        }
    }
    if (err == ORDO_OK && p->folder.archive_last != 0 &&
        p->report->last_number <= p->folder.archive_last) {
        p->number = p->folder.archive_last + 1;
        err = damaged(p, 0, p->tip.seq + 1, "it is missing or blank, and its predecessor archived");
    }
    return err;
}

enum ordo_err ordo_journal_verify(
    const struct ordo_verify *verify, struct ordo_verify_report *report, struct ordo_fail *fail)
{
    struct ordo_fail own;
    struct pass p = {.verify = verify, .report = report, .fail = fail != NULL ? fail : &own};
    *report = (struct ordo_verify_report){0};
    ordo_load_init(&p.load);
    enum ordo_err err = ordo_folder_open(&p.folder, verify->dir, false, p.fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = ordo_folder_scan(&p.folder, p.fail);
    if (err == ORDO_OK && p.folder.first == 0) {
        err = ordo_fail_set(p.fail, ORDO_ERR_NOT_FOUND, "%s holds no journal", verify->dir);
    }
    if (err == ORDO_OK) {
        err = ordo_chain_use_key(&p.chain, verify->key_file, p.fail);
    }
    if (err == ORDO_OK) {
        err = take_all(&p);
    }
    ordo_load_fini(&p.load);
    ordo_chain_fini(&p.chain);
    ordo_folder_close(&p.folder);
    return err;
}
