#include "order/query.h"
#include "order/stock.h"

/* Queries see the state as of the last command before them and change nothing. A result names the
 * last seq, so that a reader knows how fresh it is. LIST over every state goes by row number, which
 * is stable under changes; over one state it follows the state's list from the longest in it. Its
 * page mark is the order to begin with and the low half of its version: an order that has moved
 * since gives list_moved instead of a wrong page.
 */

static void view_order(const struct ordo_state *s, uint32_t order, struct ordo_order_view *view)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    const struct ordo_product_row *p = ordo_product_at(s, o->product);
    const struct ordo_payment_row *money = ordo_order_money(s, order);
    bool received = (money->flags & ORDO_PAYMENT_RECEIVED) != 0;
    view->order_id = (struct ordo_bytes){o->order_id, o->order_id_size};
    view->buyer = (struct ordo_bytes){o->buyer, ORDO_ID_SIZE};
    view->product = p->product;
    view->quantity = o->quantity;
    view->amount = o->amount;
    view->currency = p->currency;
    view->state = o->state;
    view->flags = o->flags;
    view->version = o->version;
    view->created_us = o->created_us;
    view->changed_us = o->changed_us;
    view->deadline_us = o->deadline_us;
    view->paid = ordo_payment_applied(money);
    view->refund_due = received ? money->refund_due : 0;
    view->refunded = received ? money->refunded : 0;
    view->review = received ? money->review : 0;
    view->last_seq = o->last_seq;
    uint32_t cards[ORDO_CARDS_MAX];
    view->card_count = ordo_order_cards(s, order, cards);
    for (uint32_t i = 0; i < view->card_count; i++) {
        view->cards[i] = cards[i];
    }
}

static void put_result(struct ordo_state *s, uint16_t code, uint32_t order, struct ordo_writer *out)
{
    const struct ordo_order_row *o = ordo_order_at(s, order); /* row 0 is all zero */
    struct ordo_result result = {
        .seq = ordo_head(s)->seq, .code = code, .state = o->state, .version = o->version};
    ordo_result_encode(&result, result.seq, out);
}

static uint16_t answer_get(struct ordo_state *s, uint32_t order, struct ordo_writer *out)
{
    struct ordo_order_view view;
    put_result(s, ORDO_RESULT_OK, order, out);
    view_order(s, order, &view);
    ordo_order_view_encode(&view, out);
    return ORDO_RESULT_OK;
}

/* A frozen order's cards are not given out: its money is disputed. */
static uint16_t answer_cards(struct ordo_state *s, uint32_t order, struct ordo_writer *out)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    if ((o->flags & ORDO_FLAG_FROZEN) != 0) {
        put_result(s, ORDO_RESULT_ORDER_FROZEN, order, out);
        return ORDO_RESULT_ORDER_FROZEN;
    }
    bool issued = o->state == ORDO_STATE_ISSUING || o->state == ORDO_STATE_COMPLETED;
    uint32_t cards[ORDO_CARDS_MAX];
    uint32_t count = issued ? ordo_order_cards(s, order, cards) : 0;
    put_result(s, ORDO_RESULT_OK, order, out);
    ordo_write_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct ordo_card_row *card = ordo_card_at(s, cards[i]);
        ordo_write_varint(out, cards[i]);
        ordo_write_bytes(
            out, (struct ordo_bytes){ordo_secret_at(s, card->secret)->bytes, card->secret_size});
    }
    return ORDO_RESULT_OK;
}

static uint16_t
answer_about_order(struct ordo_state *s, struct ordo_bytes order_id, struct ordo_writer *out)
{
    uint32_t order = ordo_order_known(s, s->command.shop, order_id);
    if (order == 0) {
        put_result(s, ORDO_RESULT_ORDER_UNKNOWN, 0, out);
        return ORDO_RESULT_ORDER_UNKNOWN;
    }
    return s->command.kind == ORDO_KIND_CARDS ? answer_cards(s, order, out)
                                              : answer_get(s, order, out);
}

/* By a payment: also the number of an order that nobody has created, with the money it has. */
static uint16_t
answer_find(struct ordo_state *s, const struct ordo_find *find, struct ordo_writer *out)
{
    uint32_t payment = ordo_payment_search(s, s->command.shop, find);
    if (payment == 0) {
        put_result(s, ORDO_RESULT_ORDER_UNKNOWN, 0, out);
        return ORDO_RESULT_ORDER_UNKNOWN;
    }
    return answer_get(s, ordo_payment_at(s, payment)->order, out);
}

/* ---- pages: count and next stand before the views, and are known after them ---- */

#define PAGE_HEAD_MAX (2 * ORDO_VARINT_MAX)

