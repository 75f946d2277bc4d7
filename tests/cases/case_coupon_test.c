/* Goal: a coupon is used as often as it may be, and comes back once.
 * Method: each case is the complaint of a real shop, played against the engine.
 */
#include "clerk.h"

#include <criterion/criterion.h>

static struct shop shop;

/* used - returned = the uses that count, never more than its limit and the overdraft that is shown.
 */
static void expect_coupon(uint64_t live, uint64_t returned, uint64_t overdrawn)
{
    struct ordo_coupon_view c = coupon(&shop, "ten");
    cr_assert_eq(c.used - c.returned, live, "%lu - %lu", c.used, c.returned);
    cr_assert_eq(c.returned, returned, "returned %lu", c.returned);
    cr_assert_eq(c.overdrawn, overdrawn, "overdrawn %lu", c.overdrawn);
    cr_assert(live <= c.uses_max + overdrawn);
}

/* AC-17 (dujiaoka#280; SSRPanel#659; litemall#163, #472): a coupon for three was used more often
 * when orders expired, were paid late and were created at the same time. */
Test(ac_17, a_coupon_for_three_is_used_three_times_and_each_overdraft_is_counted)
{
    case_open(&shop, 0, 9);
    expect_code(put_coupon(&shop, "ten", 100, 3), OK);
    expect_code(create_with_coupon(&shop, "A", 1, "ten"), OK);
    expect_code(create_with_coupon(&shop, "B", 2, "ten"), OK);
    expect_code(create_with_coupon(&shop, "C", 3, "ten"), OK);
    expect_code(create_with_coupon(&shop, "D", 4, "ten"), COUPON_SPENT);
    expect_coupon(3, 0, 0);
    expect_disposition(pay(&shop, "A", "t1", PRICE - 100), APPLIED);
    pass_deadline(&shop, "B");
    expect_coupon(1, 2, 0);
    expect_code(create_with_coupon(&shop, "D", 4, "ten"), OK);
    expect_code(create_with_coupon(&shop, "E", 5, "ten"), OK);
    expect_coupon(3, 2, 0);
    expect_disposition(pay(&shop, "B", "t2", PRICE - 100), LATE_APPLIED); /* the price stays */
    cr_assert_neq(flags_of(&shop, "B") & ORDO_FLAG_COUPON_OVERDRAWN, 0);
    expect_coupon(4, 2, 1);
    expect_code(create_with_coupon(&shop, "F", 6, "ten"), COUPON_SPENT);
    expect_disposition(pay(&shop, "D", "t4", PRICE - 100), APPLIED);
    cr_assert_eq(flags_of(&shop, "D") & ORDO_FLAG_COUPON_OVERDRAWN, 0);
    expect_sums(&shop, 3 * (PRICE - 100), 0, 0);
    case_close(&shop);
}

/* AC-17 (dujiaoka#280): the discount was reckoned in two places and differed by a cent. */
Test(ac_17, the_amount_with_a_coupon_is_one_number)
{
    case_open(&shop, 0, 9);
    expect_code(put_coupon(&shop, "ten", 7, 3), OK);
    shop.command.coupon_put.discount_share = 333;
    expect_code(shop_send(&shop), OK);
    struct ordo_create *c = make_create(&shop, "A", 1, 1);
    c->coupon = text("ten");
    c->amount = PRICE - 16 - 7; /* floor(500 * 333 / 10000) = 16 */
    expect_code(shop_send(&shop), OK);
    c = make_create(&shop, "B", 2, 1);
    c->coupon = text("ten");
    c->amount = PRICE - 17 - 7;
    expect_code(shop_send(&shop), AMOUNT_MISMATCH);
    c = make_create(&shop, "B", 2, 1);
    c->coupon = text("nine");
    expect_code(shop_send(&shop), COUPON_UNKNOWN);
    expect_coupon(1, 0, 0);
    case_close(&shop);
}

