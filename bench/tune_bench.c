/* `ordo bench tune`: the settings for this machine, in minutes.
 *
 * Two stages of the same kind: threads first (wait strategy and layout), then, with what was
 * chosen, the journal (flush and bound of a batch). In each, three rounds: all candidates briefly,
 * the better half again, the better half of those longer. The default is in every round, so that
 * the last word is said by pairs: what is not clearly better leaves things as they are. */
#include "bench/bench.h"
#include "bench/ini_edit.h"
#include "bench/tune_tell.h"

#include "base/assert.h"
#include "base/clock.h"
#include "ordo/cli.h"

#include <stdlib.h>
#include <unistd.h>

#define OPTION_FOR     0x200
#define OPTION_MINUTES 0x201
#define OPTION_WRITE   0x202
#define OPTION_FORCE   0x203
#define OPTION_CPU     0x204
#define OPTION_RATE    0x205
#define OPTION_SEED    0x206
#define SEEDS          1000000000u /* short enough to be typed again */

#define MINUTES       4.0
#define MINUTES_QUICK 0.1

#define STAGES       2u
#define IDLE_S       0.3
#define WARM_UP_S    0.15
#define OVERHEAD_S   0.5 /* of a visit, until it is known: the start and the end of a node */
#define VISIT_S_MIN  0.1
#define VISIT_S_MAX  4.0
#define CHOICE_ALL   1e9 /* no bound */
#define VALUE_SIZE   ORDO_AXIS_VALUE_SIZE
#define CONFIG_LINES 4u

struct options {
    struct ordo_bench_options common;
    enum ordo_aim aim;
    double minutes; /* 0 = not given */
    double idle_max;
    bool idle_given;
    const char *rate;
    const char *write;
    bool force;
    uint64_t seed;
    bool seeded;
};

struct tune {
    struct options options;
    struct ordo_clock clock;
    uint64_t begin_ns;
    double deadline_s; /* of the stage that runs, from the begin */
    double overhead_s; /* of one visit, as measured */
    uint32_t visits;
    struct ordo_tune_stage stages[STAGES];
    uint32_t order[ORDO_POINTS_MAX];
};

