#include "bench/tune_tell.h"

#include "base/assert.h"

static const char *fate_of(const struct ordo_tune_stage *stage, uint32_t index)
{
    static const char *const rounds[ORDO_TUNE_ROUNDS] = {
        "out after round 1", "out after round 2", ""};
    if (index == stage->choice.chosen) {
        return "chosen";
    }
    if (!ordo_field_admits(&stage->field, index)) {
        return "uses too much CPU at rest (--cpu)";
    }
    uint32_t last = stage->last_round[index];
    ORDO_ASSERT(last >= 1 && last <= ORDO_TUNE_ROUNDS);
    return index == stage->choice.runner_up ? "runner-up" : rounds[last - 1];
}

void ordo_tune_print(const struct ordo_tune_stage *stage, FILE *out)
{
    (void)fprintf(
        out,
        "%-38s %6s %11s %8s %8s %19s %6s %6s\n",
        stage->name,
        "visits",
        "commands/s",
        "p50 us",
        "p99 us",
        "(least - most)",
        "cores",
        "idle");
    for (uint32_t i = 0; i < stage->count; i++) {
        const struct ordo_tried *tried = &stage->tried[i];
        char name[ORDO_POINT_NAME_SIZE];
        char spread[40];
        ordo_point_name(&stage->axes, &tried->point, name);
        if (ordo_tried_is_out(tried)) {
            const char *state = tried->refused ? "refused" : "failed";
            (void)fprintf(out, "%-38s %s: %s\n", name, state, tried->reason);
            continue;
        }
        (void)snprintf(
            spread,
            sizeof(spread),
            "(%.0f - %.0f)",
            ordo_tried_value(tried, ORDO_METRIC_P99, 0),
            ordo_tried_value(tried, ORDO_METRIC_P99, 1));
        (void)fprintf(
            out,
            "%-38s %6u %11.0f %8.0f %8.0f %19s %6.2f %6.3f  %s\n",
            name,
            tried->count,
            ordo_tried_value(tried, ORDO_METRIC_THROUGHPUT, 0.5),
            ordo_tried_value(tried, ORDO_METRIC_P50, 0.5),
            ordo_tried_value(tried, ORDO_METRIC_P99, 0.5),
            spread,
            ordo_tried_value(tried, ORDO_METRIC_NODE_CPU, 0.5),
            ordo_tried_value(tried, ORDO_METRIC_IDLE_CPU, 0.5),
            fate_of(stage, i));
    }
}

/* Why this one: the best against the default, and how it came out. */
void ordo_tune_note_why(const struct ordo_tune_stage *stage, struct ordo_report *report)
{
    static const char *const words[] = {
        [ORDO_VERDICT_STANDARD_BEST] = "no other is better",
        [ORDO_VERDICT_FEW_PAIRS] = "too few pairs to say so: the default stays (more --minutes)",
        [ORDO_VERDICT_WITHIN_SPREAD] = "within the spread: the default stays",
        [ORDO_VERDICT_SMALL] = "too little to matter: the default stays",
        [ORDO_VERDICT_BETTER] = "beyond the spread",
    };
    const struct ordo_choice *c = &stage->choice;
    enum ordo_metric metric = ordo_aim_metric(stage->field.aim);
    int digits = metric >= ORDO_METRIC_NODE_CPU ? 3 : 0;
    char chosen[ORDO_POINT_NAME_SIZE];
    char other[ORDO_POINT_NAME_SIZE];
    uint32_t second = c->verdict == ORDO_VERDICT_BETTER ? stage->field.standard : c->best;
    ordo_point_name(&stage->axes, &stage->tried[c->chosen].point, chosen);
    ordo_point_name(&stage->axes, &stage->tried[second].point, other);
    if (second == c->chosen) {
        ordo_report_note(report, "%s: %s; nothing else came into question", stage->name, chosen);
        return;
    }
    ordo_report_note(
        report,
        "%s: %s, %s %.*f against %.*f of %s; %s is %.2f (%.2f - %.2f) times as good as the "
        "default in %u pairs: %s",
        stage->name,
        chosen,
        ordo_metric_name(metric),
        digits,
        ordo_tried_value(&stage->tried[c->chosen], metric, 0.5),
        digits,
        ordo_tried_value(&stage->tried[second], metric, 0.5),
        other,
        c->verdict == ORDO_VERDICT_BETTER ? "it" : "the latter",
        c->gain,
        c->gain_low,
        c->gain_high,
        c->pairs,
        words[c->verdict]);
}

void ordo_tune_add_rows(const struct ordo_tune_stage *stage, struct ordo_report *report)
{
    enum ordo_metric metric = ordo_aim_metric(stage->field.aim);
    for (uint32_t i = 0; i < stage->count; i++) {
        char name[ORDO_POINT_NAME_SIZE + 16];
        char point[ORDO_POINT_NAME_SIZE];
        if (stage->tried[i].count == 0) {
            continue;
        }
        ordo_point_name(&stage->axes, &stage->tried[i].point, point);
        (void)snprintf(name, sizeof(name), "%s: %.45s", stage->name, point);
        struct ordo_report_row *row = ordo_report_row(report, name, ordo_metric_unit(metric));
        row->own = stage->tried[i].values[metric];
        ordo_report_latency(row, stage->tried[i].latency);
    }
}
