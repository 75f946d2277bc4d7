/* Deleting for ever, in the order that keeps the note true: note, flush, then the oldest file
 * first. A kill between leaves files that the note calls gone; they still hold, verify reads on
 * from wherever the first one is, and the next trim deletes them.
 *
 * The note's chain hash is the successor's prev_chain, so what is left can be proven to continue
 * exactly what was deleted, and a copy of it that turns up can be proven, too. */
#include "journal/trim.h"

#include "base/clock.h"
#include "base/failpoint.h"
#include "journal/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE_NAME     "trimmed.jsonl"
#define NOTE_TMP      "trimmed.tmp"
#define NOTE_LINE_MAX 512
#define NOTE_MAX      ((size_t)4 << 20) /* bytes of all notes */

#define NOTE_FORMAT                                                                                \
    "{\"format\": 1, \"trimmed_us\": %" PRIu64 ", \"last_number\": %" PRIu64                       \
    ", \"first_seq\": 1, \"last_seq\": %" PRIu64 ", \"last_update_seq\": %" PRIu64                 \
    ", \"last_batch\": %" PRIu64 ", \"last_time_us\": %" PRIu64
#define NOTE_SCAN                                                                                  \
    "{\"format\": 1, \"trimmed_us\": %" SCNu64 ", \"last_number\": %" SCNu64                       \
    ", \"first_seq\": 1, \"last_seq\": %" SCNu64 ", \"last_update_seq\": %" SCNu64                 \
    ", \"last_batch\": %" SCNu64 ", \"last_time_us\": %" SCNu64                                    \
    ", \"node\": \"%32[0-9a-f]\", \"chain\": \"%64[0-9a-f]\"}"
#define NOTE_FIELDS 8

struct trimmer {
    const struct ordo_trim *trim;
    struct ordo_trim_report *report;
    struct ordo_fail *fail;
    struct ordo_folder folder;
    int vault;
};

static void put_hex(char *out, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", data[i]);
    }
}

