/* What happens to order i, as a pure function of (seed, i): nothing is stored, and a failing sale
 * is told by its seed. Each property takes a draw of its own, so that one more percent of late
 * payments leaves the other orders as they were.
 */
#include "base/hash.h"
#include "sale.h"

enum draw {
    DRAW_FATE,
    DRAW_PRODUCT,
    DRAW_QUANTITY,
    DRAW_BUYER,
    DRAW_DUPLICATE,
    DRAW_PAYS,
    DRAW_FAIL_FIRST,
    DRAW_FAIL_AFTER,
    DRAW_ATTEMPT,
    DRAW_CASE,
};

static uint64_t draw(const struct sale_options *options, uint64_t index, enum draw what)
{
    uint8_t key[16];
    ordo_put_le64(key, index);
    ordo_put_le64(key + 8, (uint64_t)what);
    return ordo_hash64(key, sizeof(key), options->seed);
}

static bool
happens(const struct sale_options *options, uint64_t index, enum draw what, uint64_t percent)
{
    return draw(options, index, what) % 100 < percent;
}

uint32_t sale_goods_product(const struct sale_options *options, enum sale_goods goods)
{
    return (uint32_t)options->products + (uint32_t)goods - 1;
}

int64_t sale_price_of(const struct sale_options *options, uint32_t product)
{
    bool free = product == sale_goods_product(options, SALE_GOODS_FREE);
    return free ? 0 : 990 + 1000 * (int64_t)product;
}

/* One draw for all cases: they share the hundred percent. */
static void plan_case(const struct sale_options *options, uint64_t index, struct sale_plan *plan)
{
    const struct sale_case *scripted;
    if (options->cases_pct == 0) {
        return;
    }
    uint64_t drawn = draw(options, index, DRAW_CASE) % 100;
    for (uint32_t i = 0; (scripted = sale_case_at(i)) != NULL; i++) {
        if (drawn < options->case_pct[i]) {
            plan->scripted = scripted;
            plan->case_index = i;
            plan->product = sale_goods_product(options, scripted->goods);
            return;
        }
        drawn -= options->case_pct[i];
    }
}

struct sale_plan sale_plan_of(const struct sale_options *options, uint64_t index)
{
    uint64_t fate = draw(options, index, DRAW_FATE) % 100;
    struct sale_plan plan = {
        .fate = SALE_PAID,
        .product = (uint32_t)(draw(options, index, DRAW_PRODUCT) % options->products),
        .quantity = 1 + (uint32_t)(draw(options, index, DRAW_QUANTITY) % options->quantity_max),
        .buyer = draw(options, index, DRAW_BUYER) % options->buyers,
        .pays = 1,
        .attempts = true};
    if (fate < options->never_paid_pct) {
        plan.fate = SALE_NEVER;
    } else if (fate < options->never_paid_pct + options->late_pct) {
        plan.fate = SALE_LATE;
    }
    if (happens(options, index, DRAW_DUPLICATE, options->duplicates_pct)) {
        plan.pays = 2 + (uint32_t)(draw(options, index, DRAW_PAYS) % (SALE_PAYS_MAX - 1));
    }
    if (plan.fate == SALE_PAID) {
        plan.fail_first = happens(options, index, DRAW_FAIL_FIRST, options->fail_first_pct);
        plan.fail_after = happens(options, index, DRAW_FAIL_AFTER, options->out_of_order_pct);
    } else {
        plan.attempts = draw(options, index, DRAW_ATTEMPT) % 2 == 0;
    }
    plan_case(options, index, &plan);
    return plan;
}

uint32_t sale_plan_commands(const struct sale_plan *plan)
{
    if (plan->scripted != NULL) {
        return plan->scripted->act_count;
    }
    uint32_t count = 1 + (plan->attempts ? 1 : 0);
    if (plan->fate == SALE_NEVER) {
        return count;
    }
    return count + (plan->fail_first ? 1 : 0) + plan->pays + (plan->fail_after ? 1 : 0) + 1;
}
