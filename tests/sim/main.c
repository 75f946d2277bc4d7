/* The program: seeds one after the other, one in a hundred of them twice; planted bugs, each in a
 * process of its own; the closing line.
 */
#include "sim.h"

#include "actors.h"
#include "canary.h"
#include "disk.h"
#include "door.h"
#include "host.h"
#include "net.h"
#include "plague.h"
#include "readers.h"
#include "trace.h"
#include "truth.h"

#include "base/assert.h"
#include "base/log.h"

#include <inttypes.h>
#include <malloc.h>
#include <ordo_version.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SEEDS_DEFAULT 200
#define STEPS_DEFAULT 50000
#define TWICE_OF      100
#define CANARY_SEEDS  200
#define KEEP_BYTES    (256 << 20)
#define SEED_SECONDS  600 /* of 50,000 steps, which take less than one: a fiber that never waits */
#define QUIET         ((enum ordo_log_level)(ORDO_LOG_ERROR + 1))

struct options {
    uint64_t seed;
    uint64_t seeds;
    uint64_t steps;
    const char *canary; /* one, or "all" */
};

struct sums {
    uint64_t seeds;
    uint64_t steps;
    uint64_t fails;
    uint64_t twice;
    double wall_s;
};

static const char *program;
static struct options options;
enum canary canary;

static const char *const canary_names[CANARY_COUNT] = {
    [CANARY_FLUSH_SKIPPED] = "flush_skipped",
    [CANARY_FOLDER_FLUSH_SKIPPED] = "folder_flush_skipped",
    [CANARY_ACK_BEFORE_FLUSH] = "ack_before_flush",
    [CANARY_SHORT_WRITE_IGNORED] = "short_write_ignored",
    [CANARY_SNAPSHOT_BEFORE_DURABLE] = "snapshot_before_durable",
    [CANARY_REPLY_BEFORE_DURABLE] = "reply_before_durable",
    [CANARY_STREAM_BEFORE_DURABLE] = "stream_before_durable",
};

/* Seeds that have found something, each with steps enough: they are run first, for ever. What a
 * seed does changes with the rig; what it found then is in the history. */
static const uint64_t kept[] = {1210, 37};
#define KEPT (sizeof(kept) / sizeof(kept[0]))

/* ---- one seed ---- */

static void print_replay(uint64_t seed)
{
    printf(
        "replay: %s --seed %" PRIu64 " --seeds 1 --steps %" PRIu64 " --trace%s%s\n",
        program,
        seed,
        options.steps,
        canary != CANARY_NONE ? " --canary " : "",
        canary != CANARY_NONE ? canary_names[canary] : "");
    (void)fflush(stdout);
}

/* An assertion of the product is a find, too. */
static void on_assert(void *context)
{
    (void)context;
    printf("R10 FAILED: seed %" PRIu64 ", step %" PRIu64 ": an assertion\n", sim.seed, sim.step);
    if (canary == CANARY_NONE) {
        printf("RELIABILITY R10 FAILED seed=%" PRIu64 " commit=%s\n", sim.seed, ORDO_COMMIT);
    }
    print_replay(sim.seed);
}

/* A hang is a find, too; of a planted bug it is none. */
static void on_alarm(int number)
{
    (void)number;
    printf("R10 FAILED: seed %" PRIu64 ", step %" PRIu64 ": no end\n", sim.seed, sim.step);
    print_replay(sim.seed);
    _exit(2);
}

static void run(uint64_t seed, bool twice, struct sums *sums)
{
    (void)alarm((unsigned)(SEED_SECONDS + options.steps / 100));
    uint64_t digest = sim_run(seed, options.steps);
    sums->seeds++;
    sums->steps += sim.step;
    if (digest != 0 && twice) {
        uint64_t again = sim_run(seed, options.steps);
        sums->steps += sim.step;
        sums->twice++;
        if (again != digest && !truth_failed()) {
            truth_fail("run twice it was not the same run");
        }
    }
    if (truth_failed()) {
        sums->fails++;
        printf("R10 FAILED: seed %" PRIu64 ", step %" PRIu64 ": %s\n", seed, sim.step, truth_why());
        print_replay(seed);
    }
}

