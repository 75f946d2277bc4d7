#include "order/parts.h"

#include <string.h>

/* create = hold: everything is checked, in a fixed order so that equal refusals have equal codes,
 * and then everything is done (life.c). A placeholder row of the order's number, made by a payment
 * that came first, is taken over. An order that can have its units only later, and may wait, joins
 * the queue of its product instead.
 *
 * A chain (chain.c) asks for each of its members as if those before it were done. Nothing is done
 * until all are checked, so the checks add what the earlier members will have taken to what the
 * tables say. For a create of its own that sum is over nothing.
 */

/* ---- what earlier members of the chain take ---- */

struct taken {
    uint64_t uses;   /* of the coupon */
    uint64_t bought; /* units of the product for the same buyer, */
    uint64_t held;   /* of them unpaid */
    uint64_t second; /* unpaid units under the same second key */
    uint64_t units;  /* of the product that are free no more, */
    uint64_t unpaid; /* of them unpaid */
    uint32_t buyers; /* rows */
    uint32_t extras;
    uint32_t orders;
    bool buyer_made;  /* the row of the same buyer is there then, */
    bool second_made; /* and that of the second key */
};

/* A hold takes units away from what is free. */
static bool is_used_up(const struct ordo_product_row *p)
{
    return p->stock_mode == ORDO_STOCK_CARDS || p->stock_mode == ORDO_STOCK_PRESELECT ||
           p->stock_mode == ORDO_STOCK_COUNTED;
}

static bool same_second_key(const struct ordo_create *a, const struct ordo_create *b)
{
    return a->second_key.size != 0 && ordo_bytes_equal(a->second_key, b->second_key);
}

static void add_taken(
    const struct ordo_state *s,
    const struct ordo_create_case *c,
    const struct ordo_create_case *earlier,
    struct taken *taken)
{
    const struct ordo_product_row *p = ordo_product_at(s, c->product);
    uint64_t quantity = earlier->create->quantity;
    uint64_t unpaid = earlier->paid ? 0 : quantity;
    bool keeps_second = earlier->makes_second && !earlier->paid;
    taken->buyers += (uint32_t)earlier->makes_buyer + (uint32_t)keeps_second;
    taken->extras += earlier->makes_extra;
    taken->orders += earlier->order == 0;
    taken->uses += c->coupon != 0 && earlier->coupon == c->coupon;
    if (earlier->product != c->product) {
        return;
    }
    if (ordo_id_equal(earlier->create->buyer.data, c->create->buyer.data)) {
        taken->bought += quantity;
        taken->held += unpaid;
        taken->buyer_made = true;
    }
    if (!earlier->paid && same_second_key(earlier->create, c->create)) {
        taken->second += quantity;
        taken->second_made = true;
    }
    bool takes = (p->options & ORDO_PRODUCT_HOLD_AT_PAY) == 0 || earlier->paid;
    if (takes && is_used_up(p)) {
        taken->units += quantity;
        taken->unpaid += unpaid;
    }
}

static struct taken sum_taken(const struct ordo_state *s, const struct ordo_create_case *c)
{
    struct taken taken = {.uses = 0};
    for (uint32_t i = 0; i < c->earlier_count; i++) {
        add_taken(s, c, &c->earlier[i], &taken);
    }
    return taken;
}

/* ---- what is wanted ---- */

static uint16_t check_coupon(
    const struct ordo_state *s, const struct ordo_create_case *c, const struct taken *taken)
{
    if (c->create->coupon.size == 0) {
        return ORDO_RESULT_OK;
    }
    if (c->coupon == 0) {
        return ORDO_RESULT_COUPON_UNKNOWN;
    }
    const struct ordo_coupon_row *coupon = ordo_coupon_at(s, c->coupon);
    bool begun = s->now_us >= coupon->valid_from_us;
    bool over = coupon->valid_until_us != 0 && s->now_us >= coupon->valid_until_us;
    if ((coupon->product != 0 && coupon->product != c->product) || !begun || over) {
        return ORDO_RESULT_COUPON_NOT_VALID;
    }
    uint64_t uses = coupon->used - coupon->returned + taken->uses;
    return uses >= coupon->uses_max ? ORDO_RESULT_COUPON_SPENT : ORDO_RESULT_OK;
}

