#include "bench/point.h"

#include "bench/draw.h"
#include "ordo/cli.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>

#define RATE_MAX 100000000ull

static const char *const axis_names[ORDO_AXIS_COUNT] = {
    "strategy", "layout", "batch", "flush", "rate"};

const char *ordo_axis_name(enum ordo_axis axis)
{
    ORDO_ASSERT(axis < ORDO_AXIS_COUNT);
    return axis_names[axis];
}

static bool is_rate(const char *text)
{
    uint64_t rate;
    return strcmp(text, "max") == 0 || (ordo_cli_number(text, RATE_MAX, &rate) && rate > 0);
}

static enum ordo_err add_value(
    struct ordo_axes *axes,
    enum ordo_axis axis,
    const char *value,
    size_t size,
    struct ordo_fail *fail)
{
    uint32_t *count = &axes->counts[axis];
    if (size == 0 || size >= ORDO_AXIS_VALUE_SIZE || *count == ORDO_AXIS_VALUES_MAX) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_INVALID,
            "--%s: a list of 1 to %d values with commas between them",
            axis_names[axis],
            ORDO_AXIS_VALUES_MAX);
    }
    char *to = axes->values[axis][*count];
    memcpy(to, value, size);
    to[size] = '\0';
    if (axis == ORDO_AXIS_RATE && !is_rate(to)) {
        return ordo_fail_set(
            fail, ORDO_ERR_INVALID, "--rate %s: commands a second, e.g. 20k, or max", to);
    }
    for (uint32_t i = 0; i < *count; i++) {
        if (strcmp(axes->values[axis][i], to) == 0) {
            return ordo_fail_set(
                fail, ORDO_ERR_INVALID, "--%s: %s is named twice", axis_names[axis], to);
        }
    }
    (*count)++;
    return ORDO_OK;
}

enum ordo_err
ordo_axes_set(struct ordo_axes *axes, enum ordo_axis axis, const char *list, struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_OK;
    axes->counts[axis] = 0;
    while (err == ORDO_OK) {
        size_t size = strcspn(list, ",");
        err = add_value(axes, axis, list, size, fail);
        if (list[size] == '\0') {
            break;
        }
        list += size + 1;
    }
    return err;
}

uint32_t ordo_axes_points(const struct ordo_axes *axes, struct ordo_point *points, uint32_t max)
{
    uint32_t count = 1;
    for (uint32_t axis = 0; axis < ORDO_AXIS_COUNT; axis++) {
        count *= axes->counts[axis];
    }
    for (uint32_t i = 0; i < count && i < max; i++) {
        uint32_t rest = i;
        for (uint32_t axis = ORDO_AXIS_COUNT; axis-- > 0;) {
            points[i].at[axis] = (uint8_t)(rest % axes->counts[axis]);
            rest /= axes->counts[axis];
        }
    }
    return count;
}

const char *
ordo_point_value(const struct ordo_axes *axes, const struct ordo_point *point, enum ordo_axis axis)
{
    ORDO_ASSERT(point->at[axis] < axes->counts[axis]);
    return axes->values[axis][point->at[axis]];
}

void ordo_point_name(
    const struct ordo_axes *axes, const struct ordo_point *point, char name[ORDO_POINT_NAME_SIZE])
{
    (void)snprintf(
        name,
        ORDO_POINT_NAME_SIZE,
        "%s, %s, %s, %s, %s%s",
        ordo_point_value(axes, point, ORDO_AXIS_STRATEGY),
        ordo_point_value(axes, point, ORDO_AXIS_LAYOUT),
        ordo_point_value(axes, point, ORDO_AXIS_BATCH),
        ordo_point_value(axes, point, ORDO_AXIS_FLUSH),
        ordo_point_value(axes, point, ORDO_AXIS_RATE),
        ordo_point_rate(axes, point) == 0 ? "" : "/s");
}

uint32_t ordo_point_flags(
    const struct ordo_axes *axes,
    const struct ordo_point *point,
    char flags[ORDO_POINT_FLAGS][ORDO_POINT_FLAG_SIZE])
{
    static const char *const keys[] = {
        "threads.strategy", "threads.layout", "journal.batch_size_max"};
    uint32_t count = 0;
    for (; count < sizeof(keys) / sizeof(keys[0]); count++) {
        const char *value = ordo_point_value(axes, point, (enum ordo_axis)count);
        (void)snprintf(flags[count], ORDO_POINT_FLAG_SIZE, "%s=%s", keys[count], value);
    }
    const char *flush = ordo_point_value(axes, point, ORDO_AXIS_FLUSH);
    const char *slash = strchr(flush, '/');
    if (slash != NULL) {
        (void)snprintf(
            flags[count++],
            ORDO_POINT_FLAG_SIZE,
            "journal.backend=%.*s",
            (int)(slash - flush),
            flush);
        flush = slash + 1;
    }
    (void)snprintf(flags[count++], ORDO_POINT_FLAG_SIZE, "journal.flush=%s", flush);
    return count;
}

uint64_t ordo_point_rate(const struct ordo_axes *axes, const struct ordo_point *point)
{
    uint64_t rate = 0;
    const char *text = ordo_point_value(axes, point, ORDO_AXIS_RATE);
    if (strcmp(text, "max") != 0) {
        bool good = ordo_cli_number(text, RATE_MAX, &rate);
        ORDO_ASSERT(good); /* looked at when the axis was set */
    }
    return rate;
}

void ordo_visit_order(uint64_t seed, uint32_t repeat, uint32_t *order, uint32_t count)
{
    uint64_t state = ordo_draw_of(seed, repeat);
    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = ordo_draw_below(&state, i);
        uint32_t kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
}
