/* The files of a sweep. The script carries the figures as data blocks, so that it draws the same
 * picture anywhere, also on a machine that has gnuplot when this one has none.
 *
 * A plot shows one plane of the axes; what is not in it stands at its first value, which the title
 * says. A line is a strategy with a layout.
 */
#include "bench/sweep_out.h"

#include "ordo/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_SIZE   1024
#define EXIT_ABSENT 127

static const char *state_of(const struct ordo_tried *tried)
{
    if (tried->refused) {
        return "refused";
    }
    if (tried->failed) {
        return "failed";
    }
    return tried->count == 0 ? "unvisited" : "measured";
}

/* ---- CSV ---- */

static void write_quoted(const char *text, FILE *out)
{
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            (void)fputc('"', out);
        }
        (void)fputc(*text, out);
    }
    (void)fputc('"', out);
}

void ordo_sweep_write_csv(
    const struct ordo_axes *axes, const struct ordo_tried *tried, uint32_t count, FILE *out)
{
    for (uint32_t axis = 0; axis < ORDO_AXIS_COUNT; axis++) {
        (void)fprintf(out, "%s,", ordo_axis_name((enum ordo_axis)axis));
    }
    (void)fputs("state,visits,unsent,busy", out);
    for (uint32_t m = 0; m < ORDO_METRIC_COUNT; m++) {
        const char *name = ordo_metric_name((enum ordo_metric)m);
        (void)fprintf(out, ",%s,%s_least,%s_most", name, name, name);
    }
    (void)fputs(",reason\n", out);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t axis = 0; axis < ORDO_AXIS_COUNT; axis++) {
            (void)fprintf(
                out, "%s,", ordo_point_value(axes, &tried[i].point, (enum ordo_axis)axis));
        }
        (void)fprintf(
            out,
            "%s,%u,%llu,%llu",
            state_of(&tried[i]),
            tried[i].count,
            (unsigned long long)tried[i].unsent,
            (unsigned long long)tried[i].busy);
        for (uint32_t m = 0; m < ORDO_METRIC_COUNT; m++) {
            static const double shares[] = {0.5, 0, 1};
            for (uint32_t s = 0; s < 3; s++) {
                if (tried[i].count == 0) {
                    (void)fputc(',', out);
                } else {
                    (void)fprintf(
                        out, ",%.6g", ordo_tried_value(&tried[i], (enum ordo_metric)m, shares[s]));
                }
            }
        }
        (void)fputc(',', out);
        if (ordo_tried_is_out(&tried[i])) {
            write_quoted(tried[i].reason, out);
        }
        (void)fputc('\n', out);
    }
}

/* ---- plots ---- */

struct plane {
    const char *file;
    const char *title;
    const char *x_label;
    const char *y_label;
    enum ordo_axis across;       /* the axis of x */
    enum ordo_metric metrics[2]; /* drawn, then dashed */
    bool has_second;
};

static const struct plane planes[] = {
    {"latency-load",
     "Latency against load",
     "commands/s offered",
     "us from when it was due",
     ORDO_AXIS_RATE,
     {ORDO_METRIC_P99, ORDO_METRIC_P50},
     true},
    {"throughput-batch",
     "Throughput against batch bound",
     "bytes of a batch",
     "commands/s",
     ORDO_AXIS_BATCH,
     {ORDO_METRIC_THROUGHPUT},
     false},
    {"cpu-strategy",
     "CPU against strategy",
     "strategy",
     "cores",
     ORDO_AXIS_STRATEGY,
     {ORDO_METRIC_NODE_CPU, ORDO_METRIC_IDLE_CPU},
     true},
};

#define PLANES (sizeof(planes) / sizeof(planes[0]))

/* Where the other axes stand: at their first value, but the throughput's rate at its highest. */
static uint8_t fixed_at(const struct ordo_axes *axes, const struct plane *plane, uint32_t axis)
{
    uint8_t best = 0;
    if (axis != ORDO_AXIS_RATE || plane->across != ORDO_AXIS_BATCH) {
        return 0;
    }
    for (uint8_t i = 0; i < axes->counts[axis]; i++) {
        uint64_t rate = 0;
        if (!ordo_cli_number(axes->values[axis][i], UINT64_MAX, &rate)) {
            return i; /* max */
        }
        uint64_t high = 0;
        (void)ordo_cli_number(axes->values[axis][best], UINT64_MAX, &high);
        best = rate > high ? i : best;
    }
    return best;
}

