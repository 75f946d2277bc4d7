/* R7: the k-th call that touches the disk fails, for k = 1, 2, ... until a run meets no failure any
 * more; every error, every short size, once and for ever, on both backends and with both ways to
 * flush, in the threads that serve, prepare and write, while a new journal is made and used, and
 * while a torn one is recovered.
 *
 * Promises: after the first failed write or flush nothing is acknowledged any more; what could not
 * be done is said in words; and when the disk is well again, everything acknowledged is there with
 * its bytes. A failed call is never taken for damage. */
#include "driver.h"
#include "fault_calls.h"
#include "report.h"

#include "base/assert.h"
#include "base/log.h"
#include "journal/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#define CASES_DEFAULT 3000
#define RECORDS       90
#define GROUP         6
#define CALLS_MAX     400
#define WAIT_SECONDS  20

enum scenario { SCENARIO_NEW, SCENARIO_TORN, SCENARIO_COUNT };

struct rig {
    struct report report;
    struct driver driver;
    char dir[128];
    enum ordo_journal_backend backend;
    enum ordo_journal_flush flush;
    enum scenario scenario;
    uint64_t acks_after_failure;
    uint64_t refused; /* opening or recovering failed, in words */
    uint64_t failed;  /* the journal ended while it served */
    uint64_t unhurt;
    uint64_t runs[2];
};

static const char *const kinds[FAULT_KIND_COUNT] = {
    "EIO",
    "ENOSPC",
    "EINTR",
    "EAGAIN",
    "ECANCELED",
    "EBUSY",
    "short-one",
    "short-half",
    "short-but-one"};
static const char *const places[PLACE_COUNT] = {
    "starter", "preparer", "writer", "completion", "submit"};

static struct ordo_disk *wrap(void *context, struct ordo_disk *disk)
{
    struct driver *driver = context;
    return fault_wrap(disk, &driver->arena);
}

static void empty_folder(const char *path)
{
    DIR *dir = opendir(path);
    ORDO_ASSERT(dir != NULL);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    (void)closedir(dir);
}

static bool work_until_drained(struct driver *driver)
{
    time_t limit = time(NULL) + WAIT_SECONDS;
    while (!ordo_journal_is_drained(driver->journal)) {
        (void)driver_work(driver);
        (void)sched_yield();
        if (time(NULL) > limit) {
            return false;
        }
    }
    return true;
}

/* False when it hangs. */
static bool serve(struct driver *driver)
{
    for (uint32_t i = 0; i < RECORDS && !ordo_journal_failed(driver->journal); i++) {
        (void)driver_push(driver, i % 7 != 0);
        if (i % GROUP == 0 && !work_until_drained(driver)) {
            return false;
        }
    }
    if (!work_until_drained(driver)) {
        return false;
    }
    driver->now_ns += 300 * ORDO_NS_PER_MS;
    (void)driver_work(driver);
    return work_until_drained(driver);
}

/* A batch whose last bytes did not arrive, behind what is there. */
static void tear(struct driver *driver)
{
    char path[200];
    uint8_t noise[700];
    struct ordo_journal *journal = driver->journal;
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(journal->segment.number, name);
    (void)snprintf(path, sizeof(path), "%s/%s", driver->config.dir, name);
    uint64_t offset = journal->position;
    driver_close(driver);
    memset(noise, 0x5e, sizeof(noise));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ORDO_ASSERT(fd >= 0 && pwrite(fd, noise, sizeof(noise), (off_t)offset) == sizeof(noise));
    (void)close(fd);
}

