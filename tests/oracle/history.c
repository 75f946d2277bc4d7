/* The frame of a history: its taste, its time, ids and repetitions. */
#include "history.h"

#define START_US   1700000000000000ull
#define DAYS_MAX   20 /* a history ends well within the horizon of ids */
#define DAY_US     (86400 * O_SECOND)
#define SETUP_SIZE 24 /* the first commands are mostly about products */

static uint64_t next_random(struct history *h)
{
    uint64_t z = (h->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t history_below(struct history *h, uint32_t bound)
{
    return bound == 0 ? 0 : (uint32_t)((next_random(h) >> 32) * bound >> 32);
}

bool history_chance(struct history *h, uint32_t of_64)
{
    return history_below(h, 64) < of_64;
}

struct ordo_bytes history_text(struct history *h, const char *prefix, uint32_t number)
{
    char *text = h->texts[h->text_count++ % 64];
    uint32_t size = 0;
    while (prefix[size] != 0) {
        text[size] = prefix[size];
        size++;
    }
    char digits[12];
    uint32_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    while (count > 0) {
        text[size++] = digits[--count];
    }
    return (struct ordo_bytes){(const uint8_t *)text, size};
}

struct ordo_settings_values history_settings(void)
{
    struct ordo_settings_values v;
    ordo_settings_standard(&v);
    v.orders_max = 128;
    v.products_max = 16;
    v.cards_max = O_CARDS_MAX;
    v.secret_bytes_max = 1 << 19;
    v.payments_max = 4096;
    v.ids_max = 4096;
    v.buyers_max = 512;
    v.balances_max = 64;
    v.merchants_max = 256; /* 12 of 4 channels in 2 shops */
    v.extras_max = 256;
    v.coupons_max = 32;
    v.channels_max = 32;
    v.subscribers_max = 4;
    v.parks_max = 9;
    return v;
}

static void make_crowd(struct history *h)
{
    h->crowd = true;
    h->orders = HISTORY_ORDERS_MAX;
    h->length = 200 + history_below(h, 400);
    h->products = 1 + history_below(h, 3);
    h->plenty = history_below(h, 3);
    h->import_max = ORDO_IMPORT_MAX;
    h->pace = history_below(h, 4);
    h->weight_sum += 300;
    h->weights[ORDO_KIND_CREATE] += 300;
    for (uint32_t i = 0; i < O_PRODUCTS_MAX; i++) {
        h->modes[i] = history_below(h, 2) * ORDO_STOCK_COUNTED;
    }
}

/* Relative frequency of the kinds; a history leaves some out and overdoes others. */
static const uint8_t usual[HISTORY_KINDS] = {
    [ORDO_KIND_SETTINGS] = 2,        [ORDO_KIND_PRODUCT_PUT] = 3,  [ORDO_KIND_CARD_IMPORT] = 4,
    [ORDO_KIND_CREATE] = 24,         [ORDO_KIND_ATTEMPT] = 10,     [ORDO_KIND_FACT] = 34,
    [ORDO_KIND_CANCEL] = 4,          [ORDO_KIND_DELIVERY_ACK] = 6, [ORDO_KIND_TICK] = 14,
    [ORDO_KIND_RESUME] = 1,          [ORDO_KIND_CONTINUE] = 3,     [ORDO_KIND_EXTEND] = 3,
    [ORDO_KIND_RELEASE] = 3,         [ORDO_KIND_ISSUE] = 4,        [ORDO_KIND_MARK_PAID] = 4,
    [ORDO_KIND_ACCEPT] = 4,          [ORDO_KIND_REFUND] = 6,       [ORDO_KIND_FREEZE] = 3,
    [ORDO_KIND_UNFREEZE] = 3,        [ORDO_KIND_NOTE] = 2,         [ORDO_KIND_REPLACE] = 3,
    [ORDO_KIND_RECALL] = 3,          [ORDO_KIND_CARD_VOID] = 2,    [ORDO_KIND_COUPON_PUT] = 2,
    [ORDO_KIND_CHANNEL_PUT] = 2,     [ORDO_KIND_CHAIN] = 4,        [ORDO_KIND_SUBSCRIBER_PUT] = 2,
    [ORDO_KIND_SUBSCRIBER_ACK] = 3,  [ORDO_KIND_PARK] = 3,         [ORDO_KIND_UNPARK] = 2,
    [ORDO_KIND_SUBSCRIBER_DROP] = 1,
};

void history_begin(struct history *h, uint64_t seed, uint64_t number)
{
    uint8_t *bytes = h->bytes;
    memset(h, 0, sizeof(*h));
    h->bytes = bytes;
    h->random = seed * 0x9e3779b97f4a7c15u + number * 0xd1342543de82ef95u;
    h->begin_us = h->time_us = START_US;
    for (uint32_t kind = 0; kind < HISTORY_KINDS; kind++) {
        bool always = kind == ORDO_KIND_CREATE || kind == ORDO_KIND_FACT;
        uint32_t dice = history_below(h, 16);
        uint32_t factor = always ? 4 : dice < 4 ? 0 : dice == 15 ? 16 : 4;
        h->weights[kind] = usual[kind] * factor;
        h->weight_sum += h->weights[kind];
    }
    static const uint32_t orders[] = {3, 10, 24, HISTORY_ORDERS_MAX};
    static const uint32_t quantities[] = {1, 2, 3, 8, ORDO_QUANTITY_MAX};
    static const uint32_t imports[] = {2, 8, 32, ORDO_IMPORT_MAX};
    static const uint32_t paces_of_orders[] = {4, 8, 12, 30};
    h->orders = 1 + history_below(h, orders[history_below(h, 4)]);
    h->length =
        SETUP_SIZE + h->orders * (3 + history_below(h, paces_of_orders[history_below(h, 4)]));
    h->length = h->length < HISTORY_COMMANDS_MAX ? h->length : HISTORY_COMMANDS_MAX;
    h->buyers = 1 + history_below(h, 12);
    h->second_keys = history_below(h, 4);
    h->products = 1 + history_below(h, 4);
    h->channels = 1 + history_below(h, 4);
    h->merchants = 1 + history_below(h, history_chance(h, 8) ? 12 : 3);
    h->coupons = history_below(h, 4);
    h->quantity_max = quantities[history_below(h, 5)];
    h->plenty = history_chance(h, 16) ? UINT32_MAX : h->quantity_max * history_below(h, 4);
    h->import_max = imports[history_below(h, history_chance(h, 4) ? 4 : 3)];
    h->pace = history_below(h, 6);
    h->adversity = history_chance(h, 32) ? 1 + history_below(h, 4) : history_below(h, 16);
    h->options_mask = (uint32_t)next_random(h) | (uint32_t)next_random(h);
    if (history_chance(h, 2)) { /* a storm of attempts: an order may have 16 */
        h->channels = 4;
        h->merchants = 12;
        h->weight_sum += 200 - h->weights[ORDO_KIND_ATTEMPT];
        h->weights[ORDO_KIND_ATTEMPT] = 200;
    }
    for (uint32_t i = 0; i < O_PRODUCTS_MAX; i++) {
        h->modes[i] = history_chance(h, 32) ? history_below(h, 2) * 3 : history_below(h, 5);
    }
    if (history_chance(h, 6)) {
        make_crowd(h);
    }
}

void history_read(const struct history *h, uint32_t index, struct ordo_command *command)
{
    const struct history_item *item = &h->items[index];
    bool whole =
        ordo_command_decode((struct ordo_bytes){h->bytes + item->offset, item->size}, command);
    ORDO_ASSERT(whole);
}

/* ---- time ---- */

static void let_time_pass(struct history *h, const struct oracle *o)
{
    static const uint64_t paces[] = {
        1, 20000, O_SECOND, 20 * O_SECOND, 300 * O_SECOND, 7200 * O_SECOND};
    uint64_t step = 0;
    if (history_chance(h, 48)) {
        step = (paces[h->pace] * history_below(h, 1000)) / 500;
    }
    uint64_t next = oracle_next_deadline_us(o);
    if (next != UINT64_MAX && next > h->time_us && history_chance(h, 1 + h->pace)) {
        step = next - h->time_us + history_below(h, 3) - 1; /* just before, at and after it */
    } else if (history_chance(h, 1) && history_chance(h, 16)) {
        step = DAY_US / 2 + DAY_US * history_below(h, 3);
    }
    if (h->time_us + step <= h->begin_us + DAYS_MAX * DAY_US) {
        h->time_us += step;
    }
}

/* ---- commands ---- */

static uint8_t next_kind(struct history *h, const struct oracle *o)
{
    static const uint8_t setup[] = {
        ORDO_KIND_SETTINGS,
        ORDO_KIND_PRODUCT_PUT,
        ORDO_KIND_PRODUCT_PUT,
        ORDO_KIND_PRODUCT_PUT,
        ORDO_KIND_CARD_IMPORT,
        ORDO_KIND_CARD_IMPORT,
        ORDO_KIND_COUPON_PUT,
        ORDO_KIND_CHANNEL_PUT,
    };
    if (h->count < SETUP_SIZE && history_chance(h, 48)) {
        return setup[history_below(h, sizeof(setup))];
    }
    uint32_t dice = history_below(h, h->weight_sum);
    uint8_t kind = 0;
    if (o->t.order_count == 0 && !history_chance(h, 1)) {
        return ORDO_KIND_CREATE;
    }
    while (dice >= h->weights[kind]) {
        dice -= h->weights[kind++];
    }
    return kind;
}

static void append(struct history *h, struct ordo_command *command)
{
    struct history_item *item = &h->items[h->count];
    struct ordo_writer w = ordo_writer_over(h->bytes + h->used, HISTORY_BYTES_MAX - h->used);
    ordo_command_encode(command, &w);
    ORDO_ASSERT(!w.failed);
    *item = (struct history_item){
        .time_us = h->time_us, .offset = h->used, .size = (uint32_t)ordo_writer_size(&w)};
    if (command->kind == ORDO_KIND_FACT) {
        struct ordo_bytes bytes = {w.begin, item->size};
        ordo_command_content_hash(bytes, command->content_size, w.begin + 1);
    }
    h->used += item->size;
    h->count++;
}

static bool has_id(uint8_t kind)
{
    return ordo_kind_has_client_id(kind) && !ordo_kind_is_internal(kind);
}

/* A command that was there comes again: as it was, from another shop, or another one with its id.
 */
static bool repeat(struct history *h, struct ordo_command *command)
{
    if (h->count == 0 || !history_chance(h, 1 + h->adversity / 4)) {
        return false;
    }
    uint32_t back = history_chance(h, 32) ? history_below(h, 4) : history_below(h, h->count);
    struct ordo_command before;
    history_read(h, h->count - 1 - (back < h->count ? back : 0), &before);
    if (history_chance(h, 40)) {
        *command = before;
        command->shop ^= history_chance(h, 4) ? 1 : 0;
        return true;
    }
    if (has_id(before.kind) && has_id(command->kind)) {
        memcpy(command->id, before.id, ORDO_ID_SIZE);
        return true;
    }
    return false;
}

/* The first command of every journal: all settings as they are. */
static void append_genesis(struct history *h)
{
    struct ordo_command command = {.kind = ORDO_KIND_SETTINGS};
    struct ordo_settings_values values = history_settings();
    struct ordo_writer w = ordo_writer_over(h->blob, sizeof(h->blob));
    uint32_t count = 0;
    for (; ordo_setting_at(count) != NULL; count++) {
        ordo_write_varint(&w, ordo_setting_at(count)->key);
        ordo_write_zigzag(&w, ordo_settings_get(&values, ordo_setting_at(count)));
    }
    command.settings.pairs.raw = (struct ordo_bytes){h->blob, (uint32_t)ordo_writer_size(&w)};
    command.settings.pairs.count = count;
    ordo_put_le64(command.id, ++h->next_id);
    append(h, &command);
}

void history_next(struct history *h, struct oracle *o)
{
    struct ordo_command command;
    if (h->count == 0) {
        append_genesis(h);
        return;
    }
    memset(&command, 0, sizeof(command));
    ORDO_ASSERT(h->count < HISTORY_COMMANDS_MAX);
    let_time_pass(h, o);
    command.kind = next_kind(h, o);
    command.shop = history_chance(h, 1) ? 1 : 0;
    h->text_count = 0;
    history_make(h, o, &command);
    if (!repeat(h, &command) && has_id(command.kind) &&
        !(history_chance(h, 1) && history_chance(h, h->adversity))) {
        ordo_put_le64(command.id, ++h->next_id);
        ordo_put_le64(command.id + 8, 77);
    }
    append(h, &command);
}
