/* The frame of the oracle: identity, the effects of a command, settings and the dump. What the
 * commands do stands in oracle_orders.c (lives of orders), oracle_stock.c (products and units),
 * oracle_money.c (payment facts), oracle_verbs.c (operators) and oracle_readers.c (subscribers).
 *
 * A command touches orders; each is in the answer once, the command's own first. Versions and flags
 * are read at the end, so that an effect says how the order is after the command.
 */
#include "oracle_parts.h"

#include <stdlib.h>

struct oracle *oracle_create(const struct ordo_settings_values *settings)
{
    struct oracle *o = calloc(1, sizeof(*o));
    if (o != NULL) {
        o->settings = *settings;
    }
    return o;
}

void oracle_reset(struct oracle *o, const struct ordo_settings_values *settings)
{
    struct o_tables *t = &o->t;
    memset(t->orders, 0, t->order_count * sizeof(t->orders[0]));
    memset(t->payments, 0, t->payment_count * sizeof(t->payments[0]));
    memset(t->cards, 0, t->card_count * sizeof(t->cards[0]));
    memset(t->products, 0, sizeof(t->products));
    memset(t->coupons, 0, sizeof(t->coupons));
    memset(t->balances, 0, sizeof(t->balances));
    t->order_count = t->payment_count = t->card_count = t->balance_count = 0;
    t->place = 0;
    o->settings = *settings;
    o->seq = o->now = 0;
    memset(o->subscribers, 0, sizeof(o->subscribers));
    o->park_count = 0;
    o->updates = 0;
    o->product_count = o->coupon_count = o->channel_count = o->id_count = o->noted_count = 0;
}

uint64_t oracle_events_seen(const struct oracle *o, uint32_t event)
{
    return o->events_seen[event];
}

/* ---- words of all parts ---- */

void o_text(char *to, size_t size, struct ordo_bytes from)
{
    ORDO_ASSERT(from.size < size);
    memset(to, 0, size);
    if (from.size != 0) {
        memcpy(to, from.data, from.size);
    }
}

bool o_is(const char *text, struct ordo_bytes bytes)
{
    return ordo_bytes_equal(
        (struct ordo_bytes){(const uint8_t *)text, (uint32_t)strlen(text)}, bytes);
}

struct o_order *o_find_order(struct oracle *o, uint32_t shop, struct ordo_bytes id)
{
    for (uint32_t i = 0; i < o->t.order_count; i++) {
        if (o->t.orders[i].shop == shop && o_is(o->t.orders[i].id, id)) {
            return &o->t.orders[i];
        }
    }
    return NULL;
}

struct o_order *o_new_order(struct oracle *o, uint32_t shop, struct ordo_bytes id)
{
    ORDO_ASSERT(o->t.order_count < O_ORDERS_MAX);
    struct o_order *order = &o->t.orders[o->t.order_count++];
    memset(order, 0, sizeof(*order));
    order->shop = shop;
    o_text(order->id, sizeof(order->id), id);
    order->created_us = o->now;
    (void)o_touch(o, order);
    return order;
}

struct oracle_effect *o_touch(struct oracle *o, struct o_order *order)
{
    struct oracle_answer *answer = o->answer;
    for (uint32_t i = 0; i < answer->effect_count; i++) {
        if (answer->effects[i].order_id == order->id) {
            return &answer->effects[i];
        }
    }
    ORDO_ASSERT(answer->effect_count < ORDO_TRANSITIONS_MAX);
    struct oracle_effect *effect = &answer->effects[answer->effect_count++];
    effect->shop = order->shop;
    effect->order_id = order->id;
    effect->own = false;
    effect->prev_seq = order->last_seq;
    effect->transition_count = 0;
    effect->card_count = 0;
    order->last_seq = o->seq;
    return effect;
}

uint32_t o_transitions(const struct oracle *o)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < o->answer->effect_count; i++) {
        count += o->answer->effects[i].transition_count;
    }
    return count;
}

void o_name_card(struct oracle *o, struct o_order *order, uint64_t card)
{
    struct oracle_effect *effect = o_touch(o, order);
    ORDO_ASSERT(effect->card_count < ORDO_CARDS_MAX);
    effect->cards[effect->card_count++] = card;
}

/* Not one that only facts have named. */
bool o_is_known(const struct o_order *order)
{
    return order->created || order->state != ORDO_STATE_NONE;
}

bool o_is_unpaid(const struct o_order *order)
{
    return order->state == ORDO_STATE_PENDING || order->state == ORDO_STATE_PAYING ||
           order->state == ORDO_STATE_PAY_FAILED;
}

bool o_is_honoured(const struct o_order *order)
{
    return order->state == ORDO_STATE_PAID || order->state == ORDO_STATE_BACKORDER ||
           order->state == ORDO_STATE_ISSUING || order->state == ORDO_STATE_COMPLETED;
}

