/* The auditor's own book-keeping: a true history is taken, and each planted lie is found at its
 * record. The method: one short sale as a table of decoded records; every case spoils one thing in
 * it.
 */
#include "audit/audit_tally.h"

#include <criterion/criterion.h>
#include <string.h>

#define RECORDS 7

struct history {
    struct ordo_record records[RECORDS];
    struct ordo_record_view views[RECORDS];
};

static struct history h;
static struct ordo_tally tally;
static struct ordo_fail fail;
static uint8_t cards_raw[2][1 + 57]; /* two sealed cards: size, tag, seal */

static struct ordo_bytes text(const char *s)
{
    return (struct ordo_bytes){(const uint8_t *)s, (uint32_t)strlen(s)};
}

static struct ordo_outcome *begin(int i, uint8_t kind)
{
    h.records[i].seq = (uint64_t)i + 1;
    h.records[i].time_us = 1000 * ((uint64_t)i + 1);
    h.records[i].update_seq = i == 0 ? 0 : h.records[i - 1].update_seq;
    h.views[i].record = &h.records[i];
    h.views[i].command.kind = kind;
    h.views[i].outcome.result.seq = (uint64_t)i + 1;
    return &h.views[i].outcome;
}

static void effect(int i, uint64_t prev_seq, uint32_t version)
{
    struct ordo_outcome *o = &h.views[i].outcome;
    o->effect_count = 1;
    o->effects[0] = (struct ordo_effect){
        .own = true,
        .order_id = text("A-1"),
        .prev_seq = prev_seq,
        .version = version,
        .transition_count = o->transition_count,
    };
    h.records[i].update_count = o->transition_count;
    h.records[i].update_seq += o->transition_count;
}

static void move(int i, uint8_t from, uint8_t to)
{
    struct ordo_outcome *o = &h.views[i].outcome;
    o->transitions[o->transition_count++] = (struct ordo_transition){from, to, ORDO_KIND_CREATE};
}

static void post(int i, uint8_t account, int64_t amount)
{
    struct ordo_outcome *o = &h.views[i].outcome;
    o->postings[o->posting_count++] = (struct ordo_posting){1, 156, account, amount};
}

static void make_fact(int i, uint8_t disposition)
{
    struct ordo_outcome *o = begin(i, ORDO_KIND_FACT);
    struct ordo_fact *fact = &h.views[i].command.fact;
    fact->fact = ORDO_FACT_PAY;
    fact->channel = 1;
    fact->order_id = text("A-1");
    fact->trade_no = text("T-1");
    fact->amount = 200;
    fact->currency = 156;
    o->result.disposition = disposition;
}

/* Settings, a product, two cards, an order for both, its payment, the payment again, the
 * acknowledgement. */
static void make_history(void)
{
    memset(&h, 0, sizeof(h));
    begin(0, ORDO_KIND_SETTINGS);
    begin(1, ORDO_KIND_PRODUCT_PUT);
    h.views[1].command.product_put.product = 7;
    begin(2, ORDO_KIND_CARD_IMPORT);
    h.views[2].command.card_import.product = 7;
    for (int i = 0; i < 2; i++) {
        cards_raw[i][0] = 57;
        cards_raw[i][1] = (uint8_t)(i + 1);
    }
    h.views[2].outcome.result.version = 2;
    h.views[2].command.card_import.cards =
        (struct ordo_elements){{&cards_raw[0][0], sizeof(cards_raw)}, 2};
    begin(3, ORDO_KIND_CREATE);
    h.views[3].command.create.order_id = text("A-1");
    h.views[3].command.create.product = 7;
    h.views[3].command.create.quantity = 2;
    h.views[3].command.create.amount = 200;
    move(3, ORDO_STATE_NONE, ORDO_STATE_PENDING);
    effect(3, 0, 1);
    make_fact(4, ORDO_DISPOSITION_APPLIED);
    move(4, ORDO_STATE_PENDING, ORDO_STATE_PAID);
    move(4, ORDO_STATE_PAID, ORDO_STATE_ISSUING);
    effect(4, 4, 3);
    h.views[4].outcome.card_count = 2;
    h.views[4].outcome.cards[0] = 11;
    h.views[4].outcome.cards[1] = 12;
    h.views[4].outcome.effects[0].card_count = 2;
    post(4, ORDO_ACCOUNT_RECEIVED, 200);
    post(4, ORDO_ACCOUNT_APPLIED, 200);
    make_fact(5, ORDO_DISPOSITION_DUPLICATE);
    effect(5, 5, 3);
    h.records[5].update_seq = h.records[4].update_seq;
    begin(6, ORDO_KIND_DELIVERY_ACK);
    h.views[6].command.delivery_ack.order_id = text("A-1");
    h.records[6].update_seq = h.records[5].update_seq;
    move(6, ORDO_STATE_ISSUING, ORDO_STATE_COMPLETED);
    effect(6, 6, 4);
}

