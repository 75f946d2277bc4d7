/* Goal: a unit is sold once, comes back when nobody pays for it, and goes to who paid first.
 * Method: each case is the complaint of a real shop, played against the engine.
 */
#include "clerk.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct shop shop;

/* AC-13 (acg-faka#940, #913): two buyers paid for the last card; the second one got an apology in
 * place of a card. */
Test(ac_13, two_who_pay_for_the_last_card_get_one_card_and_one_back_order)
{
    uint64_t cards[ORDO_CARDS_MAX];
    case_open(&shop, ORDO_PRODUCT_HOLD_AT_PAY, 1);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(create(&shop, "B", 2, 1), OK);
    expect_units(&shop, 1, 0, 0);
    expect_disposition(pay(&shop, "B", "t2", PRICE), APPLIED);
    expect_disposition(pay(&shop, "A", "t1", PRICE), APPLIED);
    expect_state(&shop, "B", ISSUING);
    expect_state(&shop, "A", BACKORDER);
    cr_assert_eq(cards_of(&shop, "A", cards), 0);
    cr_assert_eq(cards_of(&shop, "B", cards), 1);
    expect_units(&shop, 0, 0, 1);
    cr_assert_eq(stock(&shop, 1).backorders, 1);
    expect_sums(&shop, 2 * PRICE, 0, 0);
    case_close(&shop);

    case_open(&shop, 0, 1); /* held at create, the second one does not even get to the gateway */
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(create(&shop, "B", 2, 1), STOCK_SHORT);
    expect_disposition(pay(&shop, "A", "t1", PRICE), APPLIED);
    expect_units(&shop, 0, 0, 1);
    case_close(&shop);
}

/* AC-14 (acg-faka#940; dujiao-next#76): after new cards had been loaded, paid orders had to be
 * served by hand, and some were served twice. */
Test(ac_14, a_restock_serves_back_orders_once_in_the_order_of_payment)
{
    case_open(&shop, ORDO_PRODUCT_HOLD_AT_PAY, 2);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(create(&shop, "B", 2, 2), OK);
    expect_code(create(&shop, "C", 3, 1), OK);
    expect_code(create(&shop, "D", 4, 1), OK);
    expect_code(card_void(&shop, 1, 1, 2), OK);
    expect_disposition(pay(&shop, "B", "t2", 2 * PRICE), APPLIED);
    expect_disposition(pay(&shop, "C", "t3", PRICE), APPLIED);
    expect_disposition(pay(&shop, "A", "t1", PRICE), APPLIED);
    expect_code(add_cards(&shop, 1, 3, 1), OK);
    expect_state(&shop, "B", BACKORDER); /* the first collects until it has all */
    expect_state(&shop, "C", BACKORDER);
    expect_units(&shop, 1, 0, 0);
    expect_code(create(&shop, "E", 5, 1), STOCK_SHORT);
    expect_disposition(pay(&shop, "D", "t4", PRICE), APPLIED);
    expect_state(&shop, "D", BACKORDER); /* the free one is not for who comes last */
    expect_code(add_cards(&shop, 1, 4, 2), OK);
    cr_assert_eq(shop.outcome.effect_count, 2);
    expect_state(&shop, "B", ISSUING);
    expect_state(&shop, "C", ISSUING);
    expect_state(&shop, "A", BACKORDER);
    expect_code(add_cards(&shop, 1, 6, 5), OK);
    expect_state(&shop, "A", ISSUING);
    expect_state(&shop, "D", ISSUING);
    cr_assert_eq(get(&shop, "B").card_count, 2);
    uint32_t version = get(&shop, "C").version;
    expect_code(add_cards(&shop, 1, 11, 3), OK);
    cr_assert_eq(get(&shop, "C").version, version);
    cr_assert_eq(get(&shop, "C").card_count, 1);
    expect_units(&shop, 6, 0, 5);
    case_close(&shop);
}

/* AC-14 (acg-faka#940): a restock that served more orders than one step can carry forgot the rest.
 */