static void begin(struct rig *rig)
{
    struct driver *driver = &rig->driver;
    empty_folder(rig->dir);
    driver_init(driver, rig->dir, rig->report.seed);
    driver->hooks.wrap = wrap;
    driver->config.backend = rig->backend;
    driver->config.flush = rig->flush;
    driver->config.segment_size = 12288;
    driver->config.batch_size_max = 4096;
    if (rig->scenario == SCENARIO_TORN) {
        enum ordo_err err = driver_recover(driver);
        err = err == ORDO_OK ? driver_attach(driver) : err;
        ORDO_ASSERT(err == ORDO_OK);
        bool served = serve(driver);
        ORDO_ASSERT(served && !ordo_journal_failed(driver->journal));
        tear(driver);
    }
}

static void fail_case(struct rig *rig, const struct fault *f, const char *what, const char *text)
{
    report_fail(
        &rig->report,
        "%s backend, %s, %s journal, %s call %u %s%s%s: %s: %s (replay: --cases 1000000)",
        rig->backend == ORDO_BACKEND_URING ? "io_uring" : "pwrite",
        rig->flush == ORDO_FLUSH_DSYNC ? "dsync" : "fdatasync",
        rig->scenario == SCENARIO_NEW ? "new" : "torn",
        places[f->place],
        f->at,
        kinds[f->kind],
        f->for_ever ? " for ever" : "",
        f->spoils ? ", spoiled" : "",
        what,
        text);
}

/* The life with the fault. */
static void live(struct rig *rig, const struct fault *f)
{
    struct driver *driver = &rig->driver;
    enum ordo_err err = driver_recover(driver);
    if (err == ORDO_OK) {
        err = driver_attach(driver);
    }
    if (err != ORDO_OK) {
        rig->refused++;
        if (err == ORDO_ERR_DAMAGED || driver->fail.text[0] == 0) {
            fail_case(rig, f, "a failed call", driver->fail.text);
        }
        driver_close(driver);
        return;
    }
    if (!serve(driver)) {
        fail_case(rig, f, "hangs", "neither drained nor failed");
    }
    bool failed = ordo_journal_failed(driver->journal);
    rig->failed += failed ? 1 : 0;
    rig->unhurt += failed ? 0 : 1;
    uint64_t acked = driver->acked;
    for (int i = 0; failed && i < 5; i++) {
        (void)driver_push(driver, true);
        (void)driver_work(driver);
    }
    if (failed && driver->acked != acked) {
        rig->acks_after_failure += driver->acked - acked;
        fail_case(rig, f, "acknowledged after a failure", ordo_journal_fail(driver->journal)->text);
    }
    if (failed && ordo_journal_fail(driver->journal)->text[0] == 0) {
        fail_case(rig, f, "no words", "");
    }
    driver_close(driver);
}

/* True when the fault was met. */
static bool run_case(struct rig *rig, const struct fault *f)
{
    struct driver *driver = &rig->driver;
    begin(rig);
    uint64_t seq = driver->seq;
    uint64_t acked = driver->acked;
    fault_arm(f);
    live(rig, f);
    uint32_t hits = fault_hits();
    fault_arm(NULL);
    seq = driver->seq > seq ? driver->seq : seq;
    acked = driver->acked > acked ? driver->acked : acked;
    enum ordo_err err = driver_recover(driver);
    if (err != ORDO_OK || driver->visited < acked || driver->visited > seq) {
        char text[400];
        (void)snprintf(
            text,
            sizeof(text),
            "%s: %lu records, acknowledged %lu, written %lu: %.200s",
            ordo_err_name(err),
            driver->visited,
            acked,
            seq,
            driver->fail.text);
        fail_case(rig, f, "when the disk is well again", text);
    }
    driver_fini(driver);
    rig->report.cases += hits != 0 ? 1 : 0;
    return hits != 0;
}

static void all_calls(struct rig *rig, enum fault_place place, enum fault_kind kind, uint32_t how)
{
    struct fault f = {
        .place = place, .kind = kind, .at = 1, .for_ever = how & 1, .spoils = (how & 2) != 0};
    while (run_case(rig, &f) && f.at < CALLS_MAX && rig->report.fails < 20) {
        f.at++;
    }
}