static void run_all(struct sums *sums)
{
    uint64_t begin = host_real_ns();
    for (uint64_t i = 0; i < KEPT && options.seeds > KEPT && sums->fails == 0; i++) {
        run(kept[i], false, sums);
    }
    for (uint64_t i = 0; sums->seeds < options.seeds && sums->fails == 0; i++) {
        run(options.seed + i, i % TWICE_OF == 0 && !trace_on, sums);
    }
    sums->wall_s = (double)(host_real_ns() - begin) / 1e9;
}

/* ---- the report ---- */

static void print_seen(void)
{
    printf(
        "commands=%" PRIu64 " digests=%" PRIu64 " dumps=%" PRIu64 " forgotten=%" PRIu64
        " asked_again=%" PRIu64 " sent=%" PRIu64 " resent=%" PRIu64 " ok=%" PRIu64
        " refused=%" PRIu64 " unknown=%" PRIu64 " callbacks=%" PRIu64 " restarts=%" PRIu64
        " lost_replies=%" PRIu64 "\n",
        truth_counts.commands,
        truth_counts.digests,
        truth_counts.dumps,
        truth_counts.forgotten,
        truth_counts.asked_again,
        actors_counts.sent,
        actors_counts.resent,
        actors_counts.ok,
        actors_counts.refused,
        actors_counts.unknown,
        actors_counts.callbacks,
        actors_counts.restarts,
        door_counts.lost_replies);
    printf(
        "worlds=%" PRIu64 " starts=%" PRIu64 " snapshots=%" PRIu64 " held=%" PRIu64
        " starts_refused=%" PRIu64 " delivered=%" PRIu64 " refilled=%" PRIu64 " gaps=%" PRIu64
        " readers_reopened=%" PRIu64 " paused_days=%" PRIu64 "\n",
        sim.worlds,
        nodes[0].starts,
        nodes[0].snapshots,
        plague_counts.held,
        plague_counts.refused,
        readers_counts.delivered,
        readers_counts.refilled,
        readers_counts.gaps,
        readers_counts.reopened,
        (uint64_t)(actors_counts.pauses_us / ORDO_US_PER_DAY));
}

static void print_faults(void)
{
    const struct plague_counts *p = &plague_counts;
    const struct {
        const char *name;
        uint64_t count;
    } faults[] = {
        {"kill", p->kills},
        {"power", p->cuts},
        {"in_recovery", p->deep},
        {"stop", p->stops},
        {"exit", p->exits},
        {"exit_in_stop", p->stop_exits},
        {"torn", disk_counts.torn},
        {"lost", disk_counts.lost},
        {"short", disk_counts.shorts},
        {"eio", disk_counts.io_errors},
        {"enospc", disk_counts.no_rooms},
        {"flip", disk_counts.flips},
        {"misdirected", disk_counts.misdirected},
        {"damage_refused", p->damage_refused},
        {"damage_cut", p->damage_cut},
        {"damage_survived", p->damage_survived},
        {"net_cut", net_counts.cuts},
        {"net_silent", net_counts.silences},
        {"net_refused", net_counts.refused},
        {"net_slow", net_counts.slow},
        {"pub_drop", net_counts.pub_drops},
        {"clock", p->wall_jumps},
    };
    for (uint32_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        printf("%s%s:%" PRIu64, i == 0 ? "" : ",", faults[i].name, faults[i].count);
    }
}

/* R21: the clocks of all those worlds. Each jump is a second to 30 days, with a clock that stands
 * still in one of three; the digests held against the reference say that no state depends on it. */
static bool report_clocks(const struct sums *sums)
{
    bool good = sums->fails == 0 && plague_counts.wall_jumps > 0 && truth_counts.digests > 0;
    printf(
        "RELIABILITY R21 %s part=simulated cases=%" PRIu64 " fails=%" PRIu64 " digests=%" PRIu64
        " seed=%" PRIu64 " commit=%s wall=%.0fs\n",
        good ? "ok" : "FAILED",
        plague_counts.wall_jumps,
        sums->fails,
        truth_counts.digests,
        options.seed,
        ORDO_COMMIT,
        sums->wall_s);
    return good;
}

