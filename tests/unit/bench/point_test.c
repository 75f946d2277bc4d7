/* The points of a sweep: every combination once, in an order that a seed repeats, told to a node by
 * the keys of its configuration; and what a sweep writes of them. */
#include "bench/point.h"
#include "bench/sweep_out.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct ordo_axes some_axes(void)
{
    static const char *const lists[ORDO_AXIS_COUNT] = {
        "park,spin", "shared,compact,dedicated", "1Mi", "dsync,pwrite/fdatasync", "20k,max"};
    struct ordo_axes axes;
    struct ordo_fail fail;
    for (int axis = 0; axis < ORDO_AXIS_COUNT; axis++) {
        cr_assert_eq(ordo_axes_set(&axes, (enum ordo_axis)axis, lists[axis], &fail), ORDO_OK);
    }
    return axes;
}

Test(point, is_each_combination_once)
{
    struct ordo_axes axes = some_axes();
    struct ordo_point points[24];
    cr_assert_eq(ordo_axes_points(&axes, points, 24), 2 * 3 * 1 * 2 * 2);
    for (int i = 0; i < 24; i++) {
        for (int k = 0; k < i; k++) {
            cr_assert_neq(memcmp(&points[i], &points[k], sizeof(points[i])), 0);
        }
    }
    char name[ORDO_POINT_NAME_SIZE];
    ordo_point_name(&axes, &points[0], name);
    cr_assert_str_eq(name, "park, shared, 1Mi, dsync, 20k/s");
    ordo_point_name(&axes, &points[23], name);
    cr_assert_str_eq(name, "spin, dedicated, 1Mi, pwrite/fdatasync, max");
}

Test(point, says_how_many_there_are_when_there_is_no_room)
{
    struct ordo_axes axes = some_axes();
    struct ordo_point one[1];
    cr_assert_eq(ordo_axes_points(&axes, one, 1), 24);
}

Test(point, is_told_to_a_node_by_its_keys)
{
    struct ordo_axes axes = some_axes();
    struct ordo_point points[24];
    char flags[ORDO_POINT_FLAGS][ORDO_POINT_FLAG_SIZE];
    (void)ordo_axes_points(&axes, points, 24);
    cr_assert_eq(ordo_point_flags(&axes, &points[0], flags), 4);
    cr_assert_str_eq(flags[0], "threads.strategy=park");
    cr_assert_str_eq(flags[1], "threads.layout=shared");
    cr_assert_str_eq(flags[2], "journal.batch_size_max=1Mi");
    cr_assert_str_eq(flags[3], "journal.flush=dsync");
    cr_assert_eq(ordo_point_flags(&axes, &points[23], flags), 5);
    cr_assert_str_eq(flags[3], "journal.backend=pwrite");
    cr_assert_str_eq(flags[4], "journal.flush=fdatasync");
    cr_assert_eq(ordo_point_rate(&axes, &points[0]), 20000);
    cr_assert_eq(ordo_point_rate(&axes, &points[1]), 0);
}

Test(point, refuses_a_list_that_is_none)
{
    struct ordo_axes axes;
    struct ordo_fail fail;
    static const char *const bad[] = {
        "",
        "park,",
        ",park",
        "park,park",
        "a,b,c,d,e,f,g,h,i",
        "a-value-that-is-far-too-long-for-it"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        enum ordo_err err = ordo_axes_set(&axes, ORDO_AXIS_STRATEGY, bad[i], &fail);
        cr_assert_eq(err, ORDO_ERR_INVALID, "%s", bad[i]);
    }
    cr_assert_eq(ordo_axes_set(&axes, ORDO_AXIS_RATE, "10k,fast", &fail), ORDO_ERR_INVALID);
    cr_assert_eq(ordo_axes_set(&axes, ORDO_AXIS_RATE, "0", &fail), ORDO_ERR_INVALID);
}