static bool applies(const struct rig *rig, enum fault_place place, enum fault_kind kind)
{
    if (place == PLACE_WRITER) {
        return rig->backend == ORDO_BACKEND_PWRITE;
    }
    if (place == PLACE_COMPLETION) {
        return rig->backend == ORDO_BACKEND_URING;
    }
    if (place == PLACE_SUBMIT) {
        return rig->backend == ORDO_BACKEND_URING && (kind == FAULT_EBUSY || kind == FAULT_EAGAIN ||
                                                      kind == FAULT_EINTR || kind == FAULT_EIO);
    }
    return kind != FAULT_EBUSY;
}

static void all_faults(struct rig *rig)
{
    for (uint32_t place = 0; place < PLACE_COUNT; place++) {
        bool spoils = place == PLACE_WRITER || place == PLACE_COMPLETION;
        for (uint32_t kind = 0; kind < FAULT_KIND_COUNT; kind++) {
            for (uint32_t how = 0; how < (spoils ? 4 : 2); how++) {
                if (applies(rig, (enum fault_place)place, (enum fault_kind)kind)) {
                    all_calls(rig, (enum fault_place)place, (enum fault_kind)kind, how);
                }
            }
        }
    }
}

static bool has_uring(void)
{
    struct ordo_arena arena;
    struct ordo_disk *disk;
    struct ordo_fail fail;
    ordo_arena_init(&arena);
    struct ordo_disk_config config = {.arena = &arena};
    enum ordo_err err = ordo_disk_uring_open(&config, &disk, &fail);
    if (err == ORDO_OK) {
        disk->port->close(disk);
    }
    ordo_arena_fini(&arena);
    return err == ORDO_OK;
}

int main(int argc, char **argv)
{
    static struct rig rig;
    rig.report = report_begin("R7", CASES_DEFAULT, argc, argv);
    ordo_log_set_level((enum ordo_log_level)(ORDO_LOG_ERROR + 1));
    const char *base = rig.report.dir != NULL ? rig.report.dir : "/dev/shm";
    (void)snprintf(rig.dir, sizeof(rig.dir), "%.80s/ordo-faults-XXXXXX", base);
    if (mkdtemp(rig.dir) == NULL) {
        return report_skip(&rig.report, "no folder for the files");
    }
    bool uring = has_uring() && strcmp(rig.report.backend, "pwrite") != 0;
    /* the default is every case; a milestone goes round again with other sizes of records */
    uint64_t rounds = 0;
    do {
        /* serving a new one once more with the other way to flush: recovery knows none of it */
        for (int s = 0; s <= SCENARIO_COUNT && rig.report.fails < 20; s++) {
            rig.scenario = (enum scenario)(s % SCENARIO_COUNT);
            rig.flush = s < SCENARIO_COUNT ? ORDO_FLUSH_DSYNC : ORDO_FLUSH_FDATASYNC;
            rig.backend = ORDO_BACKEND_PWRITE;
            uint64_t before = rig.report.cases;
            all_faults(&rig);
            rig.runs[0] += rig.report.cases - before;
            before = rig.report.cases;
            rig.backend = ORDO_BACKEND_URING;
            if (uring) {
                all_faults(&rig);
            }
            rig.runs[1] += rig.report.cases - before;
        }
        rounds++;
        rig.report.seed++;
    } while (rig.report.cases < rig.report.cases_wanted && rig.report.fails < 20);
    rig.report.seed -= rounds;
    empty_folder(rig.dir);
    (void)rmdir(rig.dir);
    char more[240];
    (void)snprintf(
        more,
        sizeof(more),
        "pwrite=%lu io_uring=%lu refused_in_words=%lu ended=%lu unhurt=%lu acks_after_failure=%lu",
        rig.runs[0],
        rig.runs[1],
        rig.refused,
        rig.failed,
        rig.unhurt,
        rig.acks_after_failure);
    return report_end(&rig.report, more);
}