/* The index of the record that is refused; RECORDS when all are taken. */
static int add_all(void)
{
    memset(&tally, 0, sizeof(tally));
    int i = 0;
    while (i < RECORDS && ordo_tally_add(&tally, &h.views[i], &fail) == ORDO_OK) {
        i++;
    }
    return i;
}

Test(tally, takes_a_true_history_and_sums_it)
{
    make_history();
    cr_assert_eq(add_all(), RECORDS, "%s", fail.text);
    cr_assert_eq(tally.records, RECORDS);
    cr_assert_eq(tally.update_seq, 4);
    cr_assert_eq(tally.tags.count, 2);
    cr_assert_eq(tally.card_owner.count, 2);
    cr_assert_eq(tally.order_count, 1);
    cr_assert_eq(tally.orders[0].state, ORDO_STATE_COMPLETED);
    cr_assert_eq(tally.orders[0].revealed, 2);
    cr_assert_eq(tally.orders[0].applied, 200);
    cr_assert_eq(tally.facts, 2);
    cr_assert_eq(tally.facts_with[ORDO_DISPOSITION_DUPLICATE], 1);
    cr_assert_eq(tally.balances[0].accounts[ORDO_ACCOUNT_APPLIED], 200);
    ordo_tally_free(&tally);
}

#define FOUND_AT(index, word)                                                                      \
    do {                                                                                           \
        cr_assert_eq(add_all(), index, "%s", fail.text);                                           \
        cr_assert_eq(fail.err, ORDO_ERR_DAMAGED);                                                  \
        cr_assert_not_null(strstr(fail.text, word), "%s", fail.text);                              \
        ordo_tally_free(&tally);                                                                   \
        make_history();                                                                            \
    } while (0)

Test(tally, finds_gaps_in_the_sequences)
{
    make_history();
    h.records[4].seq = 6;
    FOUND_AT(4, "follows seq 4");
    h.records[4].time_us = 1;
    FOUND_AT(4, "time goes back");
    h.records[4].update_seq = 4;
    FOUND_AT(4, "update_seq");
}

Test(tally, finds_transitions_that_do_not_link_up)
{
    make_history();
    h.views[4].outcome.transitions[0].from = ORDO_STATE_PAYING;
    FOUND_AT(4, "PAYING");
    h.views[4].outcome.effects[0].version = 2;
    FOUND_AT(4, "version 2");
    h.views[6].outcome.effects[0].prev_seq = 4;
    FOUND_AT(6, "points back to seq 4");
    h.views[6].outcome.transitions[0].to = 200;
    FOUND_AT(6, "goes from");
}

Test(tally, finds_a_card_given_out_twice)
{
    make_history();
    h.views[4].outcome.cards[1] = 11;
    FOUND_AT(4, "card 11");
    h.views[6].outcome.card_count = 1;
    h.views[6].outcome.cards[0] = 12;
    h.views[6].outcome.effects[0].card_count = 1;
    FOUND_AT(6, "I4: A-1 gets 1 cards and is not issued");
}

Test(tally, lets_a_loop_product_give_a_card_again)
{
    make_history();
    h.views[1].command.product_put.stock_mode = ORDO_STOCK_LOOP;
    h.views[4].outcome.cards[1] = 0;
    h.views[4].outcome.card_count = 1;
    h.views[4].outcome.effects[0].card_count = 1; /* one card, whatever the quantity */
    cr_assert_eq(add_all(), RECORDS, "%s", fail.text);
    ordo_tally_free(&tally);
}

Test(tally, finds_money_that_is_not_conserved)
{
    make_history();
    h.views[4].outcome.postings[1].amount = 199;
    FOUND_AT(4, "received + manual 200");
    h.views[4].outcome.posting_count = 1;
    FOUND_AT(4, "channel 1 currency 156");
    post(6, ORDO_ACCOUNT_REVIEW, 1);
    FOUND_AT(
        6,
        "I7: channel 1 currency 156: received + manual 200 is not applied + refund_due + "
        "refunded + review 201");
    post(6, ORDO_ACCOUNT_REVIEW, 201);
    post(6, ORDO_ACCOUNT_APPLIED, -201);
    FOUND_AT(6, "applied is -1");
    h.views[4].outcome.postings[0].account = 77;
    FOUND_AT(4, "unknown account");
}

Test(tally, finds_a_payment_that_is_received_twice_or_by_nobody)
{
    make_history();
    post(5, ORDO_ACCOUNT_RECEIVED, 200);
    post(5, ORDO_ACCOUNT_REFUND_DUE, 200);
    FOUND_AT(5, "I5: payment T-1 is received for the second time");
    post(6, ORDO_ACCOUNT_RECEIVED, 200);
    post(6, ORDO_ACCOUNT_REFUND_DUE, 200);
    FOUND_AT(6, "I5: 200 was received, and no payment says so");
    h.views[4].command.fact.amount = 199;
    FOUND_AT(4, "I5: 200 was received");
    h.views[4].command.fact.channel = 2;
    FOUND_AT(4, "another channel");
    h.views[5].outcome.result.disposition = 0;
    FOUND_AT(5, "I5: a payment fact has no disposition");
}

