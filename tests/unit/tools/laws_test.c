/* The conservation laws against a real engine: they hold for what it decides, and each breaks when
 * the book-keeping is bent. The method: a short sale through ordo_apply, tallied record by record;
 * then one number of the tally is changed.
 */
#include "audit/audit_sums.h"

#include <criterion/criterion.h>
#include <string.h>

static struct ordo_arena arena;
static struct ordo_state *state;
static struct ordo_tally tally;
static struct ordo_laws laws;
static struct ordo_fail fail;
static uint64_t now_us = 1700000000000000;
static uint8_t next_id = 1;

static struct ordo_bytes text(const char *s)
{
    return (struct ordo_bytes){(const uint8_t *)s, (uint32_t)strlen(s)};
}

static uint16_t decide(struct ordo_command *command)
{
    static uint8_t bytes[ORDO_COMMAND_SIZE_MAX];
    static uint8_t outcome[ORDO_OUTCOME_SIZE_MAX];
    static struct ordo_record_view view;
    struct ordo_writer w = ordo_writer_over(bytes, sizeof(bytes));
    struct ordo_writer out = ordo_writer_over(outcome, sizeof(outcome));
    struct ordo_applied applied;

    command->id[0] = next_id++;
    now_us += 1000;
    ordo_command_encode(command, &w);
    struct ordo_bytes canonical = {bytes, (uint32_t)ordo_writer_size(&w)};
    ordo_apply(state, now_us, canonical, &out, &applied);
    struct ordo_record record = {
        .seq = applied.seq,
        .time_us = now_us,
        .update_seq = applied.update_seq,
        .update_count = applied.update_count,
        .command = canonical,
        .outcome = {outcome, (uint32_t)ordo_writer_size(&out)},
    };
    cr_assert(applied.journaled);
    cr_assert_eq(ordo_record_decode(&record, &view, &fail), ORDO_OK, "%s", fail.text);
    cr_assert_eq(ordo_tally_add(&tally, &view, &fail), ORDO_OK, "%s", fail.text);
    return applied.code;
}

static void begin(void)
{
    struct ordo_settings_values values;
    static uint8_t pair[256];
    struct ordo_writer w = ordo_writer_over(pair, sizeof(pair));
    uint32_t count = 0;

    ordo_settings_standard(&values);
    values.orders_max = 64;
    values.cards_max = 64;
    values.payments_max = 64;
    values.ids_max = 1024;
    values.buyers_max = 64;
    values.secret_bytes_max = 65536;
    ordo_arena_init(&arena);
    memset(&tally, 0, sizeof(tally));
    cr_assert_eq(ordo_state_create(&arena, &values, &state, &fail), ORDO_OK, "%s", fail.text);
    for (uint32_t i = 0; ordo_setting_at(i) != NULL;
         i++) { /* the genesis says what memory was taken for */
        ordo_write_varint(&w, ordo_setting_at(i)->key);
        ordo_write_zigzag(&w, ordo_settings_get(&values, ordo_setting_at(i)));
        count++;
    }
    struct ordo_command genesis = {.kind = ORDO_KIND_SETTINGS};
    genesis.settings.pairs = (struct ordo_elements){{pair, (uint32_t)ordo_writer_size(&w)}, count};
    cr_assert_eq(decide(&genesis), ORDO_RESULT_OK);
}

static void load_cards(uint32_t count)
{
    static uint8_t raw[16 * 65];
    struct ordo_writer w = ordo_writer_over(raw, sizeof(raw));
    struct ordo_command put = {.kind = ORDO_KIND_PRODUCT_PUT};
    struct ordo_command import = {.kind = ORDO_KIND_CARD_IMPORT};

    put.product_put.product = 7;
    put.product_put.price = 100;
    put.product_put.currency = 156;
    cr_assert_eq(decide(&put), ORDO_RESULT_OK);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t card[64] = {(uint8_t)(i + 1), 1};
        ordo_write_bytes(&w, (struct ordo_bytes){card, sizeof(card)});
    }
    import.card_import.product = 7;
    import.card_import.cards = (struct ordo_elements){{raw, (uint32_t)ordo_writer_size(&w)}, count};
    cr_assert_eq(decide(&import), ORDO_RESULT_OK);
    cr_assert_eq(decide(&import), ORDO_RESULT_OK, "the same cards again");
}

static uint16_t create(const char *order_id, uint64_t quantity)
{
    static const uint8_t buyer[ORDO_ID_SIZE] = {1};
    struct ordo_command c = {.kind = ORDO_KIND_CREATE};
    c.create.order_id = text(order_id);
    c.create.buyer = (struct ordo_bytes){buyer, ORDO_ID_SIZE};
    c.create.product = 7;
    c.create.quantity = quantity;
    c.create.amount = 100 * (int64_t)quantity;
    c.create.currency = 156;
    return decide(&c);
}

