/* The last look: every order is asked for once more and must stand where its answers have put it,
 * and no card may be with two orders. A sample of the cards is opened with the key, which succeeds
 * only for cards that were sealed for this shop and the order's product.
 */
#include "cli.h"
#include "sale.h"

#include <stdlib.h>
#include <string.h>

#define GETS_PER_REQUEST 128
#define OPENED_ORDERS    64

struct last_look {
    uint8_t *seen; /* a bit for each card number */
    uint64_t seen_size;
};

/* True when the number was there before. */
static bool see_card(struct sale *sale, struct last_look *look, uint64_t number)
{
    uint64_t byte = number / 8;
    if (number >= SALE_CARD_NUMBER_MAX) {
        return false; /* beyond what is watched: card tables of this size are no test */
    }
    if (byte >= look->seen_size) {
        uint64_t size = (byte + 1) * 2;
        uint8_t *grown = realloc(look->seen, size);
        if (grown == NULL) {
            sale_wrong(sale, "out of memory for card numbers");
            return false;
        }
        memset(grown + look->seen_size, 0, size - look->seen_size);
        look->seen = grown;
        look->seen_size = size;
    }
    bool seen = (look->seen[byte] >> (number % 8) & 1) != 0;
    look->seen[byte] |= (uint8_t)(1u << (number % 8));
    return seen;
}

static bool may_be_in(const struct sale_order *order, enum sale_fate fate, uint8_t state)
{
    if (order->acked) {
        return state == ORDO_STATE_COMPLETED;
    }
    if (order->applied > 0) {
        return state == ORDO_STATE_BACKORDER || state == ORDO_STATE_ISSUING ||
               state == ORDO_STATE_COMPLETED || state == ORDO_STATE_REFUNDING ||
               state == ORDO_STATE_REFUNDED;
    }
    return fate != SALE_PAID && (state == ORDO_STATE_PENDING || state == ORDO_STATE_PAYING ||
                                 state == ORDO_STATE_EXPIRED);
}

static uint32_t cards_of(const struct sale_plan *plan)
{
    if (plan->scripted == NULL || plan->scripted->cards == SALE_CARDS_EACH) {
        return plan->quantity;
    }
    return plan->scripted->cards == SALE_CARDS_ONE ? 1 : 0;
}

/* The script has said before the sale where its order stands now. */
static void check_end(
    struct sale *sale,
    const struct sale_plan *plan,
    uint64_t index,
    const struct ordo_order_view *view)
{
    const struct sale_end *end = &plan->scripted->end;
    const uint32_t flags = ORDO_FLAG_FROZEN | ORDO_FLAG_REVIEW;
    bool delivered = view->state == ORDO_STATE_COMPLETED;
    bool as_planned = view->state == end->state && (view->flags & flags) == end->flags &&
                      view->paid == sale_sum(sale, plan, index, end->paid) &&
                      view->refund_due == sale_sum(sale, plan, index, end->refund_due) &&
                      view->refunded == sale_sum(sale, plan, index, end->refunded) &&
                      view->review == sale_sum(sale, plan, index, end->review) &&
                      (!delivered || view->card_count == cards_of(plan));
    if (sale->orders[index].discounted && delivered) {
        sale->counts.coupons++;
    }
    if (as_planned) {
        return;
    }
    sale->cases[plan->case_index].wrong++;
    sale_wrong(
        sale,
        "order %llu of case %s stands at %s in the end, flags %u, paid %lld, refund due %lld, "
        "refunded %lld, in review %lld, %u cards",
        (unsigned long long)index,
        plan->scripted->name,
        ordo_state_name(view->state),
        view->flags,
        (long long)view->paid,
        (long long)view->refund_due,
        (long long)view->refunded,
        (long long)view->review,
        view->card_count);
}

static void check_plain(
    struct sale *sale,
    const struct sale_plan *plan,
    uint64_t index,
    const struct ordo_order_view *view)
{
    const struct sale_order *order = &sale->orders[index];
    unsigned long long number = (unsigned long long)index;
    if (!order->unknown && !may_be_in(order, plan->fate, view->state)) {
        sale_wrong(
            sale, "order %llu stands at %s in the end", number, ordo_state_name(view->state));
    }
    if (order->acked && (view->card_count != plan->quantity || view->paid != view->amount)) {
        sale_wrong(
            sale,
            "order %llu is completed with %u cards of %u and %lld paid of %lld",
            number,
            view->card_count,
            plan->quantity,
            (long long)view->paid,
            (long long)view->amount);
    }
}