static bool
is_in_plane(const struct ordo_axes *axes, const struct plane *plane, const struct ordo_tried *tried)
{
    for (uint32_t axis = ORDO_AXIS_BATCH; axis < ORDO_AXIS_COUNT; axis++) {
        if (axis != plane->across && tried->point.at[axis] != fixed_at(axes, plane, axis)) {
            return false;
        }
    }
    return tried->count > 0;
}

/* x as gnuplot wants it: a number where there is one. The load of "max" is what went through. */
static void write_x(
    const struct ordo_axes *axes,
    const struct plane *plane,
    const struct ordo_tried *tried,
    FILE *out)
{
    uint64_t number;
    const char *text = ordo_point_value(axes, &tried->point, plane->across);
    if (plane->across == ORDO_AXIS_RATE && strcmp(text, "max") == 0) {
        (void)fprintf(out, "%.6g", ordo_tried_value(tried, ORDO_METRIC_THROUGHPUT, 0.5));
    } else if (ordo_cli_number(text, UINT64_MAX, &number)) {
        (void)fprintf(out, "%llu", (unsigned long long)number);
    } else {
        (void)fprintf(out, "\"%s\"", text);
    }
}

/* One block a line of the picture; false when it has no figure. A line: x, then median, least and
 * most of each metric. */
static bool write_block(
    const struct ordo_axes *axes,
    const struct plane *plane,
    const struct ordo_tried *tried,
    uint32_t count,
    uint32_t line,
    FILE *out)
{
    uint32_t layouts = axes->counts[ORDO_AXIS_LAYOUT];
    bool by_strategy = plane->across == ORDO_AXIS_STRATEGY;
    uint32_t rows = 0;
    (void)fprintf(out, "$%c%u << END\n", plane->file[0], line);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *at = tried[i].point.at;
        uint32_t mine = by_strategy ? at[ORDO_AXIS_LAYOUT]
                                    : at[ORDO_AXIS_STRATEGY] * layouts + at[ORDO_AXIS_LAYOUT];
        if (mine != line || !is_in_plane(axes, plane, &tried[i])) {
            continue;
        }
        write_x(axes, plane, &tried[i], out);
        for (uint32_t m = 0; m < 2; m++) {
            static const double shares[] = {0.5, 0, 1};
            for (uint32_t s = 0; s < 3; s++) {
                (void)fprintf(
                    out, " %.6g", ordo_tried_value(&tried[i], plane->metrics[m], shares[s]));
            }
        }
        (void)fputc('\n', out);
        rows++;
    }
    (void)fputs("END\n", out);
    return rows != 0;
}

static void
line_name(const struct ordo_axes *axes, const struct plane *plane, uint32_t line, char name[64])
{
    uint32_t layouts = axes->counts[ORDO_AXIS_LAYOUT];
    if (plane->across == ORDO_AXIS_STRATEGY) {
        (void)snprintf(name, 64, "%s", axes->values[ORDO_AXIS_LAYOUT][line]);
    } else {
        (void)snprintf(
            name,
            64,
            "%s, %s",
            axes->values[ORDO_AXIS_STRATEGY][line / layouts],
            axes->values[ORDO_AXIS_LAYOUT][line % layouts]);
    }
}

static void write_title(const struct ordo_axes *axes, const struct plane *plane, FILE *out)
{
    (void)fprintf(out, "set title \"%s", plane->title);
    for (uint32_t axis = ORDO_AXIS_BATCH; axis < ORDO_AXIS_COUNT; axis++) {
        if (axis != plane->across) {
            const char *value = axes->values[axis][fixed_at(axes, plane, axis)];
            (void)fprintf(out, ", %s %s", ordo_axis_name((enum ordo_axis)axis), value);
        }
    }
    (void)fputs("\" noenhanced\n", out);
}