struct page {
    uint8_t *room;
    uint8_t *views;
};

static struct page begin_page(struct ordo_writer *out)
{
    struct page page = {.room = ordo_write_room(out, PAGE_HEAD_MAX)};
    ORDO_ASSERT(page.room != NULL);
    page.views = out->at;
    return page;
}

static void
end_page(const struct page *page, uint64_t count, uint64_t next, struct ordo_writer *out)
{
    uint8_t bytes[PAGE_HEAD_MAX];
    size_t views_size = (size_t)(out->at - page->views);
    struct ordo_writer head = ordo_writer_over(bytes, sizeof(bytes));
    ordo_write_varint(&head, count);
    ordo_write_varint(&head, next);
    memcpy(page->room, bytes, ordo_writer_size(&head));
    memmove(page->room + ordo_writer_size(&head), page->views, views_size);
    out->at = page->room + ordo_writer_size(&head) + views_size;
}

/* ---- lists ---- */

#define ROWS_LOOKED_AT_MAX 4096 /* of other shops or placeholders, in one page */

static uint64_t mark_of(const struct ordo_state *s, uint32_t order)
{
    return order == 0 ? 0 : (uint64_t)ordo_order_at(s, order)->version << 32 | order;
}

static uint32_t next_order(const struct ordo_state *s, uint8_t state, uint32_t order)
{
    if (state != ORDO_STATE_NONE) {
        return s->links[order].next;
    }
    return order < ordo_head(s)->used[ORDO_TABLE_ORDER] ? order + 1 : 0;
}

/* The order to begin with: false when it has moved since the mark was given. */
static bool first_order(const struct ordo_state *s, uint8_t state, uint64_t after, uint32_t *order)
{
    uint32_t used = ordo_head(s)->used[ORDO_TABLE_ORDER];
    uint32_t row = (uint32_t)after;
    if (after == 0) {
        *order = state == ORDO_STATE_NONE ? (used == 0 ? 0 : 1) : s->lists[state].first;
        return true;
    }
    if (row == 0 || row > used) {
        return false;
    }
    *order = row;
    return state == ORDO_STATE_NONE ||
           (ordo_order_at(s, row)->state == state && mark_of(s, row) == after);
}

/* Views from *order on into out, as many as limit, room and patience allow; their count. *order is
 * then the one to go on with. */
static uint64_t list_page(
    const struct ordo_state *s,
    const struct ordo_list *list,
    uint32_t *order,
    struct ordo_writer *out)
{
    struct ordo_order_view view;
    uint8_t state = (uint8_t)list->state;
    uint64_t until_us = list->until_us == 0 ? UINT64_MAX : list->until_us;
    uint64_t limit = ordo_page_limit(list->limit);
    uint64_t count = 0;
    for (uint32_t i = 0; i < ROWS_LOOKED_AT_MAX && *order != 0 && count < limit; i++) {
        const struct ordo_order_row *o = ordo_order_at(s, *order);
        if (o->changed_us > until_us && state != ORDO_STATE_NONE) {
            *order = 0; /* those behind it changed later still */
            return count;
        }
        bool wanted = o->changed_us <= until_us && o->state != ORDO_STATE_NONE;
        if (o->shop == s->command.shop && wanted) {
            uint8_t *begin = out->at;
            view_order(s, *order, &view);
            ordo_order_view_encode(&view, out);
            if (out->failed) {
                out->failed = false;
                out->at = begin;
                return count;
            }
            count++;
        }
        *order = next_order(s, state, *order);
    }
    return count;
}

static uint16_t
answer_list(struct ordo_state *s, const struct ordo_list *list, struct ordo_writer *out)
{
    uint8_t state = (uint8_t)list->state;
    uint32_t order = 0;
    if (list->state >= ORDO_STATE_COUNT || !first_order(s, state, list->after, &order)) {
        put_result(s, ORDO_RESULT_LIST_MOVED, 0, out);
        return ORDO_RESULT_LIST_MOVED;
    }
    put_result(s, ORDO_RESULT_OK, 0, out);
    struct page page = begin_page(out);
    uint64_t count = list_page(s, list, &order, out);
    end_page(&page, count, mark_of(s, order), out);
    return ORDO_RESULT_OK;
}

/* ---- stock and head ---- */