static bool get_hex(const char *text, uint8_t *out, size_t size)
{
    if (strlen(text) != 2 * size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

static void format_note(const struct ordo_trimmed *note, char line[NOTE_LINE_MAX])
{
    char node[2 * ORDO_JOURNAL_NODE_SIZE + 1];
    char chain[2 * ORDO_JOURNAL_CHAIN_SIZE + 1];
    put_hex(node, note->node, sizeof(note->node));
    put_hex(chain, note->chain, sizeof(note->chain));
    int size = snprintf(
        line,
        NOTE_LINE_MAX,
        NOTE_FORMAT ", \"node\": \"%s\", \"chain\": \"%s\"}\n",
        note->at_us,
        note->last_number,
        note->last_seq,
        note->last_update_seq,
        note->last_batch,
        note->last_time_us,
        node,
        chain);
    ORDO_ASSERT(size > 0 && size < NOTE_LINE_MAX);
}

static bool parse_note(const char *line, struct ordo_trimmed *note)
{
    char node[2 * ORDO_JOURNAL_NODE_SIZE + 1];
    char chain[2 * ORDO_JOURNAL_CHAIN_SIZE + 1];
    char again[NOTE_LINE_MAX];
    int fields = sscanf(/* NOLINT(cert-err34-c): the line is compared with what it gave, below */
                        line,
                        NOTE_SCAN,
                        &note->at_us,
                        &note->last_number,
                        &note->last_seq,
                        &note->last_update_seq,
                        &note->last_batch,
                        &note->last_time_us,
                        node,
                        chain);
    if (fields != NOTE_FIELDS || !get_hex(node, note->node, sizeof(note->node)) ||
        !get_hex(chain, note->chain, sizeof(note->chain))) {
        return false;
    }
    format_note(note, again);
    return strcmp(line, again) == 0;
}

/* All notes, with a zero behind; the caller frees *text. NOT_FOUND. */
static enum ordo_err read_notes(const char *dir, char **text, size_t *size, struct ordo_fail *fail)
{
    char path[ORDO_FOLDER_PATH_MAX + sizeof(NOTE_NAME) + 1];
    (void)snprintf(path, sizeof(path), "%s/" NOTE_NAME, dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        return ordo_fail_set(
            fail, ordo_err_from_errno(error), "cannot open %s: %s", path, strerror(error));
    }
    enum ordo_err err = ORDO_OK;
    struct stat about;
    char *notes = NULL;
    if (fstat(fd, &about) != 0 || about.st_size <= 0 || (size_t)about.st_size > NOTE_MAX ||
        (notes = malloc((size_t)about.st_size + 1)) == NULL ||
        pread(fd, notes, (size_t)about.st_size, 0) != about.st_size) {
        free(notes);
        err = ordo_fail_set(fail, ORDO_ERR_DAMAGED, "%s cannot be read as notes of trims", path);
    } else {
        notes[about.st_size] = 0;
        *text = notes;
        *size = (size_t)about.st_size;
    }
    (void)close(fd);
    return err;
}

enum ordo_err ordo_trimmed_read(const char *dir, struct ordo_trimmed *out, struct ordo_fail *fail)
{
    char *text;
    size_t size;
    enum ordo_err err = read_notes(dir, &text, &size, fail);
    if (err != ORDO_OK) {
        return err;
    }
    size_t start = size - 1; /* of the last line, whose line feed is the last byte */
    while (start > 0 && text[start - 1] != '\n') {
        start--;
    }
    if (!parse_note(text + start, out)) {
        err = ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "the last line of %s/" NOTE_NAME " is no note of a trim: restore it from a backup",
            dir);
    }
    free(text);
    return err;
}

static enum ordo_err fail_name(struct trimmer *t, const char *what, const char *name, int error)
{
    return ordo_fail_set(
        t->fail,
        ordo_err_from_errno(error),
        "%s %s/%s failed: %s",
        what,
        t->folder.path,
        name,
        strerror(error));
}

static enum ordo_err write_note(struct trimmer *t)
{
    char line[NOTE_LINE_MAX];
    char *text = NULL;
    size_t size = 0;
    enum ordo_err err = read_notes(t->folder.path, &text, &size, t->fail);
    if (err != ORDO_OK && err != ORDO_ERR_NOT_FOUND) {
        return err;
    }
    format_note(&t->report->note, line);
    int fd = openat(t->folder.fd, NOTE_TMP, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int error = fd < 0 ? errno : 0;
    uint64_t offset = 0;
    if (error == 0) {
        error = ordo_write_all(fd, (const uint8_t *)text, size, &offset);
    }
    if (error == 0) {
        error = ordo_write_all(fd, (const uint8_t *)line, strlen(line), &offset);
    }
    if (error == 0 && fsync(fd) != 0) {
        error = errno;
    }
    free(text);
    if (fd >= 0) {
        (void)close(fd);
    }
    ORDO_FAILPOINT("trim.note_written");
    if (error == 0 && renameat(t->folder.fd, NOTE_TMP, t->folder.fd, NOTE_NAME) != 0) {
        error = errno;
    }
    return error != 0 ? fail_name(t, "writing", NOTE_NAME, error)
                      : ordo_folder_flush(&t->folder, t->fail);
}

/* What its successor says of an archived segment, and the size of its file. */
static enum ordo_err
peek(struct trimmer *t, uint64_t number, struct ordo_segment_header *next, uint64_t *bytes)
{
    _Alignas(ORDO_JOURNAL_BLOCK_MAX) uint8_t block[ORDO_JOURNAL_BLOCK_MAX];
    char name[ORDO_SEGMENT_NAME_MAX];
    struct stat about;
    size_t got;
    ordo_vault_name(number, name);
    if (fstatat(t->vault, name, &about, 0) != 0) {
        return fail_name(t, "looking at", name, errno);
    }
    *bytes = (uint64_t)about.st_size;
    enum ordo_err err = ordo_segment_read_first(&t->folder, number + 1, block, &got, t->fail);
    if (err != ORDO_OK) {
        return err;
    }
    if (ordo_segment_header_decode(block, got, next) != ORDO_OK || next->number != number + 1) {
        return ordo_fail_set(
            t->fail,
            ORDO_ERR_DAMAGED,
            "the header of segment %" PRIu64 " in %s does not hold: nothing was deleted; run "
            "`ordo journal verify`",
            number + 1,
            t->folder.path);
    }
    return ORDO_OK;
}

static bool is_asked_for(const struct ordo_trim *trim, const struct ordo_segment_header *next)
{
    return next->prev_seq <= trim->upto_seq && next->prev_time_us < trim->older_us;
}

/* A cursor needs the segment, and is still in its right: left are the bytes of what may go but for
 * cursors, from this segment on. */
static bool is_held_by_cursor(
    const struct ordo_trim *trim, const struct ordo_segment_header *next, uint64_t left)
{
    return trim->cursor_from != 0 && next->first_update_seq >= trim->cursor_from &&
           next->prev_time_us >= trim->cursor_older_us &&
           (trim->cursor_bytes_max == 0 || left <= trim->cursor_bytes_max);
}

static void take(struct trimmer *t, const struct ordo_segment_header *next, uint64_t bytes)
{
    struct ordo_trimmed *note = &t->report->note;
    t->report->segments++;
    t->report->bytes += bytes;
    note->last_number = next->number - 1;
    note->last_seq = next->prev_seq;
    note->last_update_seq = next->first_update_seq;
    note->last_batch = next->first_batch - 1;
    note->last_time_us = next->prev_time_us;
    memcpy(note->node, next->node, sizeof(note->node));
    memcpy(note->chain, next->prev_chain, sizeof(note->chain));
}

/* Bytes of all that may go when no cursor is asked. */
static enum ordo_err sum_up(struct trimmer *t, uint64_t last, uint64_t *sum)
{
    for (uint64_t number = t->folder.first; number <= last; number++) {
        struct ordo_segment_header next;
        uint64_t bytes;
        enum ordo_err err = peek(t, number, &next, &bytes);
        if (err != ORDO_OK) {
            return err;
        }
        if (!is_asked_for(t->trim, &next) || next.prev_seq >= t->trim->needed_seq) {
            break;
        }
        *sum += bytes;
    }
    return ORDO_OK;
}

/* Which segments go: the oldest ones, up to the first that is not asked for or held back. */
static enum ordo_err choose(struct trimmer *t, uint64_t last)
{
    struct ordo_trim_report *report = t->report;
    uint64_t left = 0;
    enum ordo_err err = t->trim->cursor_from == 0 ? ORDO_OK : sum_up(t, last, &left);
    for (uint64_t number = t->folder.first; number <= last && err == ORDO_OK; number++) {
        struct ordo_segment_header next;
        uint64_t bytes;
        err = peek(t, number, &next, &bytes);
        if (err != ORDO_OK || !is_asked_for(t->trim, &next)) {
            break;
        }
        if (next.prev_seq >= t->trim->needed_seq) {
            report->held_back++;
        } else if (report->cursor_held != 0 || is_held_by_cursor(t->trim, &next, left)) {
            report->cursor_held++;
            report->cursor_bytes += bytes;
        } else {
            take(t, &next, bytes);
            left -= left < bytes ? left : bytes;
        }
    }
    return err;
}

static enum ordo_err delete_files(struct trimmer *t, uint64_t first, uint64_t last)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    for (uint64_t number = first; number <= last; number++) {
        ordo_vault_name(number, name);
        if (unlinkat(t->vault, name, 0) != 0 && errno != ENOENT) {
            return fail_name(t, "unlinking", name, errno);
        }
        ORDO_FAILPOINT("trim.unlinked");
    }
    return fsync(t->vault) == 0 ? ORDO_OK : fail_name(t, "flushing", ORDO_ARCHIVE_DIR, errno);
}

static enum ordo_err trim_locked(struct trimmer *t)
{
    enum ordo_err err = ordo_folder_scan(&t->folder, t->fail);
    const struct ordo_folder *folder = &t->folder;
    if (err != ORDO_OK || folder->archive_last == 0) {
        return err;
    }
    if (folder->missing != 0) {
        return ordo_fail_set(
            t->fail,
            ORDO_ERR_DAMAGED,
            "segment %" PRIu64 " is missing in %s: nothing was deleted",
            folder->missing,
            folder->path);
    }
    uint64_t last = folder->archive_last;
    last = folder->live_first != 0 && folder->live_first <= last ? folder->live_first - 1 : last;
    err = choose(t, last);
    if (err != ORDO_OK) {
        return err;
    }
    if (t->report->segments == 0 || !t->trim->apply) {
        return ORDO_OK;
    }
    err = write_note(t);
    ORDO_FAILPOINT("trim.noted");
    return err == ORDO_OK ? delete_files(t, folder->first, t->report->note.last_number) : err;
}

enum ordo_err ordo_journal_trim(
    const struct ordo_trim *trim, struct ordo_trim_report *report, struct ordo_fail *fail)
{
    struct trimmer t = {.trim = trim, .report = report, .fail = fail, .vault = -1};
    struct ordo_clock clock = ordo_clock_system();
    *report = (struct ordo_trim_report){.note.at_us = ordo_clock_realtime_us(&clock)};
    enum ordo_err err = ordo_folder_open(&t.folder, trim->dir, false, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = ordo_vault_open(&t.folder, false, &t.vault, fail);
    if (err == ORDO_OK) {
        err = ordo_vault_lock(&t.folder, t.vault, true, fail);
        if (err == ORDO_OK) {
            err = trim_locked(&t);
        }
        (void)close(t.vault);
    } else if (err == ORDO_ERR_NOT_FOUND) {
        err = ORDO_OK; /* no archive, nothing to delete */
    }
    ordo_folder_close(&t.folder);
    return err;
}