Test(ac_14, a_restock_for_many_goes_on_until_all_are_served)
{
    static char names[40][8];
    case_open(&shop, ORDO_PRODUCT_HOLD_AT_PAY, 1);
    for (uint32_t i = 0; i < 40; i++) {
        snprintf(names[i], sizeof(names[i]), "o%u", i);
        expect_code(create(&shop, names[i], i + 1, 1), OK);
    }
    expect_code(card_void(&shop, 1, 1, 1), OK);
    for (uint32_t i = 0; i < 40; i++) {
        expect_disposition(pay(&shop, names[39 - i], names[i], PRICE), APPLIED);
    }
    expect_code(add_cards(&shop, 1, 2, 45), OK);
    uint32_t served = shop.outcome.transition_count;
    cr_assert(served > 0 && served < 40);
    expect_state(&shop, names[39], ISSUING);
    expect_state(&shop, names[0], BACKORDER);
    cr_assert_eq(stock(&shop, 1).available, 0); /* what is free is theirs */
    for (int i = 0; i < 4; i++) {
        memset(&shop.command, 0, sizeof(shop.command));
        shop.command.kind = ORDO_KIND_CONTINUE;
        expect_code(shop_send(&shop), OK);
        served += shop.outcome.transition_count;
    }
    cr_assert_eq(served, 40);
    for (uint32_t i = 0; i < 40; i++) {
        expect_state(&shop, names[i], ISSUING);
    }
    expect_units(&shop, 5, 0, 40);
    case_close(&shop);
}

/* AC-14 (acg-faka#940; dujiao-next#76): less came than was paid for; who agreed to less had to be
 * refunded by hand.
 */
Test(ac_14, who_takes_fewer_units_gets_the_rest_of_the_money_back)
{
    case_open(&shop, ORDO_PRODUCT_HOLD_AT_PAY, 3);
    expect_code(create(&shop, "A", 1, 3), OK);
    expect_code(card_void(&shop, 1, 1, 3), OK);
    expect_disposition(pay(&shop, "A", "t1", 3 * PRICE), APPLIED);
    expect_code(issue(&shop, "A", true), STOCK_SHORT);
    expect_code(add_cards(&shop, 1, 4, 2), OK);
    expect_code(issue(&shop, "A", false), STOCK_SHORT);
    expect_code(issue(&shop, "A", true), OK);
    expect_state(&shop, "A", ISSUING);
    cr_assert_neq(flags_of(&shop, "A") & ORDO_FLAG_PARTIAL, 0);
    cr_assert_eq(get(&shop, "A").card_count, 2);
    expect_sums(&shop, 2 * PRICE, PRICE, 0);
    expect_units(&shop, 0, 0, 2);
    expect_code(add_cards(&shop, 1, 6, 2), OK);
    cr_assert_eq(get(&shop, "A").card_count, 2);
    expect_units(&shop, 2, 0, 2);
    expect_code(acknowledge(&shop, "A"), OK);
    case_close(&shop);
}

/* AC-15 (dujiao-next#105; dujiaoka#198): somebody put the whole stock into unpaid orders. */
Test(ac_15, who_hoards_with_k_names_holds_k_quotas_and_no_more)
{
    case_open(&shop, 0, 40);
    expect_code(set(&shop, "buyer_quota", 3), OK);
    static const char *const orders[] = {"A", "B", "C", "D"};
    for (uint32_t buyer = 1; buyer <= 4; buyer++) {
        expect_code(create(&shop, orders[buyer - 1], buyer, 3), OK);
        expect_code(create(&shop, "more", buyer, 1), HOLD_QUOTA);
    }
    expect_units(&shop, 28, 12, 0);
    expect_disposition(pay(&shop, "A", "t1", 3 * PRICE), APPLIED);
    expect_code(create(&shop, "E", 1, 1), OK); /* what is paid is not hoarded */
    expect_code(cancel(&shop, "B"), OK);
    expect_code(create(&shop, "F", 2, 3), OK);
    pass_s(&shop, 900);
    expect_code(tick(&shop), OK);
    expect_units(&shop, 37, 0, 3);
    expect_code(create(&shop, "G", 3, 3), OK);
    case_close(&shop);
}