static uint16_t answer_stock(struct ordo_state *s, uint64_t number, struct ordo_writer *out)
{
    uint32_t row = ordo_product_find(s, s->command.shop, number);
    if (row == 0) {
        put_result(s, ORDO_RESULT_PRODUCT_UNKNOWN, 0, out);
        return ORDO_RESULT_PRODUCT_UNKNOWN;
    }
    const struct ordo_product_row *p = ordo_product_at(s, row);
    uint64_t available = p->stock_mode == ORDO_STOCK_UNLIMITED ? UINT64_MAX : p->free;
    bool queued = p->backorder_first != 0 || p->wait_first != 0;
    struct ordo_stock_view view = {
        .product = p->product,
        .price = p->price,
        .currency = p->currency,
        .stock_mode = p->stock_mode,
        .imported = p->imported,
        .available = queued ? 0 : available,
        .held = p->held,
        .bound = p->bound,
        .revealed = p->revealed,
        .voided = p->voided,
        .backorders = p->backorder_count,
        .waiting = p->wait_count,
    };
    put_result(s, ORDO_RESULT_OK, 0, out);
    ordo_stock_view_encode(&view, out);
    return ORDO_RESULT_OK;
}

static uint16_t
answer_coupon(struct ordo_state *s, const struct ordo_coupon *query, struct ordo_writer *out)
{
    uint32_t row = ordo_coupon_find(s, s->command.shop, query->coupon);
    if (row == 0) {
        put_result(s, ORDO_RESULT_COUPON_UNKNOWN, 0, out);
        return ORDO_RESULT_COUPON_UNKNOWN;
    }
    const struct ordo_coupon_row *c = ordo_coupon_at(s, row);
    struct ordo_coupon_view view = {
        .coupon = ordo_coupon_text(c),
        .product = ordo_product_at(s, c->product)->product, /* row 0: every product */
        .discount = c->discount,
        .discount_share = c->discount_share,
        .uses_max = c->uses_max,
        .used = c->used,
        .returned = c->returned,
        .overdrawn = c->overdrawn,
        .valid_from_us = c->valid_from_us,
        .valid_until_us = c->valid_until_us,
    };
    put_result(s, ORDO_RESULT_OK, 0, out);
    ordo_coupon_view_encode(&view, out);
    return ORDO_RESULT_OK;
}

static uint64_t count_orders(const struct ordo_head_row *head)
{
    return head->used[ORDO_TABLE_ORDER] - head->orders_in[ORDO_STATE_NONE];
}

static uint16_t answer_head(struct ordo_state *s, struct ordo_writer *out)
{
    const struct ordo_head_row *head = ordo_head(s);
    struct ordo_head_view view = {
        .seq = head->seq,
        .update_seq = head->update_seq,
        .time_us = head->time_us,
        .orders = count_orders(head),
    };
    ordo_put_le64(view.stream_hash, head->stream_hash.low);
    ordo_put_le64(view.stream_hash + 8, head->stream_hash.high);
    put_result(s, ORDO_RESULT_OK, 0, out);
    ordo_head_view_encode(&view, out);
    return ORDO_RESULT_OK;
}

static uint16_t answer_settings(struct ordo_state *s, struct ordo_writer *out)
{
    const struct ordo_setting *setting;
    uint32_t count = 0;
    while (ordo_setting_at(count) != NULL) {
        count++;
    }
    put_result(s, ORDO_RESULT_OK, 0, out);
    ordo_write_varint(out, count);
    for (uint32_t i = 0; (setting = ordo_setting_at(i)) != NULL; i++) {
        ordo_write_varint(out, setting->key);
        ordo_write_zigzag(out, ordo_settings_get(ordo_settings_of(s), setting));
    }
    return ORDO_RESULT_OK;
}

/* ---- subscribers, and who waits ---- */

static uint16_t
answer_subscriber(struct ordo_state *s, struct ordo_bytes name, struct ordo_writer *out)
{
    struct ordo_subscriber_view view;
    uint64_t next;
    uint32_t row = ordo_subscriber_find(s, s->command.shop, name);
    uint16_t code = row == 0 ? ORDO_RESULT_SUBSCRIBER_UNKNOWN : ORDO_RESULT_OK;
    put_result(s, code, 0, out);
    if (row != 0 && s->command.kind == ORDO_KIND_PARKS) {
        struct page page = begin_page(out);
        uint64_t count = ordo_parks_page(s, row, &s->command.parks, &next, out);
        end_page(&page, count, next, out);
    } else if (row != 0) {
        ordo_subscriber_view(s, row, &view);
        ordo_subscriber_view_encode(&view, out);
    }
    return code;
}

static uint16_t answer_subscribers(struct ordo_state *s, struct ordo_writer *out)
{
    uint64_t next;
    put_result(s, ORDO_RESULT_OK, 0, out);
    struct page page = begin_page(out);
    uint64_t count = ordo_subscribers_page(s, &s->command.subscribers, &next, out);
    end_page(&page, count, next, out);
    return ORDO_RESULT_OK;
}

/* How each order stands, placeholders too: who waits is told of whatever is done with the number.
 */
