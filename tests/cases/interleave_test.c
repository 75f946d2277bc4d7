/* Goal: whatever the order in which a few events reach two orders of the last unit, and wherever
 * the process dies between them, every invariant holds, no unit is given twice, no money is lost.
 * Method: interleave.h; here are the policies and the events.
 */
#include "interleave.h"

#include <criterion/criterion.h>

/* The issue's own list, seven deep. */
#define THE_LIST                                                                                   \
    .depth = 7, .count = 9,                                                                        \
    .events = {                                                                                    \
        CREATE_A,                                                                                  \
        CREATE_B,                                                                                  \
        PAY_A,                                                                                     \
        PAY_A_AGAIN,                                                                               \
        PAY_B,                                                                                     \
        EXPIRE,                                                                                    \
        CANCEL_A,                                                                                  \
        REFUND_A,                                                                                  \
        RESTOCK,                                                                                   \
    }

Test(interleave, of_pay_expire_cancel_refund_restock_when_late_money_reclaims_what_is_free)
{
    static const struct plan plan = {.name = "late reclaim", THE_LIST};
    interleave(&plan);
}

Test(interleave, of_pay_expire_cancel_refund_restock_when_late_money_waits_for_stock)
{
    static const struct plan plan = {
        .name = "late back-order", .options = ORDO_PRODUCT_LATE_BACKORDER, THE_LIST};
    interleave(&plan);
}

Test(interleave, of_pay_expire_cancel_refund_restock_when_late_money_goes_back)
{
    static const struct plan plan = {
        .name = "late refund", .options = ORDO_PRODUCT_LATE_REFUND, THE_LIST};
    interleave(&plan);
}

Test(interleave, of_pay_expire_cancel_refund_restock_when_units_are_taken_by_the_payment)
{
    static const struct plan plan = {
        .name = "hold at pay", .options = ORDO_PRODUCT_HOLD_AT_PAY, THE_LIST};
    interleave(&plan);
}

/* The same about an order that is there, with other goods and limits; less deep. */
#define THE_LIST_AGAIN                                                                             \
    .fixed = 1, .depth = 6, .count = 10,                                                           \
    .events = {                                                                                    \
        CREATE_A,                                                                                  \
        CREATE_B,                                                                                  \
        PAY_A,                                                                                     \
        PAY_A_TWICE,                                                                               \
        PAY_B,                                                                                     \
        EXPIRE,                                                                                    \
        CANCEL_A,                                                                                  \
        REFUND_A,                                                                                  \
        RESTOCK,                                                                                   \
        GIVE_BACK_A,                                                                               \
    }

Test(interleave, of_the_same_with_a_coupon_for_one)
{
    static const struct plan plan = {
        .name = "coupon", .options = ORDO_PRODUCT_LATE_BACKORDER, .coupon = 1, THE_LIST_AGAIN};
    interleave(&plan);
}

Test(interleave, of_the_same_by_one_buyer_for_counted_goods)
{
    static const struct plan plan = {
        .name = "counted",
        .options = ORDO_PRODUCT_MANUAL,
        .mode = ORDO_STOCK_COUNTED,
        .coupon = 2,
        .one_buyer = true,
        THE_LIST_AGAIN};
    interleave(&plan);
}

Test(interleave, of_the_same_for_a_loop_pool)
{
    static const struct plan plan = {
        .name = "loop", .mode = ORDO_STOCK_LOOP, .one_buyer = true, THE_LIST_AGAIN};
    interleave(&plan);
}

/* Every verb about an order that is there. */
#define EVERYTHING                                                                                 \
    .fixed = 1, .depth = 5, .count = 20,                                                           \
    .events = {                                                                                    \
        CREATE_A,   PAY_A,     PAY_A_TWICE, PAY_A_SHORT, EXPIRE,       CANCEL_A, REFUND_A,         \
        RESTOCK,    ATTEMPT_A, FAIL_A,      MARK_A,      GIVE_BACK_A,  ACCEPT_A, FREEZE_A,         \
        UNFREEZE_A, ACK_A,     ISSUE_A,     REPLACE_A,   CHARGEBACK_A, WAIT_B,                     \
    }

Test(interleave, of_every_verb_with_a_person_who_issues)
{
    static const struct plan plan = {.name = "manual", .options = ORDO_PRODUCT_MANUAL, EVERYTHING};
    interleave(&plan);
}

Test(interleave, of_every_verb_with_an_engine_that_issues)
{
    static const struct plan plan = {
        .name = "automatic", .options = ORDO_PRODUCT_LATE_BACKORDER, EVERYTHING};
    interleave(&plan);
}

/* A waitlist and back-orders of one product: who gets the freed unit. */
Test(interleave, of_waiting_and_late_orders_for_one_unit)
{
    static const struct plan plan = {
        .name = "waiting",
        .options = ORDO_PRODUCT_LATE_BACKORDER,
        .depth = 6,
        .count = 9,
        .events = {
            CREATE_A,
            WAIT_B,
            PAY_A,
            PAY_B,
            EXPIRE,
            CANCEL_A,
            RELEASE_B,
            RESTOCK,
            GIVE_BACK_A,
        }};
    interleave(&plan);
}