static uint16_t
create_with_key(const char *order, uint32_t buyer, uint32_t quantity, const char *second_key)
{
    make_create(&shop, order, buyer, quantity)->second_key = text(second_key);
    return shop_send(&shop);
}

/* AC-15 (dujiao-next#105; dujiaoka#198): the hoarder made a new name for each order. */
Test(ac_15, many_names_behind_one_address_share_its_quota)
{
    static const char here[] = "address 10.0.0.1";
    static const char there[] = "address 10.0.0.2";
    case_open(&shop, 0, 40);
    expect_code(set(&shop, "second_key_quota", 3), OK);
    expect_code(create_with_key("A", 1, 2, here), OK);
    expect_code(create_with_key("B", 2, 1, here), OK);
    expect_code(create_with_key("C", 3, 1, here), SECOND_KEY_QUOTA);
    expect_code(create_with_key("C", 3, 1, there), OK);
    expect_code(create_with_key("D", 3, 1, "short"), SECOND_KEY_INVALID);
    expect_disposition(pay(&shop, "A", "t1", 2 * PRICE), APPLIED);
    expect_code(create_with_key("E", 4, 2, here), OK);
    expect_code(create_with_key("F", 5, 1, here), SECOND_KEY_QUOTA);
    case_close(&shop);
}

/* AC-15 (dujiao-next#105; dujiaoka#198): however many names, part of the stock has to stay for
 * sale.
 */
Test(ac_15, only_a_share_of_a_product_can_be_held_unpaid)
{
    case_open(&shop, 0, 10);
    make_goods(&shop, 1, ORDO_STOCK_CARDS, 0)->held_share = 3000;
    expect_code(shop_send(&shop), OK);
    expect_code(create(&shop, "A", 1, 2), OK);
    expect_code(create(&shop, "B", 2, 2), HELD_SHARE);
    expect_code(create(&shop, "C", 3, 1), OK);
    expect_code(create(&shop, "D", 4, 1), HELD_SHARE);
    expect_disposition(pay(&shop, "A", "t1", 2 * PRICE), APPLIED);
    expect_code(create(&shop, "E", 5, 1), OK);         /* 1 of 8 held: floor(2.4) may be */
    expect_code(create(&shop, "F", 6, 1), HELD_SHARE); /* 2 of 8 */
    expect_units(&shop, 6, 2, 2);
    case_close(&shop);
}

/* AC-15 (dujiao-next#105; dujiaoka#198): a reseller bought the sale empty order by order. */
Test(ac_15, the_purchase_cap_counts_what_is_held_and_what_is_paid)
{
    case_open(&shop, 0, 10);
    make_goods(&shop, 1, ORDO_STOCK_CARDS, 0)->purchase_cap = 3;
    expect_code(shop_send(&shop), OK);
    expect_code(create(&shop, "A", 1, 2), OK);
    expect_disposition(pay(&shop, "A", "t1", 2 * PRICE), APPLIED);
    expect_code(create(&shop, "B", 1, 2), PURCHASE_CAP);
    expect_code(create(&shop, "B", 1, 1), OK);
    expect_code(create(&shop, "C", 1, 1), PURCHASE_CAP);
    expect_code(cancel(&shop, "B"), OK);
    expect_code(create(&shop, "C", 1, 1), OK);
    expect_disposition(refund(&shop, "A", "t1", 2 * PRICE), REFUND_ECHO);
    expect_code(create(&shop, "D", 1, 2), OK); /* what was given back does not count */
    expect_code(create(&shop, "E", 1, 1), PURCHASE_CAP);
    case_close(&shop);
}

/* AC-15 (dujiao-next#105; dujiaoka#198): what a hoarder gave back went to whoever pressed the
 * button at that moment, not to those who had waited.
 */