static void write_plane(
    const struct ordo_axes *axes,
    const struct plane *plane,
    const struct ordo_tried *tried,
    uint32_t count,
    FILE *out)
{
    bool bars = plane->across == ORDO_AXIS_STRATEGY;
    uint32_t lines = axes->counts[ORDO_AXIS_LAYOUT] * (bars ? 1 : axes->counts[ORDO_AXIS_STRATEGY]);
    const char *before = "plot ";
    bool drawn[ORDO_AXIS_VALUES_MAX * ORDO_AXIS_VALUES_MAX];
    bool any = false;
    for (uint32_t line = 0; line < lines; line++) {
        drawn[line] = write_block(axes, plane, tried, count, line, out);
        any = any || drawn[line];
    }
    if (!any) {
        return; /* every combination was refused */
    }
    (void)fprintf(out, "set output \"%s.svg\"\n", plane->file);
    write_title(axes, plane, out);
    (void)fprintf(out, "set xlabel \"%s\"\nset ylabel \"%s\"\n", plane->x_label, plane->y_label);
    (void)fprintf(
        out, "%s\n", plane->across == ORDO_AXIS_RATE ? "set logscale xy" : "unset logscale");
    (void)fprintf(out, "set yrange [%s]\n", plane->across == ORDO_AXIS_RATE ? "*:*" : "0:*");
    (void)fputs(bars ? "set style data histograms\n" : "set style data linespoints\n", out);
    for (uint32_t line = 0; line < lines; line++) {
        for (uint32_t m = 0; drawn[line] && m < (plane->has_second ? 2u : 1u); m++) {
            char name[64];
            uint32_t first = 2 + 3 * m;
            line_name(axes, plane, line, name);
            (void)fprintf(out, "%s$%c%u using ", before, plane->file[0], line);
            (void)fprintf(out, bars ? "%u:xtic(1)" : "1:%u", first);
            (void)fprintf(
                out, " title \"%s: %s\" noenhanced", name, ordo_metric_name(plane->metrics[m]));
            if (!bars) {
                (void)fprintf(out, " lc %u dt %u", line + 1, m + 1);
            }
            before = ", \\\n  ";
            if (!bars && m == 0) {
                (void)fprintf(
                    out,
                    ", \\\n  $%c%u using 1:2:3:4 with yerrorbars notitle lc %u pt 0",
                    plane->file[0],
                    line,
                    line + 1);
            }
        }
    }
    (void)fputs("\nunset output\n", out);
}

void ordo_sweep_write_script(
    const struct ordo_axes *axes, const struct ordo_tried *tried, uint32_t count, FILE *out)
{
    (void)fputs(
        "# gnuplot plots.gp draws latency-load.svg, throughput-batch.svg and cpu-strategy.svg.\n"
        "# A point is the median of its visits, a bar reaches from the least to the most.\n"
        "set terminal svg size 900,600 background \"white\"\n"
        "set grid\nset key outside right top\nset style fill solid 0.6\n"
        "set style histogram clustered gap 1\nset boxwidth 0.9\n",
        out);
    for (size_t i = 0; i < PLANES; i++) {
        write_plane(axes, &planes[i], tried, count, out);
    }
}

/* ---- files ---- */

typedef void
writer(const struct ordo_axes *axes, const struct ordo_tried *tried, uint32_t count, FILE *out);

static enum ordo_err write_file(
    const char *path,
    writer *write,
    const struct ordo_axes *axes,
    const struct ordo_tried *tried,
    uint32_t count,
    struct ordo_fail *fail)
{
    FILE *out = fopen(path, "we");
    bool good = out != NULL;
    if (good) {
        write(axes, tried, count, out);
        good = ferror(out) == 0;
        good = fclose(out) == 0 && good;
    }
    return good ? ORDO_OK
                : ordo_fail_set(
                      fail, ORDO_ERR_IO, "%s cannot be written: %s", path, strerror(errno));
}

static enum ordo_err run_gnuplot(const char *dir, struct ordo_fail *fail)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        char program[] = "gnuplot";
        char script[] = "plots.gp";
        char *words[] = {program, script, NULL};
        if (chdir(dir) == 0) {
            int log = open("gnuplot.log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
            (void)dup2(log, STDERR_FILENO); /* it warns of a picture with one point */
            (void)execvp(program, words);
        }
        _exit(EXIT_ABSENT);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return ordo_fail_set(fail, ORDO_ERR_IO, "gnuplot was not started: %s", strerror(errno));
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_ABSENT) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_UNAVAILABLE,
            "no gnuplot here, so no pictures: install gnuplot-nox (tools/setup --compare), then "
            "run `gnuplot plots.gp` in %s; sweep.csv is there",
            dir);
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? ORDO_OK
               : ordo_fail_set(
                     fail,
                     ORDO_ERR_INVALID,
                     "gnuplot did not take %s/plots.gp: see gnuplot.log there",
                     dir);
}

enum ordo_err ordo_sweep_write(
    const struct ordo_axes *axes,
    const struct ordo_tried *tried,
    uint32_t count,
    const char *dir,
    bool draw,
    struct ordo_fail *fail)
{
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        return ordo_fail_set(fail, ORDO_ERR_IO, "%s cannot be made: %s", dir, strerror(errno));
    }
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/sweep.csv", dir);
    enum ordo_err err = write_file(path, ordo_sweep_write_csv, axes, tried, count, fail);
    if (err == ORDO_OK && draw) {
        (void)snprintf(path, sizeof(path), "%s/plots.gp", dir);
        err = write_file(path, ordo_sweep_write_script, axes, tried, count, fail);
        err = err == ORDO_OK ? run_gnuplot(dir, fail) : err;
    }
    return err;
}