/* AC-17 (dujiaoka#280; litemall#163): order and coupon were two steps, and one of them failed. */
Test(ac_17, a_chain_does_all_of_it_or_nothing)
{
    case_open(&shop, 0, 9);
    expect_code(put_coupon(&shop, "ten", 100, 1), OK);
    chain_begin(&shop);
    make_create(&shop, "A", 1, 2);
    chain_add(&shop);
    for (int i = 0; i < 2; i++) {
        struct ordo_create *c = make_create(&shop, i == 0 ? "B" : "C", 2, 1);
        c->coupon = text("ten");
        c->amount -= 100;
        chain_add(&shop);
    }
    expect_code(chain_send(&shop), COUPON_SPENT);
    cr_assert_eq(shop.outcome.result.version, 3, "the third of them");
    expect_state(&shop, "A", NONE);
    expect_state(&shop, "B", NONE);
    expect_units(&shop, 9, 0, 0);
    expect_coupon(0, 0, 0);
    chain_begin(&shop);
    make_create(&shop, "A", 1, 2);
    chain_add(&shop);
    struct ordo_create *c = make_create(&shop, "B", 2, 1);
    c->coupon = text("ten");
    c->amount -= 100;
    chain_add(&shop);
    expect_code(chain_send(&shop), OK);
    expect_state(&shop, "A", PENDING);
    expect_state(&shop, "B", PENDING);
    expect_units(&shop, 6, 3, 0);
    expect_coupon(1, 0, 0);
    case_close(&shop);
}

/* AC-18 (ruoyi#482; litemall#397): a cancelled order kept its coupon, or gave it back twice. */
Test(ac_18, cancelling_gives_the_coupon_back_exactly_once)
{
    case_open(&shop, 0, 9);
    expect_code(put_coupon(&shop, "ten", 100, 1), OK);
    expect_code(create_with_coupon(&shop, "A", 1, "ten"), OK);
    expect_coupon(1, 0, 0);
    expect_code(cancel(&shop, "A"), OK);
    expect_coupon(0, 1, 0);
    expect_code(cancel(&shop, "A"), OK);
    expect_code(release(&shop, "A"), OK);
    pass_s(&shop, DAY_S);
    expect_code(tick(&shop), OK);
    expect_disposition(pay(&shop, "A", "t1", PRICE - 100), LATE_REFUND_DUE);
    expect_coupon(0, 1, 0);
    expect_code(create_with_coupon(&shop, "B", 2, "ten"), OK);
    expect_coupon(1, 1, 0);
    case_close(&shop);
}

/* AC-18 (litemall#397): who had his money back after he got the card had his coupon back too. */
Test(ac_18, a_refund_gives_the_coupon_back_only_when_nothing_was_ever_bound)
{
    case_open(&shop, 0, 9);
    expect_code(put_coupon(&shop, "ten", 100, 5), OK);
    expect_code(create_with_coupon(&shop, "A", 1, "ten"), OK);
    expect_disposition(pay(&shop, "A", "t1", PRICE - 100), APPLIED);
    expect_code(give_back(&shop, "A", 0, 1), OK);
    expect_state(&shop, "A", REFUNDED);
    expect_coupon(1, 0, 0);

    (void)make_goods(&shop, 1, ORDO_STOCK_CARDS, ORDO_PRODUCT_MANUAL);
    expect_code(shop_send(&shop), OK);
    expect_code(create_with_coupon(&shop, "B", 2, "ten"), OK);
    expect_disposition(pay(&shop, "B", "t2", PRICE - 100), APPLIED);
    expect_state(&shop, "B", PAID);
    expect_coupon(2, 0, 0);
    expect_code(give_back(&shop, "B", 0, 0), OK);
    expect_state(&shop, "B", REFUNDING);
    expect_code(give_back(&shop, "B", 0, 0), REFUND_NOTHING); /* it is due once */
    expect_coupon(1, 1, 0);
    expect_disposition(refund(&shop, "B", "t2", PRICE - 100), REFUND_ECHO);
    expect_state(&shop, "B", REFUNDED);
    expect_coupon(1, 1, 0);
    expect_units(&shop, 8, 0, 0);
    cr_assert_eq(stock(&shop, 1).voided, 1, "A's card was on its way");
    case_close(&shop);
}