/* Price less coupon. No step overflows: a price is at most 10^15 and a quantity at most 64. */
static int64_t amount_of(const struct ordo_state *s, const struct ordo_create_case *c)
{
    int64_t total = ordo_product_at(s, c->product)->price * (int64_t)c->create->quantity;
    const struct ordo_coupon_row *coupon = ordo_coupon_at(s, c->coupon); /* row 0: no discount */
    int64_t share = coupon->discount_share;
    int64_t off = total / 10000 * share + total % 10000 * share / 10000;
    ORDO_ASSERT(off >= 0 && off <= total);
    int64_t amount = total - off - coupon->discount;
    return amount > 0 ? amount : 0;
}

static uint16_t check_card(const struct ordo_state *s, const struct ordo_create_case *c)
{
    uint64_t card = c->create->card;
    if (card == 0) {
        return ORDO_RESULT_OK;
    }
    if (ordo_product_at(s, c->product)->stock_mode != ORDO_STOCK_PRESELECT) {
        return ORDO_RESULT_STOCK_MODE;
    }
    if (c->create->quantity != 1) {
        return ORDO_RESULT_QUANTITY_INVALID;
    }
    bool is_card = card <= ordo_head(s)->used[ORDO_TABLE_CARD];
    return is_card && ordo_card_at(s, (uint32_t)card)->product == c->product
               ? ORDO_RESULT_OK
               : ORDO_RESULT_CARD_UNKNOWN;
}

static uint16_t
check_sale(const struct ordo_state *s, const struct ordo_create_case *c, const struct taken *taken)
{
    const struct ordo_product_row *p = ordo_product_at(s, c->product);
    const struct ordo_create *create = c->create;
    if ((p->options & ORDO_PRODUCT_CLOSED) != 0) {
        return ORDO_RESULT_PRODUCT_CLOSED;
    }
    if (create->quantity == 0 || create->quantity > ORDO_QUANTITY_MAX) {
        return ORDO_RESULT_QUANTITY_INVALID;
    }
    if (create->currency != p->currency) {
        return ORDO_RESULT_CURRENCY_MISMATCH;
    }
    uint16_t code = check_coupon(s, c, taken);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    if (create->amount != amount_of(s, c)) {
        return ORDO_RESULT_AMOUNT_MISMATCH;
    }
    code = check_card(s, c);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    if (create->second_key.size != 0 && create->second_key.size != ORDO_ID_SIZE) {
        return ORDO_RESULT_SECOND_KEY_INVALID;
    }
    if (s->now_us < p->sale_from_us) {
        return ORDO_RESULT_SALE_NOT_OPEN;
    }
    bool over = p->sale_until_us != 0 && s->now_us >= p->sale_until_us;
    return over ? ORDO_RESULT_SALE_OVER : ORDO_RESULT_OK;
}

/* ---- limits ---- */

struct rows {
    uint32_t buyer;
    uint32_t second;
};

static struct rows find_rows(const struct ordo_state *s, const struct ordo_create_case *c)
{
    struct rows rows = {ordo_buyer_find(s, c->product, c->create->buyer.data), 0};
    if (c->create->second_key.size != 0) {
        rows.second = ordo_buyer_find(s, c->product | ORDO_SECOND_KEY, c->create->second_key.data);
    }
    return rows;
}

static bool
is_share_held(const struct ordo_product_row *p, uint64_t quantity, const struct taken *taken)
{
    bool at_create = (p->options & ORDO_PRODUCT_HOLD_AT_PAY) == 0;
    if (p->held_share == 0 || !at_create || !is_used_up(p)) {
        return false;
    }
    ORDO_ASSERT(p->free >= taken->units); /* else an earlier member had been refused */
    uint64_t unpaid = p->held_unpaid + taken->unpaid;
    uint64_t for_sale = p->free - taken->units + unpaid;
    return unpaid + quantity > for_sale * p->held_share / 10000;
}

