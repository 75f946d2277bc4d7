/* point.h - the points of a sweep: every combination of the values of its axes, and the order in
 * which they are visited.
 *
 * A value is what the configuration of a node takes, and whether it does is the node's to say: a
 * combination that it refuses is a result too. Pure; any thread.
 */
#ifndef ORDO_BENCH_POINT_H
#define ORDO_BENCH_POINT_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define ORDO_AXIS_VALUES_MAX 8
#define ORDO_AXIS_VALUE_SIZE 24 /* bytes with the final zero */
#define ORDO_POINTS_MAX      1024
#define ORDO_POINT_FLAGS     5
#define ORDO_POINT_FLAG_SIZE 64
#define ORDO_POINT_NAME_SIZE 128

enum ordo_axis {
    ORDO_AXIS_STRATEGY, /* threads.strategy */
    ORDO_AXIS_LAYOUT,   /* threads.layout */
    ORDO_AXIS_BATCH,    /* journal.batch_size_max */
    ORDO_AXIS_FLUSH,    /* journal.flush, or BACKEND/FLUSH for journal.backend too */
    ORDO_AXIS_RATE,     /* commands a second that are offered; "max" = as many as go through */
    ORDO_AXIS_COUNT
};

struct ordo_axes {
    char values[ORDO_AXIS_COUNT][ORDO_AXIS_VALUES_MAX][ORDO_AXIS_VALUE_SIZE];
    uint32_t counts[ORDO_AXIS_COUNT];
};

struct ordo_point {
    uint8_t at[ORDO_AXIS_COUNT]; /* which value of each axis */
};

/* "strategy", ... */
const char *ordo_axis_name(enum ordo_axis axis);

/* Replaces the values of one axis by those of a list with commas. INVALID for an empty, too long or
 * repeated value, too many of them, or a rate that is none. */
enum ordo_err
ordo_axes_set(struct ordo_axes *axes, enum ordo_axis axis, const char *list, struct ordo_fail *fail)
    ORDO_MUST_USE;

/* All combinations, the last axis running fastest; at most max are written. Returns how many there
 * are. */
uint32_t ordo_axes_points(const struct ordo_axes *axes, struct ordo_point *points, uint32_t max);

const char *
ordo_point_value(const struct ordo_axes *axes, const struct ordo_point *point, enum ordo_axis axis);

/* "park, shared, 1Mi, dsync, 20k/s" */
void ordo_point_name(
    const struct ordo_axes *axes, const struct ordo_point *point, char name[ORDO_POINT_NAME_SIZE]);

/* What a node is told, "section.key=value" each; returns how many. */
uint32_t ordo_point_flags(
    const struct ordo_axes *axes,
    const struct ordo_point *point,
    char flags[ORDO_POINT_FLAGS][ORDO_POINT_FLAG_SIZE]);

/* Commands a second; 0 = max. */
uint64_t ordo_point_rate(const struct ordo_axes *axes, const struct ordo_point *point);

/* 0..count-1 in the order of this repeat: another one in each, the same for the same seed, so that
 * a phase of the machine meets other points each time. */
void ordo_visit_order(uint64_t seed, uint32_t repeat, uint32_t *order, uint32_t count);

#endif
