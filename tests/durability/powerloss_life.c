/* One life of a node in the rig of R3: records, queries, idle marks and rotations at drawn moments,
 * until it is cut. */
#include "powerloss.h"

#include "base/assert.h"
#include "journal/internal.h"

#include <sched.h>

#define STEPS 40

struct ordo_disk *rig_wrap(void *context, struct ordo_disk *disk)
{
    struct rig *rig = (struct rig *)((char *)context - offsetof(struct rig, driver));
    struct ordo_disk *wrapped = simdisk_wrap(&rig->disk, disk, sim_random64(&rig->random));
    (void)snprintf(rig->backend, sizeof(rig->backend), "%s", rig->disk.inner_name);
    return wrapped;
}

/* When the other thread has made its segment, its result is taken the same moment in every run. */
static void wait_for_ready(struct rig *rig)
{
    struct ordo_preparer *preparer = &rig->driver.journal->preparer;
    bool ready = !simfs_is_other_done();
    while (!ready) {
        (void)pthread_mutex_lock(&preparer->mutex);
        ready = preparer->wanted == 0 || preparer->state == ORDO_PREPARE_READY;
        (void)pthread_mutex_unlock(&preparer->mutex);
        (void)sched_yield();
    }
}

static void step(struct rig *rig)
{
    struct driver *driver = &rig->driver;
    uint32_t pushes = sim_random(&rig->random, 4) == 0 ? 0 : 1 + sim_random(&rig->random, 6);
    for (uint32_t i = 0; i < pushes; i++) {
        (void)driver_push(driver, sim_random(&rig->random, 10) != 0);
    }
    if (sim_random(&rig->random, 12) == 0) {
        driver->now_ns += 300 * ORDO_NS_PER_MS; /* an idle mark, when nothing is under way */
    }
    simfs_let_others(sim_random(&rig->random, 3));
    wait_for_ready(rig);
    if (driver_work(driver)) {
        simfs_note(SIM_ACK, driver->acked);
    }
}

bool live_once(struct rig *rig, bool killed)
{
    struct driver *driver = &rig->driver;
    sim_image_copy(&rig->live, killed ? &rig->killed : &rig->start);
    if (!killed) {
        sim_log_clear(&rig->log);
    }
    simfs_mount(&rig->live, &rig->log, rig->block);
    simfs_hold_others(true);
    if (driver_recover(driver) != ORDO_OK) {
        report_fail(&rig->report, "life %u does not begin: %s", rig->life, driver->fail.text);
        return false;
    }
    simfs_note(SIM_ACK, driver->visited);
    enum ordo_err err = driver_attach(driver);
    ORDO_ASSERT(err == ORDO_OK);
    uint64_t segments = driver->recovery.segments;
    for (uint32_t i = 0; i < STEPS; i++) {
        step(rig);
    }
    ORDO_ASSERT(!ordo_journal_failed(driver->journal));
    struct ordo_journal_stats stats;
    ordo_journal_stats(driver->journal, &stats);
    rig->rotations += stats.segments - segments;
    simfs_stop_log();
    sim_image_copy(&rig->killed, &rig->live);
    simfs_hold_others(false);
    driver_close(driver);
    return true;
}