static uint16_t check_limits(
    const struct ordo_state *s,
    const struct ordo_create_case *c,
    const struct rows *rows,
    const struct taken *taken)
{
    const struct ordo_product_row *p = ordo_product_at(s, c->product);
    const struct ordo_settings_values *settings = ordo_settings_of(s);
    const struct ordo_buyer_row *buyer = ordo_buyer_at(s, rows->buyer); /* row 0 is all zero */
    uint64_t wanted = c->create->quantity;
    uint64_t bought = wanted + taken->bought + buyer->held + buyer->paid;
    if (p->purchase_cap != 0 && bought > p->purchase_cap) {
        return ORDO_RESULT_PURCHASE_CAP;
    }
    if (c->create->amount == 0) {
        return ORDO_RESULT_OK; /* nothing is held unpaid */
    }
    uint64_t quota = (uint64_t)settings->buyer_quota;
    if (quota != 0 && wanted + taken->held + buyer->held > quota) {
        return ORDO_RESULT_HOLD_QUOTA;
    }
    uint64_t second_quota = (uint64_t)settings->second_key_quota;
    uint64_t second_held = ordo_buyer_at(s, rows->second)->held + taken->second;
    if (second_quota != 0 && c->create->second_key.size != 0 &&
        wanted + second_held > second_quota) {
        return ORDO_RESULT_SECOND_KEY_QUOTA;
    }
    return is_share_held(p, wanted, taken) ? ORDO_RESULT_HELD_SHARE : ORDO_RESULT_OK;
}

/* ---- stock ---- */

struct gone {
    uint32_t count;
    uint32_t cards[ORDO_CARDS_MAX]; /* a chain has no more units */
};

static bool is_gone(const struct gone *gone, uint64_t card)
{
    for (uint32_t i = 0; i < gone->count; i++) {
        if (gone->cards[i] == card) {
            return true;
        }
    }
    return false;
}

/* Adds the cards that the create gets: the named one, or the first that nobody before it has. */
static void
add_gone(const struct ordo_state *s, const struct ordo_create_case *earlier, struct gone *gone)
{
    if (earlier->create->card != 0) {
        gone->cards[gone->count++] = (uint32_t)earlier->create->card;
        return;
    }
    uint32_t card = ordo_product_at(s, earlier->product)->free_first;
    uint64_t wanted = earlier->create->quantity;
    for (; wanted != 0 && card != 0; card = ordo_card_at(s, card)->next) {
        if (!is_gone(gone, card)) {
            gone->cards[gone->count++] = card;
            wanted--;
        }
    }
    ORDO_ASSERT(wanted == 0); /* else it had been refused */
}

static bool is_named_gone(const struct ordo_state *s, const struct ordo_create_case *c)
{
    struct gone gone = {.count = 0};
    for (uint32_t i = 0; i < c->earlier_count; i++) {
        if (c->earlier[i].product == c->product) {
            add_gone(s, &c->earlier[i], &gone);
        }
    }
    return is_gone(&gone, c->create->card);
}

static uint16_t
check_stock(const struct ordo_state *s, struct ordo_create_case *c, const struct taken *taken)
{
    const struct ordo_product_row *p = ordo_product_at(s, c->product);
    if (c->create->card != 0) {
        bool free = ordo_card_at(s, (uint32_t)c->create->card)->state == ORDO_CARD_FREE;
        bool open = free && ordo_stock_open(p, 1) && !is_named_gone(s, c);
        return open ? ORDO_RESULT_OK : ORDO_RESULT_CARD_TAKEN;
    }
    if (ordo_stock_open(p, c->create->quantity + taken->units)) {
        return ORDO_RESULT_OK;
    }
    bool queued = p->stock_mode == ORDO_STOCK_CARDS || p->stock_mode == ORDO_STOCK_COUNTED;
    bool at_create = (p->options & ORDO_PRODUCT_HOLD_AT_PAY) == 0;
    c->waits = c->create->wait_s != 0 && queued && at_create;
    return c->waits ? ORDO_RESULT_OK : ORDO_RESULT_STOCK_SHORT;
}

/* ---- capacities ---- */

/* An order that its payment gives units may have to wait for them then: it has its row in time. */
static bool needs_extra(const struct ordo_state *s, const struct ordo_create_case *c)
{
    const struct ordo_create *create = c->create;
    bool at_pay = (ordo_product_at(s, c->product)->options & ORDO_PRODUCT_HOLD_AT_PAY) != 0;
    return c->coupon != 0 || create->second_key.size != 0 || create->card != 0 || c->waits ||
           at_pay;
}

