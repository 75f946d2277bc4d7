/* Before the sale: products and their cards. Behind it the last look: each paid order has its key
 * or a reason, no key has two orders, no product has more units sold than there were, all money
 * that came is where it belongs, and what nobody paid has expired.
 *
 * The cards are no secrets: bytes of the right size that nobody will open. */
#include "bench/flash_run.h"

#include "bench/draw.h"

#include <stdlib.h>
#include <string.h>

#define CARD_SIZE    64u
#define IMPORTS      8u
#define IMPORT_BYTES (ORDO_IMPORT_MAX * (CARD_SIZE + 2))
#define GETS         128u
#define CALL_MS      30000u
#define SETTLE_TRIES 300u
#define SETTLE_MS    100u

/* ---- before ---- */

static enum ordo_err call(
    struct ordo_flash *flash,
    struct ordo_command *commands,
    uint32_t count,
    const struct ordo_answer **answers,
    struct ordo_fail *fail)
{
    enum ordo_err err = ordo_client_call(flash->clients[0], commands, count, CALL_MS, answers);
    if (err != ORDO_OK) {
        return ordo_fail_set(fail, err, "the node was not asked: %s", ordo_err_text(err));
    }
    return ORDO_OK;
}

static enum ordo_err call_all(
    struct ordo_flash *flash,
    const char *what,
    struct ordo_command *commands,
    uint32_t count,
    struct ordo_fail *fail)
{
    const struct ordo_answer *answers;
    enum ordo_err err = call(flash, commands, count, &answers, fail);
    for (uint32_t i = 0; i < count && err == ORDO_OK; i++) {
        uint16_t code = answers[i].item.result.code;
        if (code != ORDO_RESULT_OK) {
            err = ordo_fail_set(fail, ORDO_ERR_INVALID, "%s: %s", what, ordo_result_name(code));
        }
    }
    return err;
}

static void fill_import(
    struct ordo_command *command, uint8_t *bytes, uint32_t product, uint32_t count, uint64_t *state)
{
    struct ordo_writer out = ordo_writer_over(bytes, IMPORT_BYTES);
    memset(command, 0, sizeof(*command));
    for (uint32_t i = 0; i < count; i++) {
        uint8_t card[CARD_SIZE];
        for (uint32_t k = 0; k < CARD_SIZE; k += 8) {
            ordo_put_le64(card + k, ordo_draw(state));
        }
        ordo_write_bytes(&out, (struct ordo_bytes){card, CARD_SIZE});
    }
    command->kind = ORDO_KIND_CARD_IMPORT;
    command->shop = ORDO_FLASH_SHOP;
    command->card_import.product = product;
    command->card_import.cards.count = count;
    command->card_import.cards.raw = (struct ordo_bytes){bytes, (uint32_t)ordo_writer_size(&out)};
}

static enum ordo_err import_cards(
    struct ordo_flash *flash,
    uint32_t product,
    uint64_t cards,
    uint64_t *state,
    struct ordo_fail *fail)
{
    struct ordo_command commands[IMPORTS];
    uint8_t(*bytes)[IMPORT_BYTES] = calloc(IMPORTS, sizeof(*bytes));
    uint32_t open = 0;
    enum ordo_err err =
        bytes == NULL ? ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for cards") : ORDO_OK;
    while (cards > 0 && err == ORDO_OK) {
        uint32_t count = cards < ORDO_IMPORT_MAX ? (uint32_t)cards : ORDO_IMPORT_MAX;
        fill_import(&commands[open], bytes[open], product, count, state);
        open++;
        cards -= count;
        if (open == IMPORTS || cards == 0) {
            err = call_all(flash, "importing cards", commands, open, fail);
            open = 0;
        }
    }
    free(bytes);
    return err;
}

/* Each product gets its share of the cards, so that a hot one and many have as many together. */
enum ordo_err ordo_flash_setup(struct ordo_flash *flash, struct ordo_fail *fail)
{
    uint32_t products = flash->config.shape.products;
    uint64_t cards = (uint64_t)flash->orders * flash->config.stock_pct / 100;
    uint64_t state = ordo_draw_of(flash->config.shape.seed, UINT64_MAX);
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; i < products && err == ORDO_OK; i++) {
        struct ordo_command put = {.kind = ORDO_KIND_PRODUCT_PUT, .shop = ORDO_FLASH_SHOP};
        uint64_t share = cards / products + (i < cards % products);
        put.product_put.product = i + 1;
        put.product_put.price = ORDO_FLASH_PRICE;
        put.product_put.currency = ORDO_FLASH_CURRENCY;
        put.product_put.stock_mode = ORDO_STOCK_CARDS;
        err = call_all(flash, "putting a product", &put, 1, fail);
        err = err == ORDO_OK ? import_cards(flash, i + 1, share, &state, fail) : err;
        flash->counts.cards += share;
    }
    return err;
}