Test(visit_order, has_everyone_once_and_differs_from_repeat_to_repeat)
{
    uint32_t order[3][100];
    uint32_t again[100];
    for (uint32_t repeat = 0; repeat < 3; repeat++) {
        bool seen[100] = {false};
        ordo_visit_order(7, repeat, order[repeat], 100);
        for (int i = 0; i < 100; i++) {
            cr_assert_lt(order[repeat][i], 100);
            cr_assert_not(seen[order[repeat][i]]);
            seen[order[repeat][i]] = true;
        }
    }
    cr_assert_neq(memcmp(order[0], order[1], sizeof(again)), 0);
    cr_assert_neq(memcmp(order[1], order[2], sizeof(again)), 0);
    ordo_visit_order(7, 1, again, 100);
    cr_assert_arr_eq(again, order[1], sizeof(again));
    ordo_visit_order(8, 1, again, 100);
    cr_assert_neq(memcmp(again, order[1], sizeof(again)), 0);
}

/* ---- what is written ---- */

static char *written(
    void (*write)(const struct ordo_axes *, const struct ordo_tried *, uint32_t, FILE *),
    const struct ordo_axes *axes,
    const struct ordo_tried *tried,
    uint32_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    write(axes, tried, count, out);
    (void)fclose(out);
    return text;
}

static struct ordo_tried *some_tried(const struct ordo_axes *axes)
{
    struct ordo_tried *tried = calloc(24, sizeof(*tried));
    struct ordo_point points[24];
    (void)ordo_axes_points(axes, points, 24);
    for (int i = 0; i < 24; i++) {
        tried[i].point = points[i];
    }
    for (int metric = 0; metric < ORDO_METRIC_COUNT; metric++) {
        ordo_series_add(&tried[0].values[metric], 10);
        ordo_series_add(&tried[0].values[metric], 30);
        ordo_series_add(&tried[0].values[metric], 20);
    }
    tried[0].count = 3;
    tried[1].refused = true;
    tried[3].failed = true;
    (void)snprintf(tried[1].reason, sizeof(tried[1].reason), "needs \"5\" cores, has 2");
    return tried;
}

static uint32_t count_of(const char *text, char c)
{
    uint32_t count = 0;
    for (; *text != 0 && *text != '\n'; text++) {
        count += *text == c;
    }
    return count;
}

Test(sweep_csv, has_a_row_a_point_also_for_what_was_refused)
{
    struct ordo_axes axes = some_axes();
    struct ordo_tried *tried = some_tried(&axes);
    char *text = written(ordo_sweep_write_csv, &axes, tried, 24);
    char *rest = NULL;
    char *head = strtok_r(text, "\n", &rest);
    char *measured = strtok_r(NULL, "\n", &rest);
    char *refused = strtok_r(NULL, "\n", &rest);
    char *unvisited = strtok_r(NULL, "\n", &rest);
    cr_assert_not_null(strstr(head, "strategy,layout,batch,flush,rate,state,visits"));
    cr_assert_not_null(strstr(head, "p99_us,p99_us_least,p99_us_most"));
    cr_assert_eq(
        strncmp(measured, "park,shared,1Mi,dsync,20k,measured,3,0,0,20,10,30,", 50),
        0,
        "%s",
        measured);
    cr_assert_eq(count_of(measured, ','), count_of(head, ','));
    cr_assert_not_null(strstr(refused, ",refused,0,"));
    cr_assert_not_null(strstr(refused, ",\"needs \"\"5\"\" cores, has 2\""));
    cr_assert_eq(count_of(refused, ','), count_of(head, ',') + 1, "one lies within quotes");
    cr_assert_not_null(strstr(unvisited, ",unvisited,0,"));
    cr_assert_not_null(strstr(strtok_r(NULL, "\n", &rest), ",failed,0,"));
    for (int rows = 4; rows < 24; rows++) {
        cr_assert_not_null(strtok_r(NULL, "\n", &rest));
    }
    cr_assert_null(strtok_r(NULL, "\n", &rest));
    free(text);
    free(tried);
}

Test(sweep_plots, draw_what_was_measured_and_nothing_else)
{
    struct ordo_axes axes = some_axes();
    struct ordo_tried *tried = some_tried(&axes);
    char *text = written(ordo_sweep_write_script, &axes, tried, 24);
    cr_assert_not_null(strstr(text, "set output \"latency-load.svg\""));
    cr_assert_not_null(strstr(text, "20000 20 10 30 20 10 30\n"));
    cr_assert_not_null(strstr(text, "park, shared: p99_us"));
    cr_assert_null(strstr(text, "spin, shared: p99_us"));
    cr_assert_null(
        strstr(text, "set output \"throughput-batch.svg\""), "nothing was measured at max");
    free(text);
    free(tried);
}