static uint16_t
answer_wait(struct ordo_state *s, const struct ordo_wait *wait, struct ordo_writer *out)
{
    struct ordo_reader in = ordo_reader_over(wait->orders.raw.data, wait->orders.raw.size);
    put_result(s, ORDO_RESULT_OK, 0, out);
    ordo_write_varint(out, wait->orders.count);
    for (uint32_t i = 0; i < wait->orders.count; i++) {
        struct ordo_bytes order_id = ordo_read_bytes(&in, ORDO_ORDER_ID_MAX);
        uint32_t row = order_id.size == 0 ? 0 : ordo_order_find(s, s->command.shop, order_id);
        const struct ordo_order_row *o = ordo_order_at(s, row); /* row 0 is all zero */
        struct ordo_waited_view view = {
            .order_id = order_id, .state = o->state, .version = o->version, .seq = o->last_seq};
        ordo_waited_view_encode(&view, out);
    }
    ORDO_ASSERT(ordo_reader_done(&in));
    return ORDO_RESULT_OK;
}

uint16_t ordo_answer_query(struct ordo_state *s, struct ordo_writer *out)
{
    const struct ordo_command *command = &s->command;
    switch (command->kind) {
    case ORDO_KIND_GET:
    case ORDO_KIND_CARDS:
        return answer_about_order(s, ordo_command_order_id(command), out);
    case ORDO_KIND_LIST:
        return answer_list(s, &command->list, out);
    case ORDO_KIND_FIND:
        return answer_find(s, &command->find, out);
    case ORDO_KIND_STOCK:
        return answer_stock(s, command->stock.product, out);
    case ORDO_KIND_SETTINGS_GET:
        return answer_settings(s, out);
    case ORDO_KIND_COUPON:
        return answer_coupon(s, &command->coupon, out);
    case ORDO_KIND_SUBSCRIBER:
        return answer_subscriber(s, command->subscriber.subscriber, out);
    case ORDO_KIND_PARKS:
        return answer_subscriber(s, command->parks.subscriber, out);
    case ORDO_KIND_SUBSCRIBERS:
        return answer_subscribers(s, out);
    case ORDO_KIND_WAIT:
        return answer_wait(s, &command->wait, out);
    default:
        ORDO_ASSERT(command->kind == ORDO_KIND_HEAD);
        return answer_head(s, out);
    }
}

/* ---- for the stages and the audit ---- */

void ordo_state_head(const struct ordo_state *state, struct ordo_head_values *values)
{
    const struct ordo_head_row *head = ordo_head(state);
    *values = (struct ordo_head_values){
        .seq = head->seq,
        .update_seq = head->update_seq,
        .time_us = head->time_us,
        .stream_hash = head->stream_hash,
        .rules = (uint32_t)head->settings.rules,
    };
}

const struct ordo_settings_values *ordo_state_settings(const struct ordo_state *state)
{
    return ordo_settings_of(state);
}

void ordo_state_totals(const struct ordo_state *state, struct ordo_totals *totals)
{
    const struct ordo_head_row *head = ordo_head(state);
    memset(totals, 0, sizeof(*totals));
    totals->orders = count_orders(head);
    for (uint32_t i = ORDO_STATE_NONE + 1; i < ORDO_STATE_COUNT; i++) {
        totals->orders_in[i] = head->orders_in[i];
    }
    for (uint32_t row = 1; row <= head->used[ORDO_TABLE_PRODUCT]; row++) {
        const struct ordo_product_row *p = ordo_product_at(state, row);
        totals->cards_imported += p->imported;
        totals->cards_free += p->free;
        totals->cards_held += p->held;
        totals->cards_bound += p->bound;
        totals->cards_revealed += p->revealed;
        totals->cards_void += p->voided;
    }
    totals->facts = head->facts;
    memcpy(totals->facts_with, head->facts_with, sizeof(totals->facts_with));
    for (uint32_t row = 1; row <= head->used[ORDO_TABLE_BALANCE]; row++) {
        for (uint32_t i = 0; i < ORDO_ACCOUNT_COUNT; i++) {
            totals->accounts[i] += ordo_balance_at(state, row)->accounts[i];
        }
    }
}

bool ordo_state_balance(
    const struct ordo_state *state, uint32_t index, struct ordo_balance *balance)
{
    if (index >= ordo_head(state)->used[ORDO_TABLE_BALANCE]) {
        return false;
    }
    const struct ordo_balance_row *row = ordo_balance_at(state, index + 1);
    balance->channel = row->channel;
    balance->currency = row->currency;
    memcpy(balance->accounts, row->accounts, sizeof(balance->accounts));
    return true;
}
