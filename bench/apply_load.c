#include "bench/apply_load.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

/* A lifecycle is create, attempt, pay (PAID and ISSUING) and delivery-ack: four commands, five
 * transitions. A completed order makes room for a new one in its place. With a million live orders
 * every command misses the cache on its index slots, its rows and what hangs on them, as a server
 * in a flash sale does. Each order has a buyer of its own and one of sixteen products.
 */

#define PRODUCTS  16
#define PRICE     1999
#define CURRENCY  156
#define CHANNELS  4
#define CARD_SIZE 76 /* tag, nonce, seal and a key of 20 characters */
#define IMPORT    256

enum step { STEP_CREATE, STEP_ATTEMPT, STEP_PAY, STEP_ACK, STEP_COUNT };

static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Decimal digits of a fixed width: the numbers that shops and gateways use. */
static void put_digits(char *text, uint32_t width, uint64_t value)
{
    for (uint32_t i = width; i > 0; i--) {
        text[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
}

static struct ordo_bytes text_of(const char *text, uint32_t size)
{
    return (struct ordo_bytes){(const uint8_t *)text, size};
}

/* ---- one command ---- */

struct words {
    char order_id[20];
    char trade_no[28];
    uint8_t buyer[ORDO_ID_SIZE];
};

static void fill_words(struct words *w, uint32_t number)
{
    memcpy(w->order_id, "2026112300", 10);
    put_digits(w->order_id + 10, 10, number);
    memcpy(w->trade_no, "202611232200141000", 18);
    put_digits(w->trade_no + 18, 10, number);
    memset(w->buyer, 0, sizeof(w->buyer));
    ordo_put_le64(w->buyer, (uint64_t)number * 0x9e3779b97f4a7c15ull);
}

static void
fill_command(struct ordo_command *c, const struct words *w, uint32_t number, enum step step)
{
    static const uint8_t kinds[STEP_COUNT] = {
        ORDO_KIND_CREATE, ORDO_KIND_ATTEMPT, ORDO_KIND_FACT, ORDO_KIND_DELIVERY_ACK};
    memset(c, 0, sizeof(*c));
    struct ordo_bytes order_id = text_of(w->order_id, sizeof(w->order_id));
    struct ordo_bytes merchant = text_of("2088102146225135", 16);
    c->kind = kinds[step];
    switch (step) {
    case STEP_CREATE:
        c->create.order_id = order_id;
        c->create.buyer = (struct ordo_bytes){w->buyer, ORDO_ID_SIZE};
        c->create.product = 1 + number % PRODUCTS;
        c->create.quantity = 1;
        c->create.amount = PRICE;
        c->create.currency = CURRENCY;
        break;
    case STEP_ATTEMPT:
        c->attempt.order_id = order_id;
        c->attempt.channel = number % CHANNELS;
        c->attempt.merchant = merchant;
        c->attempt.amount = PRICE;
        c->attempt.currency = CURRENCY;
        break;
    case STEP_PAY:
        c->fact.fact = ORDO_FACT_PAY;
        c->fact.channel = number % CHANNELS;
        c->fact.merchant = merchant;
        c->fact.order_id = order_id;
        c->fact.trade_no = text_of(w->trade_no, sizeof(w->trade_no));
        c->fact.amount = PRICE;
        c->fact.currency = CURRENCY;
        c->fact.gateway_time_us = 1700000000000000ull + number;
        c->fact.verified_by = ORDO_VERIFIED_SIGNATURE;
        break;
    case STEP_ACK:
    case STEP_COUNT:
    default:
        c->delivery_ack.order_id = order_id;
        break;
    }
}

static struct ordo_bytes
encode(struct ordo_load *load, struct ordo_command *c, uint8_t *at, size_t size)
{
    struct ordo_writer w = ordo_writer_over(at, size);
    ordo_put_le64(c->id, ++load->ids * 0xff51afd7ed558ccdull);
    ordo_put_le64(c->id + 8, load->ids);
    ordo_command_encode(c, &w);
    ORDO_ASSERT(!w.failed);
    return (struct ordo_bytes){at, (uint32_t)ordo_writer_size(&w)};
}

static void make_next(struct ordo_load *load, uint32_t slot, uint32_t index)
{
    struct ordo_command c;
    struct words w;
    enum step step = load->steps[slot];
    if (step == STEP_CREATE) {
        load->numbers[slot] = ++load->orders_made;
    }
    fill_words(&w, load->numbers[slot]);
    fill_command(&c, &w, load->numbers[slot], step);
    uint8_t *at = load->bytes + (size_t)index * ORDO_LOAD_COMMAND_SIZE;
    load->commands[index] = encode(load, &c, at, ORDO_LOAD_COMMAND_SIZE);
    load->steps[slot] = (uint8_t)((step + 1) % STEP_COUNT);
}

bool ordo_load_make(struct ordo_load *load)
{
    if (load->orders_max - load->orders_made < ORDO_LOAD_BLOCK) {
        return false;
    }
    for (uint32_t i = 0; i < ORDO_LOAD_BLOCK; i++) {
        make_next(load, (uint32_t)((draw(&load->seed) >> 32) * load->live >> 32), i);
    }
    load->time_us += 1000;
    return true;
}

/* ---- applying ---- */

static void apply_one(struct ordo_load *load, struct ordo_bytes command)
{
    struct ordo_applied applied;
    struct ordo_writer out = ordo_writer_over(load->outcome, sizeof(load->outcome));
    ordo_apply(load->state, load->time_us, command, &out, &applied);
    load->updates += applied.update_count;
    load->refused += applied.code != ORDO_RESULT_OK ? 1 : 0;
    load->decided++;
    if (load->hearer != NULL) {
        struct ordo_bytes outcome = {load->outcome, (uint32_t)ordo_writer_size(&out)};
        load->hearer->hear(load->hearer->context, load->time_us, command, outcome, &applied);
    }
}

void ordo_load_apply(struct ordo_load *load)
{
    for (uint32_t i = 0; i < ORDO_APPLY_AHEAD; i++) {
        ordo_apply_prefetch(load->state, load->commands[i]);
    }
    for (uint32_t i = 0; i < ORDO_LOAD_BLOCK; i++) {
        if (i + ORDO_APPLY_AHEAD < ORDO_LOAD_BLOCK) {
            ordo_apply_prefetch(load->state, load->commands[i + ORDO_APPLY_AHEAD]);
        }
        apply_one(load, load->commands[i]);
    }
}

/* ---- setting up ---- */

/* Every setting, as the first command of a journal has them. */
static void put_genesis(struct ordo_load *load, const struct ordo_settings_values *values)
{
    uint8_t bytes[ORDO_SETTINGS_MAX * 2 * ORDO_VARINT_MAX];
    struct ordo_writer pairs = ordo_writer_over(bytes, sizeof(bytes));
    struct ordo_command c = {.kind = ORDO_KIND_SETTINGS};
    const struct ordo_setting *setting;
    uint32_t count = 0;
    for (; (setting = ordo_setting_at(count)) != NULL; count++) {
        ordo_write_varint(&pairs, setting->key);
        ordo_write_zigzag(&pairs, ordo_settings_get(values, setting));
    }
    ORDO_ASSERT(!pairs.failed);
    c.settings.pairs.raw = (struct ordo_bytes){bytes, (uint32_t)ordo_writer_size(&pairs)};
    c.settings.pairs.count = count;
    apply_one(load, encode(load, &c, load->bytes, ORDO_COMMAND_SIZE_MAX));
}

static void put_products(struct ordo_load *load)
{
    for (uint32_t product = 1; product <= PRODUCTS; product++) {
        struct ordo_command c = {.kind = ORDO_KIND_PRODUCT_PUT};
        c.product_put.product = product;
        c.product_put.price = PRICE;
        c.product_put.currency = CURRENCY;
        c.product_put.stock_mode = ORDO_STOCK_CARDS;
        c.product_put.hold_ttl_s = 604800; /* nothing expires here */
        apply_one(load, encode(load, &c, load->bytes, ORDO_LOAD_COMMAND_SIZE));
    }
}

static void import_cards(struct ordo_load *load, uint32_t product, uint32_t *number)
{
    uint8_t *list = load->bytes;
    uint8_t *command = load->bytes + (size_t)IMPORT * (CARD_SIZE + 2);
    struct ordo_writer w = ordo_writer_over(list, (size_t)IMPORT * (CARD_SIZE + 2));
    for (uint32_t i = 0; i < IMPORT; i++) {
        uint8_t card[CARD_SIZE] = {0};
        ordo_put_le64(card, (uint64_t)++ * number * 0x9e3779b97f4a7c15ull);
        ordo_write_bytes(&w, (struct ordo_bytes){card, sizeof(card)});
    }
    struct ordo_command c = {.kind = ORDO_KIND_CARD_IMPORT};
    c.card_import.product = product;
    c.card_import.cards.raw = (struct ordo_bytes){list, (uint32_t)ordo_writer_size(&w)};
    c.card_import.cards.count = IMPORT;
    apply_one(load, encode(load, &c, command, ORDO_COMMAND_SIZE_MAX));
}

static uint32_t cards_for(uint32_t orders_max)
{
    uint32_t turn = PRODUCTS * IMPORT;
    return (orders_max / turn + 1) * turn;
}

struct ordo_settings_values ordo_load_settings(uint32_t orders_max)
{
    struct ordo_settings_values v;
    ordo_settings_standard(&v);
    v.orders_max = orders_max;
    v.products_max = PRODUCTS;
    v.cards_max = cards_for(orders_max);
    v.secret_bytes_max = (int64_t)cards_for(orders_max) * 64;
    v.payments_max = orders_max + 2;
    v.buyers_max = orders_max;
    v.balances_max = CHANNELS;
    v.merchants_max = CHANNELS;
    v.extras_max = 16; /* no coupon, no second key, no wait */
    v.coupons_max = 1;
    v.channels_max = 1;
    /* four an order, the imports, and the part that is kept for facts */
    v.ids_max = (int64_t)orders_max * 4 + orders_max / 4 + 1000;
    return v;
}

enum ordo_err ordo_load_open(
    struct ordo_load *load,
    struct ordo_arena *arena,
    uint32_t live,
    uint32_t orders_max,
    struct ordo_fail *fail)
{
    return ordo_load_open_heard(load, arena, live, orders_max, NULL, fail);
}

enum ordo_err ordo_load_open_heard(
    struct ordo_load *load,
    struct ordo_arena *arena,
    uint32_t live,
    uint32_t orders_max,
    const struct ordo_load_hearer *hearer,
    struct ordo_fail *fail)
{
    struct ordo_settings_values v = ordo_load_settings(orders_max);
    memset(load, 0, sizeof(*load));
    load->live = live;
    load->orders_max = orders_max;
    load->seed = 88172645463325252ull;
    load->time_us = 1700000000 * ORDO_US_PER_S;
    enum ordo_err err = ordo_state_create(arena, &v, &load->state, fail);
    void *memory[3] = {NULL};
    const size_t sizes[3] = {4, 1, ORDO_LOAD_COMMAND_SIZE};
    const size_t counts[3] = {live, live, ORDO_LOAD_BLOCK};
    for (uint32_t i = 0; i < 3 && err == ORDO_OK; i++) {
        err = ordo_arena_alloc(arena, "load", counts[i], sizes[i], &memory[i]);
    }
    if (err != ORDO_OK) {
        return err;
    }
    load->numbers = memory[0];
    load->steps = memory[1];
    load->bytes = memory[2];
    load->hearer = hearer;
    if (hearer != NULL) {
        put_genesis(load, &v);
    }
    put_products(load);
    uint32_t number = 0;
    while (number < cards_for(orders_max)) {
        import_cards(load, 1 + number / IMPORT % PRODUCTS, &number);
    }
    /* every live order is made once and then some of them go on: all steps are met from the start
     */
    for (uint32_t slot = 0; slot < live; slot++) {
        uint32_t steps = 1 + (uint32_t)(draw(&load->seed) >> 32) % (STEP_COUNT - 1);
        for (uint32_t i = 0; i < steps; i++) {
            make_next(load, slot, 0);
            apply_one(load, load->commands[0]);
        }
    }
    return ORDO_OK;
}

void ordo_load_complete(struct ordo_load *load)
{
    for (uint32_t slot = 0; slot < load->live; slot++) {
        while (load->steps[slot] != STEP_CREATE) {
            make_next(load, slot, 0);
            apply_one(load, load->commands[0]);
        }
    }
}

/* ---- the limit ---- */

#define BARE_BATCH 32

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15ull;
    return x ^ x >> 29;
}

static uint32_t bare_find(const struct ordo_bare *bare, uint64_t key)
{
    uint32_t at = (uint32_t)mix(key) & (bare->slots - 1);
    while (bare->index[at] >> 32 != key) {
        at = (at + 1) & (bare->slots - 1);
    }
    return (uint32_t)bare->index[at];
}

enum ordo_err ordo_bare_open(struct ordo_bare *bare, struct ordo_arena *arena, uint32_t live)
{
    void *index = NULL;
    void *rows = NULL;
    uint32_t slots = 1;
    while (slots < live * 2) {
        slots *= 2;
    }
    enum ordo_err err = ordo_arena_alloc(arena, "bare index", slots, 8, &index);
    if (err == ORDO_OK) {
        err = ordo_arena_alloc(arena, "bare rows", live, 64, &rows);
    }
    if (err != ORDO_OK) {
        return err;
    }
    *bare = (struct ordo_bare){
        .index = index, .rows = rows, .slots = slots, .live = live, .seed = 88172645463325252ull};
    for (uint64_t key = 1; key <= live; key++) {
        uint32_t at = (uint32_t)mix(key) & (slots - 1);
        while (bare->index[at] != 0) {
            at = (at + 1) & (slots - 1);
        }
        bare->index[at] = key << 32 | (key - 1);
    }
    memset(bare->rows, 1, (size_t)live * 64);
    return ORDO_OK;
}

void ordo_bare_run(struct ordo_bare *bare, uint32_t count)
{
    for (uint32_t done = 0; done < count; done += BARE_BATCH) {
        uint64_t keys[BARE_BATCH];
        uint32_t found[BARE_BATCH];
        for (uint32_t i = 0; i < BARE_BATCH; i++) {
            keys[i] = ((draw(&bare->seed) >> 32) * bare->live >> 32) + 1;
            __builtin_prefetch(&bare->index[(uint32_t)mix(keys[i]) & (bare->slots - 1)]);
        }
        for (uint32_t i = 0; i < BARE_BATCH; i++) {
            found[i] = bare_find(bare, keys[i]);
            __builtin_prefetch(&bare->rows[(size_t)found[i] * 8], 1);
        }
        for (uint32_t i = 0; i < BARE_BATCH; i++) {
            uint64_t *row = &bare->rows[(size_t)found[i] * 8];
            row[1] = (row[1] + 1) & 7;
            bare->sink += row[1];
        }
    }
}