/* What the table says to a verb by number of order. */
uint16_t o_may(const struct o_order *order, enum ordo_event event)
{
    uint8_t state = order == NULL ? ORDO_STATE_NONE : order->state;
    const struct ordo_cell *cell = ordo_machine_cell(state, event);
    if (cell->action != ORDO_CELL_REFUSE) {
        return order == NULL ? ORDO_RESULT_ORDER_UNKNOWN : ORDO_RESULT_OK;
    }
    bool waits = order != NULL && (order->flags & ORDO_FLAG_WAITING) != 0;
    return waits && cell->code == ORDO_RESULT_ORDER_UNKNOWN ? ORDO_RESULT_ORDER_WAITS : cell->code;
}

/* The event happens; it was not refused. Returns the cell's disposition. */
uint8_t o_event(struct oracle *o, struct o_order *order, enum ordo_event event)
{
    const struct ordo_cell *cell = ordo_machine_cell(order->state, event);
    ORDO_ASSERT(cell->action == ORDO_CELL_MOVE || cell->action == ORDO_CELL_STAY);
    struct oracle_effect *effect = o_touch(o, order);
    o->events_seen[event]++;
    if (cell->action == ORDO_CELL_MOVE) {
        bool was_unpaid = o_is_unpaid(order);
        bool moved = order->state != cell->to;
        effect->transitions[effect->transition_count++] =
            (struct ordo_transition){.from = order->state, .to = cell->to, .cause = o->kind};
        order->state = cell->to;
        order->version++;
        order->changed_us = o->now;
        if (moved && !(was_unpaid && o_is_unpaid(order))) {
            order->deadline_us = 0;
        }
    }
    return cell->disposition;
}

/* ---- one command ---- */

static uint16_t settings(struct oracle *o, const struct ordo_settings *s)
{
    struct ordo_settings_values after = o->settings;
    struct ordo_reader in = ordo_reader_over(s->pairs.raw.data, s->pairs.raw.size);
    for (uint32_t i = 0; i < s->pairs.count; i++) {
        const struct ordo_setting *setting = ordo_setting_of(ordo_read_varint(&in));
        int64_t value = ordo_read_zigzag(&in);
        if (setting == NULL) {
            return ORDO_RESULT_SETTING_UNKNOWN;
        }
        if (setting->capacity && o->seq > 1) {
            return ORDO_RESULT_SETTING_FIXED;
        }
        if (value < setting->min || value > setting->max) {
            return ORDO_RESULT_SETTING_RANGE;
        }
        ORDO_ASSERT(ordo_settings_set(&after, setting, value) == ORDO_OK);
    }
    o->settings = after;
    return ORDO_RESULT_OK;
}

static uint16_t decide(struct oracle *o, const struct ordo_command *c, struct o_order *own)
{
    uint32_t shop = c->shop;
    if (o_is_readers(c->kind)) {
        return o_reader(o, c);
    }
    switch (c->kind) {
    case ORDO_KIND_SETTINGS:
        return settings(o, &c->settings);
    case ORDO_KIND_PRODUCT_PUT:
        return o_product_put(o, shop, &c->product_put);
    case ORDO_KIND_CARD_IMPORT:
        return o_card_import(o, shop, &c->card_import);
    case ORDO_KIND_COUPON_PUT:
        return o_coupon_put(o, shop, &c->coupon_put);
    case ORDO_KIND_CHANNEL_PUT:
        return o_channel_put(o, shop, &c->channel_put);
    case ORDO_KIND_CREATE:
        return o_create(o, shop, &c->create);
    case ORDO_KIND_CHAIN:
        return o_chain(o, shop, &c->chain);
    case ORDO_KIND_ATTEMPT:
        return o_attempt(o, own, &c->attempt);
    case ORDO_KIND_FACT:
        return o_fact(o, shop, &c->fact);
    case ORDO_KIND_CANCEL:
        return o_cancel(o, own);
    case ORDO_KIND_DELIVERY_ACK:
        return o_delivery_ack(o, own);
    case ORDO_KIND_EXTEND:
        return o_extend(o, own, c->extend.hold_ttl_s);
    case ORDO_KIND_RELEASE:
        return o_release(o, shop, c->release.order_id);
    case ORDO_KIND_TICK:
        o_tick(o, c->tick.now_us);
        return ORDO_RESULT_OK;
    case ORDO_KIND_RESUME:
        o_resume(o, c->resume.now_us);
        return ORDO_RESULT_OK;
    case ORDO_KIND_CONTINUE:
        return ORDO_RESULT_OK;
    default:
        return o_verb(o, c);
    }
}