static const struct argp_option argp_options[] = {
    {"for",
     OPTION_FOR,
     "AIM",
     0,
     "latency (p99 at --rate; default), throughput, or idle (CPU without load)",
     1},
    {"minutes", OPTION_MINUTES, "M", 0, "Time for all of it, 0.05 to 60 (default 4)", 1},
    {"write", OPTION_WRITE, "FILE", 0, "Write the settings into this configuration file", 1},
    {"force", OPTION_FORCE, NULL, 0, "Also over a key that has another value there", 1},
    {"cpu",
     OPTION_CPU,
     "CORES",
     0,
     "What a setting may use at rest (default 0.1; no bound for --for throughput)",
     1},
    {"rate", OPTION_RATE, "N", 0, "Commands a second for latency (default 20k)", 1},
    {"seed", OPTION_SEED, "N", 0, "Of the visits' order (default: random, printed)", 1},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case OPTION_FOR:
        if (!ordo_aim_find(argument, &o->aim)) {
            argp_error(state, "--for %s: give latency, throughput or idle", argument);
        }
        return 0;
    case OPTION_MINUTES:
        o->minutes = ordo_bench_decimal(state, "minutes", argument, 0.05, 60);
        return 0;
    case OPTION_WRITE:
        o->write = argument;
        return 0;
    case OPTION_FORCE:
        o->force = true;
        return 0;
    case OPTION_CPU:
        o->idle_max = ordo_bench_decimal(state, "cpu", argument, 0, 1024);
        o->idle_given = true;
        return 0;
    case OPTION_RATE:
        o->rate = argument;
        return 0;
    case OPTION_SEED:
        o->seed = ordo_bench_whole(state, "seed", argument, 0, UINT64_MAX);
        o->seeded = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static double spent_s(const struct tune *t)
{
    return (double)(ordo_clock_monotonic_ns(&t->clock) - t->begin_ns) / 1e9;
}

/* ---- a stage ---- */

static void
say(const struct tune *t, const struct ordo_tune_stage *stage, uint32_t round, uint32_t index)
{
    char name[ORDO_POINT_NAME_SIZE];
    if (!ordo_cli_progress()) {
        return;
    }
    ordo_point_name(&stage->axes, &stage->tried[index].point, name);
    (void)fprintf(
        stderr,
        "\r\033[K%3.0f of %.0f s, %s, round %u: %s",
        spent_s(t),
        t->options.minutes * 60,
        stage->name,
        round + 1,
        name);
    (void)fflush(stderr);
}

static enum ordo_err visit(
    struct tune *t,
    struct ordo_tune_stage *stage,
    const struct ordo_visit_config *config,
    uint32_t index,
    struct ordo_fail *fail)
{
    double begin_s = spent_s(t);
    enum ordo_err err = ordo_visit(config, &stage->axes, &stage->tried[index], fail);
    if (err == ORDO_OK && !ordo_tried_is_out(&stage->tried[index])) {
        double over_s = spent_s(t) - begin_s - config->seconds;
        t->overhead_s = (t->overhead_s * t->visits + over_s) / (t->visits + 1);
        t->visits++;
    }
    return err;
}

/* One visit of everyone in the field, in an order of its own. */
static enum ordo_err visit_all(
    struct tune *t,
    struct ordo_tune_stage *stage,
    const struct ordo_visit_config *config,
    uint32_t round,
    struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_OK;
    uint64_t seed = t->options.seed + t->visits;
    ordo_visit_order(seed, round, t->order, stage->count);
    for (uint32_t i = 0; i < stage->count && err == ORDO_OK; i++) {
        uint32_t index = t->order[i];
        if (stage->alive[index] && !ordo_tried_is_out(&stage->tried[index])) {
            say(t, stage, round, index);
            stage->last_round[index] = round + 1;
            err = visit(t, stage, config, index, fail);
        }
    }
    return err;
}

static uint32_t count_alive(const struct ordo_tune_stage *stage)
{
    uint32_t alive = 0;
    for (uint32_t i = 0; i < stage->count; i++) {
        alive += stage->alive[i] && !ordo_tried_is_out(&stage->tried[i]);
    }
    return alive;
}

static enum ordo_err run_round(
    struct tune *t,
    struct ordo_tune_stage *stage,
    uint32_t round,
    double budget_s,
    struct ordo_fail *fail)
{
    static const uint32_t repeats[ORDO_TUNE_ROUNDS] = {2, 3, 5};
    uint32_t count = t->options.common.quick ? 1 : repeats[round];
    uint32_t alive = count_alive(stage);
    double seconds = budget_s / (alive * count) - t->overhead_s;
    struct ordo_visit_config config = {
        .dir = t->options.common.dir,
        .group = 16,
        .lanes = 32,
        .seconds = seconds < VISIT_S_MIN ? VISIT_S_MIN : seconds,
        .warm_up_s = t->options.common.quick ? VISIT_S_MIN / 4 : WARM_UP_S,
        .idle_s = t->options.common.quick ? VISIT_S_MIN / 2 : IDLE_S,
    };
    if (config.seconds > VISIT_S_MAX) {
        config.seconds = VISIT_S_MAX;
    }
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; i < count && err == ORDO_OK; i++) {
        bool late = spent_s(t) > t->deadline_s && (round > 0 || i > 0);
        if (!late) {
            err = visit_all(t, stage, &config, round, fail);
        }
    }
    return err;
}

static enum ordo_err
run_stage(struct tune *t, struct ordo_tune_stage *stage, double budget_s, struct ordo_fail *fail)
{
    static const double shares[ORDO_TUNE_ROUNDS] = {0.35, 0.3, 0.35};
    enum ordo_err err = ORDO_OK;
    t->deadline_s = spent_s(t) + budget_s;
    for (uint32_t round = 0; round < ORDO_TUNE_ROUNDS && err == ORDO_OK; round++) {
        err = run_round(t, stage, round, shares[round] * budget_s, fail);
        if (err == ORDO_OK && ordo_tried_is_out(&stage->tried[stage->field.standard])) {
            return ordo_fail_set(
                fail,
                ORDO_ERR_CONFIG,
                "a node with the default settings does not do: %s",
                stage->tried[stage->field.standard].reason);
        }
        if (err == ORDO_OK && round + 1 < ORDO_TUNE_ROUNDS) {
            (void)ordo_field_halve(&stage->field);
        }
    }
    ordo_field_choose(&stage->field, &stage->choice);
    return err;
}

