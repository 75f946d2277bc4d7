/* Which setting is chosen, with figures made up: the better half goes on, the default is left only
 * for what is better beyond the spread of the pairs, and never for what uses too much CPU. */
#include "bench/halving.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define COUNT 4

static struct ordo_tried tried[COUNT];
static bool alive[COUNT];

static struct ordo_field field_for(enum ordo_aim aim)
{
    for (int i = 0; i < COUNT; i++) {
        tried[i] = (struct ordo_tried){.refused = false};
        alive[i] = true;
    }
    return (struct ordo_field){
        .aim = aim, .idle_max = 0.1, .tried = tried, .alive = alive, .count = COUNT};
}

/* A visit to each: p99 and throughput as given, at rest nothing. */
static void visit(const double values[COUNT])
{
    for (int i = 0; i < COUNT; i++) {
        for (int metric = 0; metric < ORDO_METRIC_COUNT; metric++) {
            ordo_series_add(
                &tried[i].values[metric], metric == ORDO_METRIC_IDLE_CPU ? 0.01 : values[i]);
        }
        tried[i].count++;
    }
}

static void visit_often(const double values[COUNT], double noise)
{
    for (int repeat = 0; repeat < 9; repeat++) {
        double noisy[COUNT];
        for (int i = 0; i < COUNT; i++) {
            noisy[i] = values[i] * (1 + noise * ((repeat * 7 + i * 5) % 9 - 4) / 4.0);
        }
        visit(noisy);
    }
}

Test(halving, keeps_the_better_half_and_the_default)
{
    struct ordo_field field = field_for(ORDO_AIM_LATENCY);
    visit((double[COUNT]){400, 100, 300, 200});
    cr_assert_eq(ordo_field_halve(&field), 3);
    cr_assert(alive[0] && alive[1] && !alive[2] && alive[3]);
    cr_assert_eq(ordo_field_halve(&field), 3, "two of three are the larger half");
}

Test(halving, takes_more_for_better_when_throughput_is_the_aim)
{
    struct ordo_field field = field_for(ORDO_AIM_THROUGHPUT);
    visit((double[COUNT]){400, 100, 300, 200});
    cr_assert_eq(ordo_field_halve(&field), 2);
    cr_assert(alive[0] && !alive[1] && alive[2] && !alive[3]);
}

Test(halving, leaves_the_default_somebody_to_be_held_against)
{
    struct ordo_field field = field_for(ORDO_AIM_LATENCY);
    alive[2] = alive[3] = false;
    visit((double[COUNT]){100, 400, 1, 1});
    cr_assert_eq(ordo_field_halve(&field), 2);
    cr_assert(alive[0] && alive[1]);
}

Test(halving, drops_what_is_refused_or_failed_and_what_uses_too_much_at_rest)
{
    struct ordo_field field = field_for(ORDO_AIM_LATENCY);
    visit((double[COUNT]){400, 100, 300, 200});
    tried[2].failed = true;
    cr_assert_not(ordo_field_admits(&field, 2));
    tried[2].failed = false;
    tried[1].refused = true;
    tried[3].values[ORDO_METRIC_IDLE_CPU].values[0] = 0.9;
    cr_assert_eq(ordo_field_halve(&field), 2);
    cr_assert(alive[0] && !alive[1] && alive[2] && !alive[3]);
}

Test(choice, is_the_best_beyond_the_spread)
{
    struct ordo_field field = field_for(ORDO_AIM_LATENCY);
    struct ordo_choice choice;
    visit_often((double[COUNT]){400, 100, 300, 200}, 0.05);
    ordo_field_choose(&field, &choice);
    cr_assert_eq(choice.chosen, 1);
    cr_assert_eq(choice.verdict, ORDO_VERDICT_BETTER);
    cr_assert_eq(choice.runner_up, 3);
    cr_assert_eq(choice.pairs, 9);
    cr_assert(choice.gain > 3.5 && choice.gain < 4.5);
    cr_assert(choice.gain_low <= choice.gain && choice.gain <= choice.gain_high);
}

Test(choice, keeps_the_default_within_the_noise)
{
    struct ordo_field field = field_for(ORDO_AIM_LATENCY);
    struct ordo_choice choice;
    visit_often((double[COUNT]){105, 100, 120, 130}, 0.5);
    ordo_field_choose(&field, &choice);
    cr_assert_eq(choice.chosen, 0);
    cr_assert_eq(choice.best, 1);
    cr_assert_eq(choice.verdict, ORDO_VERDICT_WITHIN_SPREAD);
    cr_assert_eq(choice.runner_up, 1);
}

Test(choice, keeps_the_default_for_little)
{
    struct ordo_field field = field_for(ORDO_AIM_LATENCY);
    struct ordo_choice choice;
    visit_often((double[COUNT]){103, 100, 120, 130}, 0);
    ordo_field_choose(&field, &choice);
    cr_assert_eq(choice.chosen, 0);
    cr_assert_eq(choice.verdict, ORDO_VERDICT_SMALL);
}

Test(choice, keeps_the_default_when_there_are_few_pairs)
{
    struct ordo_field field = field_for(ORDO_AIM_LATENCY);
    struct ordo_choice choice;
    visit((double[COUNT]){400, 100, 300, 200});
    visit((double[COUNT]){400, 100, 300, 200});
    ordo_field_choose(&field, &choice);
    cr_assert_eq(choice.chosen, 0);
    cr_assert_eq(choice.verdict, ORDO_VERDICT_FEW_PAIRS);
}

Test(choice, keeps_the_default_when_it_is_best)
{
    struct ordo_field field = field_for(ORDO_AIM_THROUGHPUT);
    struct ordo_choice choice;
    visit_often((double[COUNT]){400, 100, 300, 200}, 0.05);
    ordo_field_choose(&field, &choice);
    cr_assert_eq(choice.chosen, 0);
    cr_assert_eq(choice.verdict, ORDO_VERDICT_STANDARD_BEST);
    cr_assert_eq(choice.runner_up, 2);
}

Test(choice, does_not_change_a_setting_for_a_hair_of_idle_cpu)
{
    struct ordo_field field = field_for(ORDO_AIM_IDLE);
    struct ordo_choice choice;
    for (int repeat = 0; repeat < 5; repeat++) {
        visit((double[COUNT]){1, 1, 1, 1});
        tried[0].values[ORDO_METRIC_IDLE_CPU].values[repeat] = 0.006;
        tried[1].values[ORDO_METRIC_IDLE_CPU].values[repeat] = 0.002;
    }
    ordo_field_choose(&field, &choice);
    cr_assert_eq(choice.chosen, 0);
    cr_assert_eq(choice.verdict, ORDO_VERDICT_SMALL);
}

Test(choice, may_be_of_the_default_alone)
{
    struct ordo_field field = field_for(ORDO_AIM_LATENCY);
    struct ordo_choice choice;
    visit((double[COUNT]){400, 100, 300, 200});
    alive[1] = alive[2] = alive[3] = false;
    ordo_field_choose(&field, &choice);
    cr_assert_eq(choice.chosen, 0);
    cr_assert_eq(choice.runner_up, 0);
}

Test(aim, has_a_name_and_a_metric)
{
    enum ordo_aim aim;
    cr_assert(ordo_aim_find("idle", &aim));
    cr_assert_eq(ordo_aim_metric(aim), ORDO_METRIC_IDLE_CPU);
    cr_assert_str_eq(ordo_aim_name(aim), "idle");
    cr_assert_not(ordo_aim_find("speed", &aim));
}