Test(tally, finds_an_order_that_is_honoured_without_its_money)
{
    make_history();
    h.views[3].command.create.amount = 201;
    FOUND_AT(4, "I6: order A-1 of 201 is paid, and 200 counts for it");
    h.views[6].outcome.transitions[0].to = ORDO_STATE_REFUNDED;
    FOUND_AT(6, "I6: order A-1 is REFUNDED, and 200 counts for it");
    h.views[4].outcome.transition_count = 1;
    h.views[4].outcome.card_count = 0;
    h.views[4].outcome.effects[0].card_count = 0;
    h.views[4].outcome.effects[0].transition_count = 1;
    h.views[4].outcome.effects[0].version = 2;
    h.records[4].update_seq = 2;
    FOUND_AT(4, "I6: order A-1 is paid and not issued");
}

Test(tally, finds_an_order_with_other_than_its_units)
{
    make_history();
    h.views[4].outcome.effects[0].card_count = 1;
    FOUND_AT(4, "I4: A-1 of 2 units is issued with 1 cards");
    h.views[4].outcome.effects[0].flags = ORDO_FLAG_PARTIAL;
    FOUND_AT(4, "I4: A-1 of 2 units is issued with 2 cards, in part");
    h.views[2].outcome.result.version = 1;
    FOUND_AT(2, "I1: 1 cards were taken in, 2 are new");
}

Test(tally, finds_a_buyer_above_the_cap)
{
    make_history();
    h.views[1].command.product_put.purchase_cap = 1;
    FOUND_AT(3, "I8: a buyer holds 2 and has paid 0 units of product 7, whose cap is 1");
}

Test(tally, finds_a_coupon_used_beyond_its_limit)
{
    make_history();
    h.views[3].command.create.coupon = text("TEN");
    FOUND_AT(3, "coupons: coupon TEN has 1 uses, its limit is 0");
    begin(0, ORDO_KIND_COUPON_PUT);
    h.views[0].command.coupon_put.coupon = text("TEN");
    h.views[0].command.coupon_put.uses_max = 1;
    h.views[3].command.create.coupon = text("TEN");
    cr_assert_eq(add_all(), RECORDS, "%s", fail.text);
    cr_assert_eq(tally.coupons[0].used, 1);
    ordo_tally_free(&tally);
}

/* The last record becomes a replace of card 11 by card 13. */
static void replace(uint64_t card)
{
    begin(6, ORDO_KIND_REPLACE);
    h.records[6].update_seq = h.records[5].update_seq;
    memset(&h.views[6].outcome, 0, sizeof(h.views[6].outcome));
    h.views[6].command.replace.order_id = text("A-1");
    h.views[6].command.replace.card = card;
    h.views[6].outcome.card_count = 1;
    h.views[6].outcome.cards[0] = 13;
    move(6, ORDO_STATE_ISSUING, ORDO_STATE_ISSUING);
    effect(6, 6, 4);
    h.views[6].outcome.effects[0].card_count = 1;
}

Test(tally, follows_a_replaced_card)
{
    make_history();
    replace(11);
    cr_assert_eq(add_all(), RECORDS, "%s", fail.text);
    cr_assert_eq(tally.orders[0].bound, 2);
    cr_assert_eq(tally.replaced, 1);
    cr_assert_eq(tally.self_moves, 1, "a move to the same state raises the version by one, too");
    ordo_tally_free(&tally);
    replace(14);
    FOUND_AT(6, "I3: card 14 is replaced by 1, and A-1 does not have it");
    replace(11);
    h.views[6].outcome.cards[0] = 12;
    FOUND_AT(6, "I3: card 12 is bound to A-1 and was bound before");
}

Test(tally, finds_a_move_that_is_not_in_the_table)
{
    make_history();
    h.views[6].outcome.transitions[0].to = ORDO_STATE_PENDING;
    FOUND_AT(6, "I9: order A-1 goes from ISSUING to PENDING");
}

Test(tally, finds_a_second_creation)
{
    make_history();
    begin(5, ORDO_KIND_CREATE);
    h.views[5].command.create = h.views[3].command.create;
    FOUND_AT(5, "second time");
}

Test(table, keeps_every_key_while_it_grows)
{
    struct ordo_audit_table table = {0};
    bool added;
    for (uint64_t round = 0; round < 2; round++) {
        for (uint64_t i = 1; i <= 10000; i++) {
            struct ordo_audit_cell *cell =
                ordo_audit_table_put(&table, (struct ordo_hash128){i * 4096, i}, &added);
            cr_assert_eq(added, round == 0);
            cr_assert_eq(cell->value, round == 0 ? 0 : i);
            cell->value = i;
        }
    }
    cr_assert_eq(table.count, 10000);
    ordo_audit_table_free(&table);
}