static void report(const struct sums *sums)
{
    double sim_s = (double)sim.sim_ns / 1e9;
    print_seen();
    printf(
        "RELIABILITY R10 %s cases=%" PRIu64 " fails=%" PRIu64 " steps=%" PRIu64
        " sim_seconds=%.0f ratio=%.0f crashes=%" PRIu64 " faults=",
        sums->fails == 0 && sums->seeds > 0 ? "ok" : "FAILED",
        sums->seeds,
        sums->fails,
        sums->steps,
        sim_s,
        sim_s / (sums->wall_s > 0 ? sums->wall_s : 1),
        plague_counts.kills + plague_counts.cuts + plague_counts.exits);
    print_faults();
    printf(
        " twice=%" PRIu64 " seed=%" PRIu64 " commit=%s wall=%.0fs\n",
        sums->twice,
        options.seed,
        ORDO_COMMIT,
        sums->wall_s);
}

/* ---- planted bugs ---- */

/* True when it is found; a process of its own, because a bug may end in an assertion. */
static bool find_canary(enum canary which)
{
    int status = 0;
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct sums sums = {0};
        canary = which;
        run_all(&sums);
        printf(
            "canary %s: seeds=%" PRIu64 " steps=%" PRIu64 "\n",
            canary_names[which],
            sums.seeds,
            sums.steps);
        (void)fflush(stdout);
        _exit(sums.fails == 0 ? 0 : 1);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid &&
           (WIFSIGNALED(status) || WEXITSTATUS(status) == 1);
}

static int find_canaries(void)
{
    uint32_t wanted = 0;
    uint32_t found = 0;
    options.seeds = options.seeds < CANARY_SEEDS ? options.seeds : CANARY_SEEDS;
    for (enum canary i = CANARY_NONE + 1; i < CANARY_COUNT; i++) {
        if (strcmp(options.canary, "all") != 0 && strcmp(options.canary, canary_names[i]) != 0) {
            continue;
        }
        wanted++;
        if (find_canary(i)) {
            found++;
        } else {
            printf("canary %s was not found\n", canary_names[i]);
        }
    }
    printf(
        "canaries of the simulator: %u of %u found, seed=%" PRIu64 "\n",
        found,
        wanted,
        options.seed);
    return wanted != 0 && found == wanted ? 0 : 1;
}

/* ---- the program ---- */

static bool read_options(int argc, char **argv)
{
    const char *steps = getenv("ORDO_R10_STEPS"); /* of all seeds together */
    const char *seed = getenv("ORDO_SEED");
    options = (struct options){
        .seed = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL),
        .seeds = SEEDS_DEFAULT,
        .steps = STEPS_DEFAULT};
    if (steps != NULL) {
        options.seeds = strtoull(steps, NULL, 10) / STEPS_DEFAULT;
    }
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--trace") == 0) {
            trace_on = true;
        } else if (strcmp(argv[i], "--seed") == 0 && has_value) {
            options.seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seeds") == 0 && has_value) {
            options.seeds = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--steps") == 0 && has_value) {
            options.steps = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--canary") == 0 && has_value) {
            options.canary = argv[++i];
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct sums sums = {0};
    program = argv[0];
    if (!read_options(argc, argv)) {
        (void)fprintf(
            stderr,
            "usage: %s [--seed N] [--seeds N] [--steps N] [--trace] [--canary NAME|all]\n",
            argv[0]);
        return 64;
    }
    ordo_log_set_level(trace_on ? ORDO_LOG_INFO : QUIET);
    ordo_assert_set_hook(on_assert, NULL);
    (void)signal(SIGALRM, on_alarm);
    (void)mallopt(M_MMAP_THRESHOLD, KEEP_BYTES); /* what a node frees, the next one takes */
    (void)mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
    printf("seed=%" PRIu64 "\n", options.seed);
    if (options.canary != NULL) {
        return find_canaries();
    }
    run_all(&sums);
    (void)alarm(0);
    report(&sums);
    bool good = sums.fails == 0 && sums.seeds > 0;
    if (options.seeds >= SEEDS_DEFAULT) { /* of a few seeds none may have such a clock */
        good = report_clocks(&sums) && good;
    }
    return good ? 0 : 1;
}