static enum ordo_err open_stage(
    struct tune *t,
    struct ordo_tune_stage *stage,
    const char *name,
    const char *const lists[ORDO_AXIS_RATE],
    struct ordo_fail *fail)
{
    const char *rate = t->options.aim == ORDO_AIM_THROUGHPUT ? "max" : t->options.rate;
    enum ordo_err err = ordo_axes_set(&stage->axes, ORDO_AXIS_RATE, rate, fail);
    for (uint32_t axis = 0; axis < ORDO_AXIS_RATE && err == ORDO_OK; axis++) {
        err = ordo_axes_set(&stage->axes, (enum ordo_axis)axis, lists[axis], fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    struct ordo_point points[ORDO_AXIS_VALUES_MAX * ORDO_AXIS_VALUES_MAX];
    uint32_t room = sizeof(points) / sizeof(points[0]);
    stage->name = name;
    stage->count = ordo_axes_points(&stage->axes, points, room);
    ORDO_ASSERT(stage->count <= room);
    stage->tried = calloc(stage->count, sizeof(*stage->tried));
    if (stage->tried == NULL) {
        stage->count = 0;
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the candidates");
    }
    for (uint32_t i = 0; i < stage->count; i++) {
        stage->tried[i].point = points[i];
        stage->alive[i] = true;
    }
    stage->field = (struct ordo_field){
        .aim = t->options.aim,
        .idle_max = t->options.idle_max,
        .tried = stage->tried,
        .alive = stage->alive,
        .count = stage->count,
        .standard = 0, /* the first value of each axis */
    };
    return ORDO_OK;
}

static const char *chosen_value(const struct ordo_tune_stage *stage, enum ordo_axis axis)
{
    return ordo_point_value(&stage->axes, &stage->tried[stage->choice.chosen].point, axis);
}

static enum ordo_err run(struct tune *t, struct ordo_fail *fail)
{
    static const double shares[STAGES] = {0.65, 0.35};
    double total_s = t->options.minutes * 60;
    bool quick = t->options.common.quick;
    const char *threads[ORDO_AXIS_RATE] = {
        quick ? "park,spin" : "park,yield,spin",
        quick ? "shared,dedicated" : "shared,compact,dedicated",
        "1Mi",
        "dsync"};
    enum ordo_err err = open_stage(t, &t->stages[0], "threads", threads, fail);
    err = err == ORDO_OK ? run_stage(t, &t->stages[0], shares[0] * total_s, fail) : err;
    if (err != ORDO_OK) {
        return err;
    }
    const char *journal[ORDO_AXIS_RATE] = {
        chosen_value(&t->stages[0], ORDO_AXIS_STRATEGY),
        chosen_value(&t->stages[0], ORDO_AXIS_LAYOUT),
        quick ? "1Mi" : "1Mi,256Ki,4Mi",
        "dsync,fdatasync"};
    double left_s = total_s - spent_s(t);
    err = open_stage(t, &t->stages[1], "journal", journal, fail);
    return err == ORDO_OK ? run_stage(t, &t->stages[1], left_s, fail) : err;
}

/* ---- the end ---- */

static void collect(const struct tune *t, struct ordo_ini_change changes[CONFIG_LINES])
{
    static const char *const keys[CONFIG_LINES] = {
        "threads.strategy", "threads.layout", "journal.batch_size_max", "journal.flush"};
    for (uint32_t axis = 0; axis < CONFIG_LINES; axis++) {
        changes[axis].key = keys[axis];
        changes[axis].value = chosen_value(&t->stages[1], (enum ordo_axis)axis);
    }
}

static void tell(const struct tune *t, const struct ordo_ini_change changes[CONFIG_LINES])
{
    static struct ordo_report report;
    ordo_report_begin(&report, "tune", &t->options.common);
    ordo_report_set_text(&report, "for", ordo_aim_name(t->options.aim));
    ordo_report_set(&report, "minutes", t->options.minutes);
    ordo_report_set(&report, "seed", (double)t->options.seed);
    for (uint32_t i = 0; i < CONFIG_LINES; i++) {
        ordo_report_set_text(&report, changes[i].key, changes[i].value);
    }
    for (uint32_t i = 0; i < STAGES; i++) {
        ordo_tune_add_rows(&t->stages[i], &report);
        ordo_tune_note_why(&t->stages[i], &report);
    }
    ordo_report_print_json(&report, stdout);
    (void)fflush(stdout);
    for (uint32_t i = 0; i < STAGES && !t->options.common.json; i++) {
        ordo_tune_print(&t->stages[i], stderr);
        (void)fprintf(stderr, "%s\n\n", report.notes[i]);
    }
}

static void say_lines(const struct ordo_ini_change *changes)
{
    (void)fprintf(stderr, "for the configuration file:\n");
    for (uint32_t i = 0; i < CONFIG_LINES; i++) {
        (void)fprintf(stderr, "  %s = %s\n", changes[i].key, changes[i].value);
    }
}

/* Minutes of measuring shall not end with a file that never was one: an edit without changes. */
static enum ordo_err check_file(const struct tune *t, struct ordo_fail *fail)
{
    const struct ordo_ini_edit edit = {.path = t->options.write};
    bool there = edit.path != NULL && access(edit.path, F_OK) == 0;
    return there ? ordo_ini_edit_file(&edit, stderr, fail) : ORDO_OK;
}

static enum ordo_err
write_config(const struct tune *t, const struct ordo_ini_change *changes, struct ordo_fail *fail)
{
    const struct options *o = &t->options;
    const struct ordo_ini_edit edit = {
        .path = o->write, .changes = changes, .count = CONFIG_LINES, .force = o->force};
    if (o->write == NULL) {
        say_lines(changes);
        return ORDO_OK;
    }
    enum ordo_err err = ordo_ini_edit_file(&edit, stderr, fail);
    if (err == ORDO_OK) {
        (void)fprintf(stderr, "%s: for `ordo serve --config %s`\n", o->write, o->write);
    } else {
        say_lines(changes);
    }
    return err;
}

int ordo_bench_tune(int argc, char **argv)
{
    static struct tune tune;
    struct tune *t = &tune;
    struct options *o = &t->options;
    struct ordo_fail fail;
    const struct ordo_bench_verb verb = {
        .options = argp_options,
        .parse = parse_option,
        .input = o,
        .common = &o->common,
        .doc = "Finds the thread and journal settings for this machine by short measurements, "
               "says why, and writes them into a configuration file.",
    };
    *t = (struct tune){
        .options = {.common = {.dir = "."}, .idle_max = 0.1, .rate = "20k"},
        .clock = ordo_clock_system(),
        .overhead_s = OVERHEAD_S + IDLE_S + WARM_UP_S,
    };
    ordo_bench_parse(&verb, argc, argv);
    o->minutes = o->minutes > 0 ? o->minutes : o->common.quick ? MINUTES_QUICK : MINUTES;
    o->idle_max = o->aim == ORDO_AIM_THROUGHPUT && !o->idle_given ? CHOICE_ALL : o->idle_max;
    o->seed = o->seeded ? o->seed : ordo_clock_realtime_us(&t->clock) % SEEDS;
    if (!o->common.json) {
        (void)fprintf(stderr, "seed %llu\n", (unsigned long long)o->seed);
    }
    t->begin_ns = ordo_clock_monotonic_ns(&t->clock);
    enum ordo_err err = check_file(t, &fail);
    err = err == ORDO_OK ? run(t, &fail) : err;
    if (ordo_cli_progress()) {
        (void)fputs("\r\033[K", stderr);
    }
    if (err == ORDO_OK) {
        struct ordo_ini_change changes[CONFIG_LINES];
        collect(t, changes);
        tell(t, changes);
        err = write_config(t, changes, &fail);
    }
    for (uint32_t i = 0; i < STAGES; i++) {
        if (t->stages[i].tried != NULL) {
            ordo_tried_fini(t->stages[i].tried, t->stages[i].count);
        }
        free(t->stages[i].tried);
    }
    return err == ORDO_OK ? ORDO_EXIT_OK : ordo_cli_fail_with(&fail);
}