static void check_view(
    struct sale *sale, struct last_look *look, uint64_t index, const struct ordo_order_view *view)
{
    struct sale_plan plan = sale_plan_of(&sale->options, index);
    unsigned long long number = (unsigned long long)index;
    sale->counts.states[view->state < ORDO_STATE_COUNT ? view->state : 0]++;
    if (plan.scripted == NULL) {
        check_plain(sale, &plan, index, view);
    } else if (!sale->orders[index].unknown) {
        check_end(sale, &plan, index, view);
    }
    bool shared = plan.scripted != NULL && plan.scripted->cards == SALE_CARDS_ONE;
    if (view->state != ORDO_STATE_COMPLETED && view->state != ORDO_STATE_ISSUING) {
        return;
    }
    for (uint32_t i = 0; i < view->card_count; i++) {
        sale->counts.cards_issued++;
        if (!shared && see_card(sale, look, view->cards[i])) {
            sale_wrong(
                sale,
                "card %llu was given out twice, the second time to order %llu",
                (unsigned long long)view->cards[i],
                number);
        }
    }
}

static void check_answer(
    struct sale *sale, struct last_look *look, uint64_t index, const struct ordo_answer *answer)
{
    const struct sale_order *order = &sale->orders[index];
    uint16_t code = answer->item.result.code;
    unsigned long long number = (unsigned long long)index;
    if (code == ORDO_RESULT_OK && answer->item.has_body) {
        struct ordo_mp_reader body = answer->item.body;
        struct ordo_order_view view;
        ordo_body_order(&body, &view);
        if (body.error != NULL) {
            sale_wrong(sale, "order %llu cannot be read: %s", number, body.error);
            return;
        }
        check_view(sale, look, index, &view);
        if (order->refused) {
            sale_wrong(sale, "order %llu was refused and exists", number);
        }
    } else if (code == ORDO_RESULT_UNKNOWN || code == ORDO_RESULT_BUSY) {
        sale->counts.unknown++;
    } else if (code != ORDO_RESULT_ORDER_UNKNOWN || order->created) {
        sale_wrong(sale, "order %llu is lost: %s", number, ordo_result_name(code));
    }
}

static int look_at(struct sale *sale, struct last_look *look, uint64_t first, uint32_t count)
{
    static struct ordo_command commands[GETS_PER_REQUEST];
    static char ids[GETS_PER_REQUEST][ORDO_ORDER_ID_MAX + 1];
    const struct ordo_answer *answers = NULL;
    memset(commands, 0, sizeof(commands));
    for (uint32_t i = 0; i < count; i++) {
        commands[i].kind = ORDO_KIND_GET;
        commands[i].shop = sale->online.shop;
        commands[i].get.order_id = sale_order_id(sale, first + i, ids[i]);
    }
    enum ordo_err err = ordo_client_call(
        sale->clients[0], commands, count, (uint32_t)sale->options.patience_ms, &answers);
    if (err != ORDO_OK) {
        return ordo_cli_fail(ordo_exit_of(err), "the last look failed: %s", ordo_err_text(err));
    }
    for (uint32_t i = 0; i < count; i++) {
        check_answer(sale, look, first + i, &answers[i]);
    }
    return ORDO_EXIT_OK;
}

/* ---- cards ---- */

static void open_cards(struct sale *sale, uint64_t index)
{
    struct ordo_command command = {.kind = ORDO_KIND_CARDS, .shop = sale->online.shop};
    struct sale_plan plan = sale_plan_of(&sale->options, index);
    uint32_t product = (uint32_t)sale->options.product_first + plan.product;
    const struct ordo_answer *answers = NULL;
    char id[ORDO_ORDER_ID_MAX + 1];
    command.cards.order_id = sale_order_id(sale, index, id);
    if (ordo_client_call(
            sale->clients[0], &command, 1, (uint32_t)sale->options.patience_ms, &answers) !=
            ORDO_OK ||
        answers[0].item.result.code != ORDO_RESULT_OK) {
        sale_wrong(sale, "the cards of order %s are not given", id);
        return;
    }
    struct ordo_mp_reader body = answers[0].item.body;
    uint32_t count = ordo_body_cards(&body);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t secret[ORDO_SECRET_MAX];
        uint32_t size = 0;
        uint64_t number = 0;
        struct ordo_bytes sealed;
        ordo_body_card(&body, &number, &sealed);
        bool opened = body.error == NULL &&
                      ordo_open_sealed(
                          &sale->key, sale->online.shop, product, sealed, secret, &size) == ORDO_OK;
        if (!opened) { /* it may be a rest of an earlier run; then it still opens for its product */
            sale_wrong(sale, "card %llu of order %s does not open", (unsigned long long)number, id);
        }
        sale->counts.cards_opened += opened ? 1 : 0;
        ordo_secret_wipe(secret, sizeof(secret));
    }
    if (count != plan.quantity) {
        sale_wrong(sale, "order %s gives %u cards of %u", id, count, plan.quantity);
    }
}