Test(ac_15, a_unit_that_comes_back_goes_to_who_waits_longest)
{
    case_open(&shop, 0, 2);
    expect_code(create(&shop, "A", 1, 2), OK);
    expect_code(create_waiting(&shop, "B", 2, 3000), OK);
    expect_code(create_waiting(&shop, "C", 3, 3000), OK);
    expect_code(create_waiting(&shop, "D", 4, 100), OK);
    expect_state(&shop, "B", NONE);
    cr_assert_eq(flags_of(&shop, "B"), ORDO_FLAG_WAITING);
    cr_assert_eq(stock(&shop, 1).waiting, 3);
    expect_code(cancel(&shop, "B"), OK); /* does not want to wait any more */
    pass_s(&shop, 100);
    expect_code(tick(&shop), OK);
    expect_state(&shop, "D", EXPIRED);
    expect_code(create_waiting(&shop, "E", 5, 3000), OK);
    expect_code(create_waiting(&shop, "F", 6, 3000), OK);
    expect_code(cancel(&shop, "A"), OK);
    expect_state(&shop, "C", PENDING);
    expect_state(&shop, "E", PENDING);
    expect_state(&shop, "F", NONE);
    cr_assert_eq(get(&shop, "C").deadline_us, shop.time_us + 900 * SECOND_US);
    expect_units(&shop, 0, 2, 0);
    expect_disposition(pay(&shop, "C", "t3", PRICE), APPLIED);
    expect_state(&shop, "C", ISSUING);
    case_close(&shop);
}

/* AC-15 (dujiao-next#105; dujiaoka#198): one who waits for three was overtaken by everybody who
 * wanted one.
 */
Test(ac_15, who_comes_now_does_not_overtake_who_waits)
{
    case_open(&shop, 0, 2);
    expect_code(create(&shop, "A", 1, 2), OK);
    make_create(&shop, "B", 2, 3)->wait_s = 3000;
    expect_code(shop_send(&shop), OK);
    expect_code(cancel(&shop, "A"), OK);
    expect_state(&shop, "B", NONE);
    expect_units(&shop, 2, 0, 0);
    expect_code(create(&shop, "C", 3, 1), STOCK_SHORT);
    expect_disposition(pay(&shop, "A", "t1", 2 * PRICE), LATE_REFUND_DUE);
    expect_code(add_cards(&shop, 1, 3, 1), OK);
    expect_state(&shop, "B", PENDING);
    expect_units(&shop, 0, 3, 0);
    case_close(&shop);
}

/* AC-19 (dujiaoka#328; kamiFaka#165): the page showed stock that was not there. */
Test(ac_19, the_stock_that_is_shown_is_the_stock_that_can_be_sold)
{
    static const char *const orders[] = {"A", "B", "C", "D", "E", "F"};
    case_open(&shop, 0, 6);
    for (uint32_t i = 0; i < 6; i++) {
        expect_units(&shop, 6 - i, i > 4 ? 1 : i, i > 4 ? 4 : 0);
        expect_code(create(&shop, orders[i], i + 1, 1), OK);
        if (i == 4) {
            expect_disposition(pay(&shop, "A", "t1", PRICE), APPLIED);
            expect_disposition(pay(&shop, "B", "t2", PRICE), APPLIED);
            expect_disposition(pay(&shop, "C", "t3", PRICE), APPLIED);
            expect_disposition(pay(&shop, "D", "t4", PRICE), APPLIED);
        }
    }
    cr_assert_eq(stock(&shop, 1).available, 0);
    expect_code(create(&shop, "G", 9, 1), STOCK_SHORT);
    expect_code(acknowledge(&shop, "A"), OK);
    expect_code(cancel(&shop, "F"), OK);
    expect_units(&shop, 1, 1, 4);
    uint64_t card = get(&shop, "B").cards[0];
    expect_code(replace(&shop, "B", card), OK);
    cr_assert_eq(stock(&shop, 1).voided, 1);
    expect_units(&shop, 0, 1, 4);
    case_close(&shop);
}

