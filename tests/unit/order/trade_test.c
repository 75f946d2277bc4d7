/* Goal: a payment is found again by exactly its trade_no, however that is kept.
 * Method: numbers of every length, of digits alone and with another character at each place; each
 * is a payment of its own, and a duplicate when it comes again. */
#include "shop.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct shop shop;

static void open_shop(void)
{
    struct ordo_settings_values v = shop_small();
    v.orders_max = 5000;
    v.payments_max = 15000;
    shop_open(&shop, &v);
}

/* A payment of an unknown order: the first time an orphan, then known. */
static void expect_new_once(const char *trade)
{
    cr_expect_eq(pay(&shop, "o1", trade, PRICE), ORDO_DISPOSITION_ORPHAN, "%s", trade);
    (void)make_fact(&shop, ORDO_FACT_PAY, "o1", trade, PRICE);
    shop.command.fact.gateway_time_us++; /* another notify of the same payment */
    (void)shop_send(&shop);
    cr_expect_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_DUPLICATE, "%s", trade);
}

Test(trade, numbers_of_digits_and_other_texts_never_meet)
{
    char trade[ORDO_TRADE_NO_MAX + 1];
    open_shop();
    for (uint32_t size = 1; size <= ORDO_TRADE_NO_MAX; size++) {
        for (uint32_t i = 0; i < size; i++) {
            trade[i] = (char)('0' + i * 7 % 10);
        }
        trade[size] = 0;
        expect_new_once(trade);
        for (uint32_t at = 0; at < size; at += 1 + size / 8) {
            char was = trade[at];
            trade[at] = 'p';
            expect_new_once(trade);
            trade[at] = was == '9' ? '0' : '9';
            if (was != trade[at]) {
                expect_new_once(trade);
            }
            trade[at] = ':'; /* the byte after '9' */
            expect_new_once(trade);
            trade[at] = was;
        }
    }
    shop_check(&shop);
    shop_close(&shop);
}

Test(trade, as_many_payments_as_the_setting_says_fit_with_32_digits_or_24_bytes)
{
    const char *const stems[] = {"2026112322001410000000000000", "pi_3NabcdefghijklmnX"};
    for (int form = 0; form < 2; form++) {
        struct ordo_settings_values v = shop_small();
        v.payments_max = 400;
        shop_open(&shop, &v);
        char order[16];
        char trade[40];
        for (uint32_t i = 1; i <= 400; i++) {
            (void)snprintf(order, sizeof(order), "o%u", i);
            (void)snprintf(trade, sizeof(trade), "%s%04u", stems[form], i);
            (void)make_fact(&shop, ORDO_FACT_PAY, order, trade, PRICE);
            cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK, "%u", i);
        }
        (void)make_fact(&shop, ORDO_FACT_PAY, "more", "4711", PRICE);
        cr_expect_eq(shop_send(&shop), ORDO_RESULT_BUSY);
        shop_check(&shop);
        shop_close(&shop);
    }
}