static uint16_t pay(const char *order_id, const char *trade_no, int64_t amount)
{
    struct ordo_command c = {.kind = ORDO_KIND_FACT};
    c.fact.fact = ORDO_FACT_PAY;
    c.fact.channel = 1;
    c.fact.order_id = text(order_id);
    c.fact.trade_no = text(trade_no);
    c.fact.amount = amount;
    c.fact.currency = 156;
    c.fact.verified_by = ORDO_VERIFIED_SIGNATURE;
    return decide(&c);
}

/* Served, paid twice, paid short, paid without an order, cancelled, waiting. */
static void sell(void)
{
    begin();
    load_cards(8);
    cr_assert_eq(create("A", 2), ORDO_RESULT_OK);
    cr_assert_eq(create("B", 1), ORDO_RESULT_OK);
    cr_assert_eq(create("C", 3), ORDO_RESULT_OK);
    cr_assert_eq(create("D", 1), ORDO_RESULT_OK);
    cr_assert_eq(pay("A", "t1", 200), ORDO_RESULT_OK);
    cr_assert_eq(pay("A", "t2", 200), ORDO_RESULT_OK);
    cr_assert_eq(pay("B", "t3", 50), ORDO_RESULT_OK);
    cr_assert_eq(pay("nobody", "t4", 10), ORDO_RESULT_OK);
    struct ordo_command ack = {.kind = ORDO_KIND_DELIVERY_ACK};
    ack.delivery_ack.order_id = text("A");
    cr_assert_eq(decide(&ack), ORDO_RESULT_OK);
    struct ordo_command cancel = {.kind = ORDO_KIND_CANCEL};
    cancel.cancel.order_id = text("D");
    cr_assert_eq(decide(&cancel), ORDO_RESULT_OK);
    cr_assert_eq(create("E", 64), ORDO_RESULT_STOCK_SHORT);
}

static const char *first_broken(void)
{
    cr_assert_eq(ordo_laws_check(&tally, state, &laws, &fail), ORDO_OK);
    const struct ordo_law *law = ordo_laws_first_broken(&laws);
    return law == NULL ? "" : law->name;
}

Test(laws, hold_for_what_the_engine_decides)
{
    sell();
    cr_assert_str_eq(first_broken(), "", "%s", ordo_laws_first_broken(&laws)->text);
    cr_assert(laws.count > 15);
    cr_assert_eq(tally.refused, 1);
    ordo_laws_free(&laws);
}

#define BROKEN(bend, name)                                                                         \
    do {                                                                                           \
        struct ordo_tally kept = tally;                                                            \
        bend;                                                                                      \
        cr_assert_str_eq(first_broken(), name);                                                    \
        tally = kept;                                                                              \
        ordo_laws_free(&laws);                                                                     \
    } while (0)

Test(laws, break_when_the_records_say_something_else)
{
    sell();
    BROKEN(tally.records++, "I11 records");
    BROKEN(tally.update_seq--, "I11 updates");
    BROKEN(tally.stream_hash.low++, "stream hash");
    BROKEN(tally.card_owner.count--, "I3 no card twice");
    BROKEN(tally.facts++, "I5 facts");
    BROKEN(tally.facts_with[ORDO_DISPOSITION_SHORT]++, "I5 facts SHORT");
    BROKEN(tally.balances[0].accounts[ORDO_ACCOUNT_REVIEW]++, "I7 money channel 1 currency 156");
    BROKEN(tally.balance_count--, "I7 money channel 1 currency 156");
    struct ordo_tally_order *order = &tally.orders[0];
    order->revealed--;
    BROKEN(, "I4 I6 every paid order is served");
    order->revealed++;
    order->applied--;
    BROKEN(, "I6 I7 what counts for orders");
    order->applied++;
    order->version++;
    BROKEN(, "I9 each step by the table");
    order->version--;
    struct ordo_tally_product *product = &tally.products[0];
    product->imported++;
    BROKEN(, "I1 units loaded");
    product->imported--;
    product->held--;
    BROKEN(, "I2 units held");
    product->held++;
    product->revealed--;
    BROKEN(, "I3 units revealed");
    product->bound++;
    BROKEN(, "I3 units bound");
    product->revealed++;
    product->bound--;
    product->waiting++;
    BROKEN(, "orders that wait");
    product->waiting--;
    order->state = ORDO_STATE_CANCELLED;
    BROKEN(, "orders COMPLETED");
    order->state = ORDO_STATE_COMPLETED;
    cr_assert_str_eq(first_broken(), "");
}