/* AC-20 (dujiao-next#130): "unlimited" (-1) was made 0 somewhere and the product was sold out. */
Test(ac_20, unlimited_stock_never_becomes_a_number)
{
    shop_open(&shop, NULL);
    expect_code(put_product(&shop, 1, PRICE, ORDO_STOCK_UNLIMITED), OK);
    cr_assert_eq(stock(&shop, 1).available, UINT64_MAX);
    expect_code(create(&shop, "A", 1, ORDO_QUANTITY_MAX), OK);
    expect_disposition(pay(&shop, "A", "t1", (int64_t)PRICE * ORDO_QUANTITY_MAX), APPLIED);
    expect_state(&shop, "A", ISSUING);
    expect_code(create(&shop, "B", 2, 1), OK);
    expect_code(cancel(&shop, "B"), OK);
    expect_code(put_product(&shop, 1, PRICE, ORDO_STOCK_UNLIMITED), OK);
    expect_code(create(&shop, "C", 3, 1), OK);
    pass_deadline(&shop, "C");
    expect_disposition(pay(&shop, "C", "t3", PRICE), LATE_APPLIED);
    cr_assert_eq(stock(&shop, 1).available, UINT64_MAX);
    case_close(&shop);
}

/* AC-21 (dujiao-next#290; acg-faka#189; dujiaoka#54): a card that may be sold again and again was
 * sold once, or an order of three got three different ones. */
Test(ac_21, a_loop_pool_gives_one_card_an_order_in_turn_and_never_ends)
{
    static const char *const orders[] = {"A", "B", "C", "D"};
    static const char *const trades[] = {"a", "b", "c", "d"};
    uint64_t cards[4];
    shop_open(&shop, NULL);
    (void)make_goods(&shop, 1, ORDO_STOCK_LOOP, 0);
    expect_code(shop_send(&shop), OK);
    expect_code(create(&shop, "none", 9, 1), STOCK_SHORT);
    expect_code(add_cards(&shop, 1, 1, 2), OK);
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t quantity = i == 2 ? 3 : 1;
        expect_code(create(&shop, orders[i], i + 1, quantity), OK);
        expect_disposition(pay(&shop, orders[i], trades[i], (int64_t)quantity * PRICE), APPLIED);
        struct ordo_order_view view = get(&shop, orders[i]);
        cr_assert_eq(view.state, ORDO_STATE_ISSUING);
        cr_assert_eq(view.card_count, 1);
        cards[i] = view.cards[0];
    }
    cr_assert_neq(cards[0], cards[1]);
    cr_assert_eq(cards[0], cards[2]);
    cr_assert_eq(cards[1], cards[3]);
    cr_assert_eq(stock(&shop, 1).bound, 6);
    case_close(&shop);
}

/* AC-22 (zfaka-plus/zfaka#188): the same file of cards was loaded twice, and two buyers got one
 * key.
 */
Test(ac_22, a_card_that_is_known_is_left_out_and_counted_unless_the_product_wants_it)
{
    case_open(&shop, 0, 3);
    expect_code(add_cards(&shop, 1, 1, 3), OK);
    cr_assert_eq(shop.outcome.result.version, 0, "all three are known");
    expect_code(add_cards(&shop, 1, 2, 4), OK);
    cr_assert_eq(shop.outcome.result.version, 2);
    expect_units(&shop, 5, 0, 0);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_disposition(pay(&shop, "A", "t1", PRICE), APPLIED);
    expect_code(add_cards(&shop, 1, 1, 5), OK); /* one of them is sold: known all the same */
    cr_assert_eq(shop.outcome.result.version, 0);
    expect_units(&shop, 4, 0, 1);

    (void)make_goods(&shop, 1, ORDO_STOCK_CARDS, ORDO_PRODUCT_DUPLICATES);
    expect_code(shop_send(&shop), OK);
    expect_code(add_cards(&shop, 1, 1, 5), OK);
    cr_assert_eq(shop.outcome.result.version, 5);
    expect_units(&shop, 9, 0, 1);
    case_close(&shop);
}