/* ---- behind ---- */

struct last_look {
    uint8_t *seen; /* a bit for each card number */
    uint64_t size; /* bits */
    uint64_t sold[ORDO_FLASH_PRODUCTS_MAX + 1];
};

static void see_cards(
    struct ordo_flash *flash,
    struct last_look *look,
    uint32_t order,
    const struct ordo_order_view *view)
{
    for (uint32_t i = 0; i < view->card_count; i++) {
        uint64_t card = view->cards[i];
        if (card >= look->size) {
            ordo_flash_wrong(
                flash, "order %u has card %llu, which is none", order, (unsigned long long)card);
            continue;
        }
        if ((look->seen[card / 8] >> (card % 8) & 1) != 0) {
            ordo_flash_wrong(flash, "card %llu was given out twice", (unsigned long long)card);
        }
        look->seen[card / 8] |= (uint8_t)(1u << (card % 8));
    }
}

static void check_paid(
    struct ordo_flash *flash,
    struct last_look *look,
    uint32_t order,
    const struct ordo_order_view *view)
{
    bool delivered = view->state == ORDO_STATE_COMPLETED || view->state == ORDO_STATE_ISSUING;
    bool waits = view->state == ORDO_STATE_BACKORDER && view->paid == ORDO_FLASH_PRICE;
    bool back = view->state == ORDO_STATE_REFUNDING && view->refund_due == ORDO_FLASH_PRICE;
    int64_t money = view->paid + view->refund_due + view->refunded + view->review;
    if (delivered && view->card_count == 1 && view->paid == ORDO_FLASH_PRICE) {
        flash->counts.sold++;
        look->sold[view->product]++;
        see_cards(flash, look, order, view);
    } else if (waits || back) {
        flash->counts.reasons++;
    } else {
        ordo_flash_wrong(
            flash,
            "order %u was paid and stands at %s with %u cards",
            order,
            ordo_state_name(view->state),
            view->card_count);
    }
    if (money != ORDO_FLASH_PRICE) {
        ordo_flash_wrong(
            flash, "order %u was paid %d and has %lld", order, ORDO_FLASH_PRICE, (long long)money);
    }
}

static void check_view(
    struct ordo_flash *flash,
    struct last_look *look,
    uint32_t order,
    const struct ordo_answer *answer)
{
    const struct ordo_flash_life *life = &flash->lives[order];
    uint16_t code = answer->item.result.code;
    struct ordo_mp_reader body = answer->item.body;
    struct ordo_order_view view = {.state = ORDO_STATE_NONE};
    if (code == ORDO_RESULT_OK && answer->item.has_body) {
        ordo_body_order(&body, &view);
    }
    bool lost = code != ORDO_RESULT_OK || body.error != NULL || view.product == 0 ||
                view.product > flash->config.shape.products;
    if (life->unknown || (life->refused && code == ORDO_RESULT_ORDER_UNKNOWN)) {
        return;
    }
    if (life->refused || lost) {
        ordo_flash_wrong(
            flash,
            "order %u, %s: %s",
            order,
            life->refused ? "refused" : "created",
            ordo_result_name(code));
        return;
    }
    if (life->pay_bytes != 0) {
        check_paid(flash, look, order, &view);
        return;
    }
    flash->counts.expired += view.state == ORDO_STATE_EXPIRED;
    if (view.state != ORDO_STATE_EXPIRED || view.card_count != 0) {
        ordo_flash_wrong(
            flash, "order %u was not paid and stands at %s", order, ordo_state_name(view.state));
    }
}