/* ---- what the cases leave beside their orders ---- */

static void check_coupon(struct sale *sale)
{
    struct ordo_coupon_view view;
    const struct ordo_answer *answer = NULL;
    struct ordo_client *own = sale->online.client;
    sale->online.client = sale->clients[0];
    int code = ordo_online_coupon(&sale->online, sale->coupon, &view, &answer);
    sale->online.client = own;
    if (code != ORDO_EXIT_OK || answer->item.result.code == ORDO_RESULT_COUPON_UNKNOWN) {
        return; /* no case of this sale has one */
    }
    uint64_t live = view.used - view.returned;
    if (answer->item.result.code != ORDO_RESULT_OK || live != sale->counts.coupons ||
        live > view.uses_max + view.overdrawn) {
        sale_wrong(
            sale,
            "the coupon counts %llu uses of %llu, %llu overdrawn; %llu orders stand with it",
            (unsigned long long)live,
            (unsigned long long)view.uses_max,
            (unsigned long long)view.overdrawn,
            (unsigned long long)sale->counts.coupons);
    }
}

/* A card is somewhere, once; what has no number keeps none; no more is held than may be. */
static void check_stock(struct sale *sale, enum sale_goods goods)
{
    struct ordo_stock_view view;
    const struct ordo_answer *answer = NULL;
    struct ordo_client *own = sale->online.client;
    uint32_t product = sale_goods_product(&sale->options, goods);
    uint32_t number = (uint32_t)sale->options.product_first + product;
    sale->online.client = sale->clients[0];
    int code = ordo_online_stock(&sale->online, number, &view, &answer);
    sale->online.client = own;
    if (code != ORDO_EXIT_OK || answer->item.result.code != ORDO_RESULT_OK) {
        sale_wrong(sale, "the stock of product %u is not told", number);
        return;
    }
    uint64_t units = view.available + view.held + view.bound + view.revealed + view.voided;
    bool endless = goods == SALE_GOODS_UNLIMITED || goods == SALE_GOODS_FREE;
    bool sums = endless                    ? view.available == UINT64_MAX
                : goods == SALE_GOODS_LOOP ? view.available >= 1
                                           : units == view.imported;
    if (!sums || view.backorders != 0 || view.waiting != 0 ||
        (goods == SALE_GOODS_SHARE && view.held > view.available + 1)) {
        sale_wrong(
            sale,
            "product %u shows %llu available, %llu held, %llu bound, %llu revealed, %llu void of "
            "%llu, %llu back-orders, %llu waiting",
            number,
            (unsigned long long)view.available,
            (unsigned long long)view.held,
            (unsigned long long)view.bound,
            (unsigned long long)view.revealed,
            (unsigned long long)view.voided,
            (unsigned long long)view.imported,
            (unsigned long long)view.backorders,
            (unsigned long long)view.waiting);
    }
}

static void check_shelves(struct sale *sale)
{
    bool seen[SALE_GOODS_COUNT] = {false};
    const struct sale_case *scripted;
    for (uint32_t i = 0; (scripted = sale_case_at(i)) != NULL; i++) {
        if (sale->cases[i].orders > 0 && !seen[scripted->goods]) {
            seen[scripted->goods] = true;
            check_stock(sale, scripted->goods);
        }
    }
}

int sale_final(struct sale *sale)
{
    struct last_look look = {NULL, 0};
    int code = ORDO_EXIT_OK;
    for (uint64_t first = 0; first < sale->released && code == ORDO_EXIT_OK;) {
        uint64_t rest = sale->released - first;
        uint32_t count = rest < GETS_PER_REQUEST ? (uint32_t)rest : GETS_PER_REQUEST;
        code = look_at(sale, &look, first, count);
        first += count;
    }
    free(look.seen);
    if (sale->options.cases_pct > 0 && code == ORDO_EXIT_OK) {
        check_coupon(sale);
        check_shelves(sale);
    }
    uint64_t step = sale->released / OPENED_ORDERS + 1;
    for (uint64_t i = 0; i < sale->released && code == ORDO_EXIT_OK; i += step) {
        if (sale->orders[i].acked) {
            open_cards(sale, i);
        }
    }
    return code;
}