static uint16_t check_room(
    const struct ordo_state *s,
    struct ordo_create_case *c,
    const struct rows *rows,
    const struct taken *taken)
{
    bool has_second = c->create->second_key.size != 0;
    c->makes_buyer = rows->buyer == 0 && !taken->buyer_made;
    c->makes_second = has_second && rows->second == 0 && !taken->second_made;
    c->makes_extra = needs_extra(s, c) && ordo_order_at(s, c->order)->extra == 0;
    uint32_t buyers = taken->buyers + (uint32_t)c->makes_buyer + (uint32_t)c->makes_second;
    if (!ordo_buyer_rows_left(s, buyers)) {
        return ORDO_RESULT_FULL_BUYERS;
    }
    if (ordo_rows_left(s, ORDO_TABLE_EXTRA) < taken->extras + c->makes_extra) {
        return ORDO_RESULT_FULL_EXTRAS;
    }
    uint64_t orders = (uint64_t)ordo_head(s)->used[ORDO_TABLE_ORDER] + taken->orders;
    bool full = c->order == 0 && orders >= (uint64_t)ordo_settings_of(s)->orders_max;
    return full ? ORDO_RESULT_FULL_ORDERS : ORDO_RESULT_OK;
}

/* ---- check and do ---- */

uint16_t ordo_create_check(const struct ordo_state *s, struct ordo_create_case *c)
{
    uint16_t code = ordo_create_compare(s, c);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    c->product = ordo_product_find(s, s->command.shop, c->create->product);
    if (c->product == 0) {
        return ORDO_RESULT_PRODUCT_UNKNOWN;
    }
    if (c->create->coupon.size != 0) {
        c->coupon = ordo_coupon_find(s, s->command.shop, c->create->coupon);
    }
    struct taken taken = sum_taken(s, c);
    code = check_sale(s, c, &taken);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    struct rows rows = find_rows(s, c);
    code = check_limits(s, c, &rows, &taken);
    if (code == ORDO_RESULT_OK) {
        code = check_stock(s, c, &taken);
    }
    return code == ORDO_RESULT_OK ? check_room(s, c, &rows, &taken) : code;
}

static void fill_extra(struct ordo_state *s, uint32_t order, const struct ordo_create_case *c)
{
    struct ordo_extra_row *extra = ordo_extra_edit(s, ordo_extra_take(s, order));
    extra->coupon = c->coupon;
    extra->card = (uint32_t)c->create->card;
    extra->hold_ttl_s = c->waits ? (uint32_t)c->create->hold_ttl_s : 0;
    ordo_coupon_use(s, order);
}

static void wait_for_unit(struct ordo_state *s, uint32_t order, uint64_t wait_s)
{
    ORDO_ASSERT(
        ordo_machine_cell(ordo_order_at(s, order)->state, ORDO_EVENT_WAIT)->action ==
        ORDO_CELL_STAY);
    ordo_order_flag(s, order, ORDO_FLAG_WAITING);
    ordo_queue_join(s, order, ORDO_QUEUE_WAIT);
    ordo_deadline_set(s, order, s->now_us + wait_s * 1000000);
}

void ordo_create_do(struct ordo_state *s, const struct ordo_create_case *c, bool own)
{
    const struct ordo_create *create = c->create;
    uint32_t order = c->order;
    if (order == 0) {
        order = ordo_order_add(s, s->command.shop, create->order_id);
    }
    struct ordo_order_row *o = ordo_order_edit(s, order);
    memcpy(o->buyer, create->buyer.data, ORDO_ID_SIZE);
    o->product = c->product;
    o->quantity = (uint8_t)create->quantity;
    o->amount = create->amount;
    o->created_us = s->now_us;
    struct ordo_effect *effect = ordo_effect_begin(s, order, own);
    if (needs_extra(s, c)) {
        fill_extra(s, order, c);
    }
    ordo_buyer_hold(s, order, create->second_key);
    if (c->waits) {
        wait_for_unit(s, order, create->wait_s);
    } else {
        ordo_order_admit(s, effect, order, (uint32_t)create->hold_ttl_s);
    }
    ordo_effect_end(s, effect, order);
}

uint16_t ordo_decide_create(struct ordo_state *s, const struct ordo_create *create)
{
    struct ordo_create_case c = {.create = create};
    uint16_t code = ordo_create_check(s, &c);
    if (c.known) {
        struct ordo_effect *effect = ordo_effect_begin(s, c.order, true);
        ordo_effect_end(s, effect, c.order);
    } else if (code == ORDO_RESULT_OK) {
        ordo_create_do(s, &c, true);
    }
    return code;
}
