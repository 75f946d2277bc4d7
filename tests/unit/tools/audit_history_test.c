/* Goal: the auditor's own book agrees with the engine on every prefix of every history, with every
 * command of the domain, also when it was begun anew with the balances of any prefix's state.
 * Method: random commands (history.h). Each record is tallied, every law is checked each 40
 * records. Replay one seed: ORDO_SEED=n build/debug/tests/unit/tools/audit_history_test
 */
#include "audit/audit_open.h"
#include "audit/audit_sums.h"
#include "history.h"

#include <criterion/criterion.h>

#define COMMANDS 1500
#define SEEDS    16

static struct ordo_tally tally;
static struct ordo_fail fail;

/* ---- the audit beside it ---- */

static struct ordo_record record_of_shop(void)
{
    return (struct ordo_record){
        .seq = shop.applied.seq,
        .time_us = shop.time_us,
        .update_seq = shop.applied.update_seq,
        .update_count = shop.applied.update_count,
        .command = {shop.command_bytes, shop.command_size},
        .outcome = {shop.outcome_bytes, (uint32_t)shop.outcome_size},
    };
}

static void check_laws(uint64_t of_seed)
{
    struct ordo_laws laws;
    cr_assert_eq(ordo_laws_check(&tally, shop.state, &laws, &fail), ORDO_OK);
    const struct ordo_law *law = ordo_laws_first_broken(&laws);
    cr_assert_null(
        law,
        "ORDO_SEED=%llu seq %llu: %s: %s",
        (unsigned long long)of_seed,
        (unsigned long long)tally.seq,
        law == NULL ? "" : law->name,
        law == NULL ? "" : law->text);
    ordo_laws_free(&laws);
}

static void open_shop(void)
{
    struct ordo_settings_values settings = shop_small();
    settings.late_window_s = 60;
    settings.backorder_max_s = 40;
    settings.redelivery_s = 20;
    settings.query_grace_s = 5;
    memset(&tally, 0, sizeof(tally));
    shop_open(&shop, &settings);
}

static void close_shop(void)
{
    ordo_tally_free(&tally);
    shop_close(&shop);
}

/* Sends the command and tallies its record. */
static uint16_t take(uint64_t of_seed)
{
    static struct ordo_record_view view;
    uint16_t code = shop_send(&shop);
    if (!shop.applied.journaled) {
        return code;
    }
    struct ordo_record record = record_of_shop();
    cr_assert_eq(ordo_record_decode(&record, &view, &fail), ORDO_OK, "%s", fail.text);
    cr_assert_eq(
        ordo_tally_add(&tally, &view, &fail),
        ORDO_OK,
        "ORDO_SEED=%llu: %s",
        (unsigned long long)of_seed,
        fail.text);
    return code;
}

/* What an audit of a trimmed journal does: forgets the records, goes on from the state. */
static void begin_anew(uint64_t of_seed)
{
    ordo_tally_free(&tally);
    memset(&tally, 0, sizeof(tally));
    cr_assert_eq(
        ordo_tally_open(&tally, shop.state, &fail),
        ORDO_OK,
        "ORDO_SEED=%llu: %s",
        (unsigned long long)of_seed,
        fail.text);
    check_laws(of_seed);
}

static uint64_t run(uint64_t of_seed, uint32_t anew_every)
{
    seed = of_seed * 0x9e3779b97f4a7c15ull + 1;
    open_shop();
    for (step = 0; step < COMMANDS; step++) {
        make_command();
        (void)take(of_seed);
        if (anew_every != 0 && step % anew_every == anew_every - 1) {
            begin_anew(of_seed);
        }
        if (step % 40 == 0) {
            check_laws(of_seed);
        }
    }
    check_laws(of_seed);
    uint64_t replaced = tally.replaced;
    close_shop();
    return replaced;
}

static uint64_t run_seeds(uint32_t anew_every)
{
    const char *one = getenv("ORDO_SEED");
    uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1;
    uint64_t last = one != NULL ? first : SEEDS;
    uint64_t replaced = 0;
    for (uint64_t of_seed = first; of_seed <= last; of_seed++) {
        replaced += run(of_seed, anew_every);
    }
    return one != NULL ? 1 : replaced;
}

Test(audit_history, agrees_with_the_engine_on_every_prefix)
{
    cr_assert_gt(run_seeds(0), 0, "no history has replaced a card");
}