static enum ordo_err
look_at_orders(struct ordo_flash *flash, struct last_look *look, struct ordo_fail *fail)
{
    static struct ordo_command commands[GETS];
    static char names[GETS][ORDO_FLASH_NAME_SIZE];
    enum ordo_err err = ORDO_OK;
    for (uint32_t first = 0; first < flash->orders && err == ORDO_OK; first += GETS) {
        const struct ordo_answer *answers = NULL;
        uint32_t rest = flash->orders - first;
        uint32_t count = rest < GETS ? rest : GETS;
        memset(commands, 0, sizeof(commands));
        for (uint32_t i = 0; i < count; i++) {
            commands[i].kind = ORDO_KIND_GET;
            commands[i].shop = ORDO_FLASH_SHOP;
            commands[i].get.order_id = ordo_flash_name(first + i, names[i]);
        }
        err = call(flash, commands, count, &answers, fail);
        for (uint32_t i = 0; i < count && err == ORDO_OK; i++) {
            check_view(flash, look, first + i, &answers[i]);
        }
    }
    return err;
}

static enum ordo_err
look_at_stock(struct ordo_flash *flash, const struct last_look *look, struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_OK;
    uint64_t cards = 0;
    for (uint32_t product = 1; product <= flash->config.shape.products && err == ORDO_OK;
         product++) {
        struct ordo_command ask = {.kind = ORDO_KIND_STOCK, .shop = ORDO_FLASH_SHOP};
        const struct ordo_answer *answers;
        struct ordo_stock_view view = {0};
        ask.stock.product = product;
        err = call(flash, &ask, 1, &answers, fail);
        if (err != ORDO_OK || !answers[0].item.has_body) {
            break;
        }
        struct ordo_mp_reader body = answers[0].item.body;
        ordo_body_stock(&body, &view);
        cards += view.imported;
        uint64_t sold = view.bound + view.revealed;
        uint64_t all = sold + view.held + view.available + view.voided;
        if (body.error != NULL || all != view.imported || sold != look->sold[product]) {
            ordo_flash_wrong(
                flash,
                "product %u: %llu units, %llu accounted for, %llu given out, %llu with orders",
                product,
                (unsigned long long)view.imported,
                (unsigned long long)all,
                (unsigned long long)sold,
                (unsigned long long)look->sold[product]);
        }
    }
    if (err == ORDO_OK && (cards != flash->counts.cards || flash->counts.sold > cards)) {
        ordo_flash_wrong(
            flash,
            "%llu units sold of %llu, %llu of them known",
            (unsigned long long)flash->counts.sold,
            (unsigned long long)flash->counts.cards,
            (unsigned long long)cards);
    }
    return err;
}

/* True when no order waits for its payment any more. */
static bool is_settled(struct ordo_flash *flash)
{
    static const uint8_t states[] = {ORDO_STATE_PENDING, ORDO_STATE_PAYING};
    struct ordo_command asks[2];
    const struct ordo_answer *answers;
    struct ordo_fail fail;
    memset(asks, 0, sizeof(asks));
    for (uint32_t i = 0; i < 2; i++) {
        asks[i].kind = ORDO_KIND_LIST;
        asks[i].shop = ORDO_FLASH_SHOP;
        asks[i].list.state = states[i];
        asks[i].list.limit = 1;
    }
    if (call(flash, asks, 2, &answers, &fail) != ORDO_OK) {
        return false;
    }
    uint32_t open = 0;
    for (uint32_t i = 0; i < 2; i++) {
        struct ordo_mp_reader body = answers[i].item.body;
        uint64_t next;
        open += answers[i].item.has_body ? ordo_body_list(&body, &next) : 1;
    }
    return open == 0;
}

enum ordo_err ordo_flash_check(struct ordo_flash *flash, struct ordo_fail *fail)
{
    struct last_look look = {.size = flash->counts.cards + 64};
    for (uint32_t i = 0; i < SETTLE_TRIES && !is_settled(flash); i++) {
        (void)ordo_client_poll_many(flash->clients, ORDO_FLASH_CLIENTS, SETTLE_MS);
    }
    look.seen = calloc(look.size / 8 + 1, 1);
    if (look.seen == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the cards");
    }
    enum ordo_err err = look_at_orders(flash, &look, fail);
    err = err == ORDO_OK ? look_at_stock(flash, &look, fail) : err;
    free(look.seen);
    if (flash->counts.unknown != 0) {
        ordo_flash_wrong(
            flash, "%llu commands have no known end", (unsigned long long)flash->counts.unknown);
    }
    return err;
}
