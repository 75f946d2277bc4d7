#include "replay_mark.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The file is mapped and shared: a store into it is in the page cache at once, where the death of
 * the process does not reach it, and costs nothing beside deciding a record. A power cut may lose
 * it; then a death is not counted, no more. A kill from outside is counted like a crash, but two
 * kills at the very same record are no accident.
 *
 *   0  magic "ordomark"   8  sequence under way, 0 = none
 *   16 sequence of the last death   24 deaths there, one after the other
 */

#define MARK_SIZE   32
#define SEQ_AT      8
#define DIED_SEQ_AT 16
#define DEATHS_AT   24

static const uint8_t magic[8] = {'o', 'r', 'd', 'o', 'm', 'a', 'r', 'k'};

static enum ordo_err hold(const char *dir, uint64_t seq, uint64_t deaths, struct ordo_fail *fail)
{
    return ordo_fail_set(
        fail,
        ORDO_ERR_DAMAGED,
        "%s: held at seq %" PRIu64 ": %" PRIu64 " starts died while they decided this record "
        "again, and it is not skipped; look at it (ordo journal dump) and repair the program; "
        "removing %s/" ORDO_REPLAY_MARK_FILE " tries again",
        dir,
        seq,
        deaths,
        dir);
}

/* Counts a death that the last start has left. */
static uint64_t count_death(uint8_t *bytes, const char *dir)
{
    uint64_t seq = ordo_get_le64(bytes + SEQ_AT);
    uint64_t deaths = ordo_get_le64(bytes + DEATHS_AT);
    if (memcmp(bytes, magic, sizeof(magic)) != 0) {
        memset(bytes, 0, MARK_SIZE); /* new, or cut by a power loss */
        memcpy(bytes, magic, sizeof(magic));
        return 0;
    }
    if (seq == 0) {
        return deaths;
    }
    deaths = seq == ordo_get_le64(bytes + DIED_SEQ_AT) ? deaths + 1 : 1;
    ordo_put_le64(bytes + DIED_SEQ_AT, seq);
    ordo_put_le64(bytes + DEATHS_AT, deaths);
    ordo_put_le64(bytes + SEQ_AT, 0);
    ORDO_LOG_WARN(
        "the last start died while it decided a record again data=%s seq=%" PRIu64
        " deaths=%" PRIu64,
        dir,
        seq,
        deaths);
    return deaths;
}

enum ordo_err ordo_replay_mark_look(const char *dir, struct ordo_fail *fail)
{
    uint8_t bytes[MARK_SIZE] = {0}; /* open fills a file that is too short with zeros as well */
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = folder < 0 ? -1 : openat(folder, ORDO_REPLAY_MARK_FILE, O_RDONLY | O_CLOEXEC);
    bool marked =
        fd >= 0 && pread(fd, bytes, MARK_SIZE, 0) > 0 && memcmp(bytes, magic, sizeof(magic)) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (folder >= 0) {
        (void)close(folder);
    }
    if (!marked) {
        return ORDO_OK;
    }
    uint64_t seq = ordo_get_le64(bytes + SEQ_AT);
    uint64_t died = ordo_get_le64(bytes + DIED_SEQ_AT);
    uint64_t deaths = ordo_get_le64(bytes + DEATHS_AT);
    if (seq != 0) { /* not counted yet */
        deaths = seq == died ? deaths + 1 : 1;
        died = seq;
    }
    return deaths >= ORDO_REPLAY_DEATHS ? hold(dir, died, deaths, fail) : ORDO_OK;
}

static uint8_t *map_file(int dir)
{
    int fd = openat(dir, ORDO_REPLAY_MARK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return NULL;
    }
    void *bytes = MAP_FAILED;
    int error = posix_fallocate(fd, 0, MARK_SIZE); /* a store into a hole of a full disk: SIGBUS */
    if (error == 0) {
        bytes = mmap(NULL, MARK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        error = errno;
    }
    (void)close(fd);
    errno = error;
    return bytes == MAP_FAILED ? NULL : bytes;
}

enum ordo_err
ordo_replay_mark_open(struct ordo_replay_mark *mark, const char *dir, struct ordo_fail *fail)
{
    *mark = (struct ordo_replay_mark){.dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    uint8_t *bytes = mark->dir < 0 ? NULL : map_file(mark->dir);
    if (bytes == NULL) {
        enum ordo_err err = ordo_fail_set(
            fail,
            ORDO_ERR_IO,
            "%s/" ORDO_REPLAY_MARK_FILE ": cannot be made: %s",
            dir,
            strerror(errno));
        if (mark->dir >= 0) {
            (void)close(mark->dir);
        }
        return err;
    }
    uint64_t deaths = count_death(bytes, dir);
    uint64_t seq = ordo_get_le64(bytes + DIED_SEQ_AT);
    if (deaths >= ORDO_REPLAY_DEATHS) {
        (void)munmap(bytes, MARK_SIZE);
        (void)close(mark->dir);
        return hold(dir, seq, deaths, fail);
    }
    mark->bytes = bytes;
    return ORDO_OK;
}

uint8_t *ordo_replay_mark_seq(const struct ordo_replay_mark *mark)
{
    ORDO_ASSERT(mark->bytes != NULL);
    return mark->bytes + SEQ_AT;
}

void ordo_replay_mark_close(struct ordo_replay_mark *mark)
{
    ORDO_ASSERT(mark->bytes != NULL);
    (void)munmap(mark->bytes, MARK_SIZE);
    (void)unlinkat(mark->dir, ORDO_REPLAY_MARK_FILE, 0);
    (void)close(mark->dir);
    mark->bytes = NULL;
}
