/* The budget table out of a node's numbers: shares are of the total and add up, a stage without
 * samples is not told, a node that does not know the numbers is no error.
 */
#include "bench/budget.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct number {
    const char *name;
    uint64_t value;
};

/* Ten samples: 1, 2, 6 and 1 us of 10. */
static const struct number numbers[] = {
    {"stage.every", 64},
    {"stage.claim.last_count", 10},
    {"stage.claim.last_sum_ns", 10000},
    {"stage.claim.last_p50_ns", 900},
    {"stage.apply.last_count", 10},
    {"stage.apply.last_sum_ns", 20000},
    {"stage.durable.last_count", 10},
    {"stage.durable.last_sum_ns", 60000},
    {"stage.durable.last_p50_ns", 5500},
    {"stage.durable.last_p99_ns", 9000},
    {"stage.durable.last_p999_ns", 9500},
    {"stage.durable.last_max_ns", 9900},
    {"stage.reply.last_count", 10},
    {"stage.reply.last_sum_ns", 10000},
    {"stage.total.last_count", 10},
    {"stage.total.last_sum_ns", 100000},
    {"sync.acks", 4},
    {"sync.sum_us", 800},
    {"sync.p99_us", 300},
};

static uint64_t number_of(void *context, const char *name)
{
    uint64_t *asked = context;
    ++*asked;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strcmp(numbers[i].name, name) == 0) {
            return numbers[i].value;
        }
    }
    return 0;
}

static uint64_t nothing(void *context, const char *name)
{
    (void)context;
    (void)name;
    return 0;
}

static const struct ordo_budget_line *line_of(const struct ordo_budget *budget, const char *name)
{
    for (uint32_t i = 0; i < ORDO_BUDGET_LINES; i++) {
        if (strcmp(budget->lines[i].name, name) == 0) {
            return &budget->lines[i];
        }
    }
    cr_assert(false, "no line %s", name);
    return NULL;
}

Test(budget, shares_are_of_the_total_and_add_up)
{
    struct ordo_budget budget;
    uint64_t asked = 0;
    ordo_budget_fill(&budget, number_of, &asked);
    const struct {
        const char *name;
        double share;
    } all[] = {{"claim", 0.1}, {"apply", 0.2}, {"durable", 0.6}, {"reply", 0.1}, {"total", 1}};
    double sum = 0;
    for (size_t i = 0; i < 5; i++) {
        double share = line_of(&budget, all[i].name)->share;
        cr_assert_float_eq(share, all[i].share, 1e-9, "%s: %f", all[i].name, share);
        sum += i < 4 ? share : 0;
    }
    cr_assert_float_eq(sum, 1, 1e-9);
    cr_assert(line_of(&budget, "publish")->share < 0, "beside the others");
    cr_assert(line_of(&budget, "subscriber-ack")->share < 0, "after the others");
    const struct ordo_budget_line *durable = line_of(&budget, "durable");
    cr_assert_eq(durable->count, 10);
    cr_assert_float_eq(durable->mean_us, 6, 1e-9);
    cr_assert_float_eq(durable->p50_us, 5.5, 1e-9);
    cr_assert_float_eq(durable->p99_us, 9, 1e-9);
    cr_assert_float_eq(durable->p999_us, 9.5, 1e-9);
    cr_assert_float_eq(durable->max_us, 9.9, 1e-9);
    cr_assert_float_eq(line_of(&budget, "subscriber-ack")->mean_us, 200, 1e-9);
    cr_assert_float_eq(line_of(&budget, "subscriber-ack")->p99_us, 300, 1e-9);
}

static char *printed(const struct ordo_budget *budget)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ordo_budget_print(budget, out);
    cr_assert_eq(fclose(out), 0);
    return text;
}

Test(budget, tells_the_stages_that_have_samples_and_no_others)
{
    struct ordo_budget budget;
    uint64_t asked = 0;
    ordo_budget_fill(&budget, number_of, &asked);
    char *text = printed(&budget);
    cr_assert_not_null(strstr(text, "durable"));
    cr_assert_not_null(strstr(text, "60.0 %"));
    cr_assert_null(strstr(text, "publish"), "%s", text);
    free(text);
    ordo_budget_fill(&budget, nothing, NULL);
    cr_assert_eq(budget.every, 0);
    text = printed(&budget);
    cr_assert_str_eq(text, "");
    free(text);
}