Test(audit_history, goes_on_from_the_state_of_any_prefix)
{
    (void)run_seeds(7);
    (void)run_seeds(230);
}

/* ---- what chance brings seldom ---- */

static void sell_at_pay(uint64_t product, uint8_t mode, uint32_t counted)
{
    struct ordo_product_put *p = &begin(ORDO_KIND_PRODUCT_PUT)->product_put;
    p->product = product;
    p->stock_mode = mode;
    p->price = PRICE;
    p->currency = CNY;
    p->options = ORDO_PRODUCT_HOLD_AT_PAY;
    p->counted = counted;
    cr_assert_eq(take(0), ORDO_RESULT_OK);
}

static void load_cards(uint64_t product, uint8_t first, uint32_t count)
{
    struct ordo_card_import *import = &begin(ORDO_KIND_CARD_IMPORT)->card_import;
    struct ordo_writer w = ordo_writer_over(raw, sizeof(raw));
    import->product = product;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t card[64] = {(uint8_t)(first + i), 9};
        ordo_write_bytes(&w, (struct ordo_bytes){card, sizeof(card)});
    }
    import->cards = (struct ordo_elements){{raw, (uint32_t)ordo_writer_size(&w)}, count};
    cr_assert_eq(take(0), ORDO_RESULT_OK);
}

static void order(const char *name, uint32_t product, uint32_t buyer, uint32_t quantity)
{
    make_create(&shop, name, buyer, quantity)->product = product;
    cr_assert_eq(take(0), ORDO_RESULT_OK);
}

static uint8_t settle(const char *name, const char *trade, uint32_t quantity)
{
    (void)make_fact(&shop, ORDO_FACT_PAY, name, trade, PRICE * (int64_t)quantity);
    cr_assert_eq(take(0), ORDO_RESULT_OK);
    return state_of(&shop, name);
}

static uint16_t issue_part(const char *name)
{
    struct ordo_issue *issue = &begin(ORDO_KIND_ISSUE)->issue;
    issue->order_id = text(name);
    issue->partial = 1;
    issue->operator_name = text("anna");
    issue->reason = text("what there is");
    return take(0);
}

/* Three orders see the same units; the first to pay gets them, the next gets what is left from a
 * person, the last ones get their money back when the wait is over, in one tick. */
static void serve_in_part(uint64_t product)
{
    order("a", (uint32_t)product, 1, 2);
    order("b", (uint32_t)product, 2, 3);
    order("c", (uint32_t)product, 3, 3);
    order("d", (uint32_t)product, 4, 3);
    cr_assert_eq(settle("a", "ta", 2), ORDO_STATE_ISSUING);
    cr_assert_eq(settle("b", "tb", 3), ORDO_STATE_BACKORDER);
    cr_assert_eq(settle("c", "tc", 3), ORDO_STATE_BACKORDER);
    cr_assert_eq(settle("d", "td", 3), ORDO_STATE_BACKORDER);
    check_laws(0);
    cr_assert_eq(issue_part("b"), ORDO_RESULT_OK);
    cr_assert_eq(flags_of(&shop, "b") & ORDO_FLAG_PARTIAL, ORDO_FLAG_PARTIAL);
    check_laws(0);
    shop.time_us += 41 * SECOND_US;
    begin(ORDO_KIND_TICK)->tick.now_us = shop.time_us;
    cr_assert_eq(take(0), ORDO_RESULT_OK);
    cr_assert_eq(state_of(&shop, "c"), ORDO_STATE_REFUNDING);
    cr_assert_eq(state_of(&shop, "d"), ORDO_STATE_REFUNDING);
    check_laws(0);
}

Test(audit_history, follows_back_orders_issued_in_part_and_given_back)
{
    open_shop();
    sell_at_pay(1, ORDO_STOCK_CARDS, 0);
    load_cards(1, 1, 3);
    serve_in_part(1);
    cr_assert_not(tally.products[0].guessed, "the cards say how many");
    close_shop();
}

Test(audit_history, says_that_the_state_alone_knows_a_part_without_cards)
{
    open_shop();
    sell_at_pay(4, ORDO_STOCK_COUNTED, 3);
    serve_in_part(4);
    cr_assert(tally.products[0].guessed);
    close_shop();
}