static void content_of(const struct ordo_command *command, uint8_t content[ORDO_ID_SIZE])
{
    static uint8_t bytes[ORDO_COMMAND_SIZE_MAX];
    struct ordo_command copy = *command;
    struct ordo_writer w = ordo_writer_over(bytes, sizeof(bytes));
    ordo_command_encode(&copy, &w);
    ORDO_ASSERT(!w.failed);
    ordo_command_content_hash(
        (struct ordo_bytes){bytes, (uint32_t)ordo_writer_size(&w)}, copy.content_size, content);
}

static struct o_id *find_id(struct oracle *o, const uint8_t id[ORDO_ID_SIZE])
{
    for (uint32_t i = 0; i < o->id_count; i++) {
        if (memcmp(o->ids[i].id, id, ORDO_ID_SIZE) == 0) {
            return &o->ids[i];
        }
    }
    return NULL;
}

static uint16_t compare_id(const struct o_id *known, const struct o_id *asked)
{
    if (known->kind != asked->kind) {
        return ORDO_RESULT_ID_KIND;
    }
    if (known->shop != asked->shop) {
        return ORDO_RESULT_ID_SHOP;
    }
    bool same = memcmp(known->content, asked->content, ORDO_ID_SIZE) == 0;
    return same ? ORDO_RESULT_OK : ORDO_RESULT_ID_CONTENT;
}

/* Refused before anybody looked for the order. */
static bool names_no_order(uint16_t code)
{
    return (code >= ORDO_RESULT_ID_KIND && code <= ORDO_RESULT_ID_CONTENT) ||
           code == ORDO_RESULT_FACT_INVALID || code == ORDO_RESULT_FACT_UNVERIFIED ||
           code == ORDO_RESULT_OPERATOR_MISSING || code == ORDO_RESULT_REASON_MISSING;
}

static void finish(struct oracle *o, const struct ordo_command *c, uint16_t code)
{
    struct oracle_answer *answer = o->answer;
    struct o_order *own =
        names_no_order(code) ? NULL : o_find_order(o, c->shop, ordo_command_order_id(c));
    answer->result = (struct ordo_result){
        .seq = o->seq, .code = code, .disposition = o->disposition, .version = o->number};
    if (own != NULL) {
        answer->result.state = own->state;
        answer->result.version = own->version;
    }
    for (uint32_t i = 0; i < answer->effect_count; i++) {
        struct oracle_effect *effect = &answer->effects[i];
        const struct o_order *order = NULL;
        for (uint32_t k = 0; k < o->t.order_count; k++) {
            order = o->t.orders[k].id == effect->order_id ? &o->t.orders[k] : order;
        }
        ORDO_ASSERT(order != NULL);
        effect->own = order == own;
        effect->version = order->version;
        effect->flags = order->flags;
    }
}

void oracle_apply(
    struct oracle *o,
    uint64_t time_us,
    const struct ordo_command *command,
    struct oracle_answer *answer)
{
    struct o_id asked = {.kind = command->kind, .shop = command->shop};
    memcpy(asked.id, command->id, ORDO_ID_SIZE);
    ORDO_ASSERT(time_us >= o->now);
    o->now = time_us;
    o->kind = command->kind;
    o->answer = answer;
    o->disposition = 0;
    o->number = 0;
    answer->effect_count = answer->posting_count = 0;
    answer->journaled = false;
    bool no_id = ordo_kind_is_internal(command->kind) || command->kind == ORDO_KIND_SUBSCRIBER_ACK;
    struct o_id *known = no_id ? NULL : find_id(o, command->id);
    if (!no_id) {
        static const uint8_t none[ORDO_ID_SIZE];
        if (memcmp(command->id, none, ORDO_ID_SIZE) == 0) {
            answer->result = (struct ordo_result){.code = ORDO_RESULT_ID_MISSING};
            return;
        }
        content_of(command, asked.content);
    }
    if (known != NULL && compare_id(known, &asked) == ORDO_RESULT_OK) {
        answer->result = known->result;
        return;
    }
    answer->journaled = true;
    o->seq++;
    struct o_order *own = o_find_order(o, command->shop, ordo_command_order_id(command));
    if (own != NULL && o_is_known(own)) {
        (void)o_touch(o, own);
    }
    uint16_t code = known != NULL ? compare_id(known, &asked) : decide(o, command, own);
    if (names_no_order(code)) {
        for (uint32_t i = 0; i < answer->effect_count; i++) {
            own->last_seq = answer->effects[i].prev_seq;
        }
        answer->effect_count = 0;
    }
    if (code == ORDO_RESULT_OK && !o_is_readers(command->kind)) {
        o_serve(o);
    }
    finish(o, command, code);
    o->updates += o_transitions(o);
    if (!no_id && known == NULL) {
        ORDO_ASSERT(o->id_count < O_IDS_MAX);
        asked.result = answer->result;
        o->ids[o->id_count++] = asked;
    }
}
