/* Goal: outcomes, query bodies and settings survive their bytes exactly, random bytes never harm,
 * and the largest outcome fits.
 * Method: random values there and back; damaged and random bytes decode to false or to something
 * that encodes to the same bytes. Replay: ORDO_SEED=n codec_test */
#include "shop.h"

#include "base/hash.h"

#include <criterion/criterion.h>
#include <stdio.h>

static uint64_t seed;

static void begin_seed(void)
{
    const char *given = getenv("ORDO_SEED");
    seed = given == NULL ? 20261123 : strtoull(given, NULL, 10);
    fprintf(stderr, "seed=%llu\n", (unsigned long long)seed);
}

static uint64_t draw(uint64_t max)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    uint64_t shift = (seed >> 40) % 64; /* small numbers as often as large ones */
    return max == UINT64_MAX ? seed >> shift : (seed >> shift) % (max + 1);
}

TestSuite(codec, .init = begin_seed);

static const char order_id[] = "0123456789abcdef0123456789abcdef";

static struct ordo_command command_of(const char *id)
{
    struct ordo_command command = {.kind = ORDO_KIND_CANCEL, .shop = UINT32_MAX};
    command.cancel.order_id = text(id);
    return command;
}

static void fill_outcome(struct ordo_outcome *o, uint64_t seq, bool largest)
{
    memset(o, 0, sizeof(*o));
    o->result.seq = largest || draw(1) ? seq : draw(seq - 1);
    o->result.code = (uint16_t)(largest ? UINT16_MAX : draw(1000));
    o->result.state = (uint8_t)draw(ORDO_STATE_COUNT - 1);
    o->result.disposition = (uint8_t)draw(ORDO_DISPOSITION_COUNT - 1);
    o->result.version = (uint32_t)(largest ? UINT32_MAX : draw(UINT32_MAX));
    o->effect_count = (uint32_t)(largest ? ORDO_TRANSITIONS_MAX : draw(ORDO_TRANSITIONS_MAX));
    for (uint32_t i = 0; i < o->effect_count; i++) {
        struct ordo_effect *e = &o->effects[i];
        e->own = !largest && i == 0;
        e->shop = UINT32_MAX;
        e->order_id = text(order_id);
        e->prev_seq = largest ? 1 : draw(seq - 1);
        e->flags = (uint32_t)(largest ? UINT32_MAX : draw(UINT32_MAX));
        e->transition_first = o->transition_count;
        e->transition_count = largest ? 1 : (uint32_t)draw(16 - o->transition_count);
        o->transition_count += e->transition_count;
        e->version = largest ? UINT32_MAX : e->transition_count + (uint32_t)draw(1000);
        e->card_first = o->card_count;
        e->card_count = largest ? 4 : (uint32_t)draw(64 - o->card_count);
        o->card_count += e->card_count;
    }
    for (uint32_t i = 0; i < o->transition_count; i++) {
        o->transitions[i] =
            (struct ordo_transition){(uint8_t)draw(11), (uint8_t)draw(11), (uint8_t)draw(127)};
    }
    for (uint32_t i = 0; i < o->card_count; i++) {
        o->cards[i] = largest ? UINT64_MAX : draw(UINT64_MAX);
    }
    o->posting_count = (uint32_t)(largest ? ORDO_POSTINGS_MAX : draw(ORDO_POSTINGS_MAX));
    for (uint32_t i = 0; i < o->posting_count; i++) {
        o->postings[i] = (struct ordo_posting){
            .channel = largest ? UINT32_MAX : (uint32_t)draw(255),
            .currency = largest ? UINT32_MAX : (uint32_t)draw(9999),
            .account = (uint8_t)draw(ORDO_ACCOUNT_COUNT - 1),
            .amount = largest ? INT64_MIN : (int64_t)draw(UINT64_MAX),
        };
    }
}

static size_t encode(const struct ordo_outcome *o, uint64_t seq, uint8_t *bytes)
{
    struct ordo_writer w = ordo_writer_over(bytes, ORDO_OUTCOME_SIZE_MAX);
    ordo_outcome_encode(o, seq, &w);
    cr_assert(!w.failed);
    return ordo_writer_size(&w);
}

Test(codec, an_outcome_survives_its_bytes_and_no_longer_ones)
{
    static struct ordo_outcome in;
    static struct ordo_outcome out;
    static uint8_t bytes[ORDO_OUTCOME_SIZE_MAX + 1];
    static uint8_t again[ORDO_OUTCOME_SIZE_MAX];
    struct ordo_command command = command_of(order_id);
    for (int i = 0; i < 5000; i++) {
        uint64_t seq = 2 + draw(UINT64_MAX - 2);
        fill_outcome(&in, seq, false);
        uint32_t size = (uint32_t)encode(&in, seq, bytes);
        memset(&out, 0, sizeof(out));
        cr_assert(ordo_outcome_decode((struct ordo_bytes){bytes, size}, seq, &command, &out));
        cr_assert_eq(encode(&out, seq, again), size);
        cr_assert_eq(memcmp(bytes, again, size), 0);
        cr_assert_eq(memcmp(&in.result, &out.result, sizeof(in.result)), 0);
        cr_assert_eq(memcmp(in.cards, out.cards, sizeof(in.cards)), 0);
        cr_assert_eq(memcmp(in.transitions, out.transitions, sizeof(in.transitions)), 0);
        for (uint32_t e = 0; e < in.effect_count; e++) {
            cr_assert_eq(in.effects[e].prev_seq, out.effects[e].prev_seq);
            cr_assert_eq(in.effects[e].version, out.effects[e].version);
            cr_assert(ordo_bytes_equal(in.effects[e].order_id, out.effects[e].order_id));
        }
        bytes[size] = 0;
        cr_assert(!ordo_outcome_decode((struct ordo_bytes){bytes, size + 1}, seq, &command, &out));
        cr_assert(!ordo_outcome_decode((struct ordo_bytes){bytes, size - 1}, seq, &command, &out));
    }
}

Test(codec, whatever_decodes_is_canonical)
{
    static struct ordo_outcome out;
    static uint8_t bytes[ORDO_OUTCOME_SIZE_MAX];
    static uint8_t again[ORDO_OUTCOME_SIZE_MAX];
    struct ordo_command command = command_of(order_id);
    uint32_t accepted = 0;
    for (int i = 0; i < 200000; i++) {
        uint64_t seq = 2 + draw(100);
        uint32_t size = 0;
        if (i % 2 == 0) {
            size = (uint32_t)draw(40);
            for (uint32_t j = 0; j < size; j++) {
                bytes[j] = (uint8_t)draw(draw(1) ? 255 : 3);
            }
        } else {
            fill_outcome(&out, seq, false);
            size = (uint32_t)encode(&out, seq, bytes);
            bytes[draw(size - 1)] ^= (uint8_t)(1u << draw(7));
        }
        if (ordo_outcome_decode((struct ordo_bytes){bytes, size}, seq, &command, &out)) {
            accepted++;
            cr_assert_eq(encode(&out, seq, again), size);
            cr_assert_eq(memcmp(bytes, again, size), 0);
        }
    }
    cr_expect_gt(accepted, 1000);
}

Test(codec, the_largest_outcome_fits)
{
    static struct ordo_outcome o;
    static uint8_t bytes[ORDO_OUTCOME_SIZE_MAX];
    fill_outcome(&o, UINT64_MAX, true);
    o.result.seq = UINT64_MAX - 1;
    cr_assert_eq(o.card_count, ORDO_CARDS_MAX);
    cr_assert_eq(o.transition_count, ORDO_TRANSITIONS_MAX);
    size_t size = encode(&o, UINT64_MAX, bytes);
    cr_expect_leq(size, ORDO_OUTCOME_SIZE_MAX);
    fprintf(stderr, "largest outcome: %zu bytes\n", size);
}

static uint64_t next_update;

static void check_update(void *context, const struct ordo_update *update)
{
    struct ordo_outcome *o = context;
    uint8_t bytes[ORDO_UPDATE_SIZE_MAX];
    cr_expect_eq(update->update_seq, next_update++);
    cr_expect_eq(update->version, 9 + (update->update_seq - 100));
    cr_expect_eq(update->seq, o->result.seq);
    cr_expect_eq(ordo_update_bytes(update, bytes), 41 + 32);
    cr_expect_eq(ordo_get_le64(bytes), update->update_seq);
    cr_expect_eq(bytes[40], 32);
    struct ordo_hash128 h = ordo_update_hash((struct ordo_hash128){1, 2}, update);
    struct ordo_hash128 g = ordo_hash_chain((struct ordo_hash128){1, 2}, bytes, 73);
    cr_expect(h.low == g.low && h.high == g.high);
}

Test(codec, each_transition_is_an_update_with_a_version_of_its_own)
{
    static struct ordo_outcome o;
    o.result.seq = 55;
    o.effect_count = 1;
    o.transition_count = 2;
    o.effects[0] = (struct ordo_effect){
        .own = true, .order_id = text(order_id), .version = 10, .transition_count = 2};
    next_update = 100;
    ordo_outcome_updates(&o, 7, 100, check_update, &o);
    cr_expect_eq(next_update, 102);
}

Test(codec, settings_have_names_keys_and_ranges)
{
    struct ordo_settings_values v;
    ordo_settings_standard(&v);
    uint32_t count = 0;
    for (; ordo_setting_at(count) != NULL; count++) {
        const struct ordo_setting *s = ordo_setting_at(count);
        cr_expect_eq(ordo_setting_of(s->key), s);
        cr_expect_eq(ordo_setting_named(s->name), s);
        cr_expect_eq(ordo_settings_get(&v, s), s->standard);
        cr_expect_eq(ordo_settings_set(&v, s, s->max), ORDO_OK);
        cr_expect_eq(ordo_settings_get(&v, s), s->max);
        cr_expect_eq(ordo_settings_set(&v, s, s->max + 1), ORDO_ERR_LIMIT);
        cr_expect_eq(ordo_settings_set(&v, s, s->min - 1), ORDO_ERR_LIMIT);
        cr_expect_eq(ordo_settings_get(&v, s), s->max);
    }
    cr_expect_eq(count * sizeof(int64_t), sizeof(v));
    cr_expect_null(ordo_setting_of(12345));
    cr_expect_null(ordo_setting_named("no"));
}

Test(codec, random_commands_do_no_harm_and_leave_the_state_right)
{
    static struct shop shop;
    shop_open(&shop, NULL);
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_CARDS), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 1, 1, 20), ORDO_RESULT_OK);
    char name[48];
    for (int i = 0; i < 30000; i++) {
        if (i % 4 == 0) {
            (void)snprintf(name, sizeof(name), "o%d", i % 200);
            make_create(&shop, name, 1, 1 + (uint32_t)draw(3));
            shop_new_id(&shop, shop.command.id);
        } else if (i % 4 == 1) {
            make_fact(&shop, 1 + (uint8_t)draw(4), "o4", "t", (int64_t)draw(2000));
        }
        shop_encode(&shop);
        uint32_t flips = (uint32_t)draw(3);
        for (uint32_t j = 0; j < flips; j++) {
            shop.command_bytes[17 + draw(shop.command_size - 18)] = (uint8_t)draw(255);
        }
        struct ordo_bytes bytes = {shop.command_bytes, shop.command_size - (draw(9) == 0)};
        struct ordo_writer w = ordo_writer_over(shop.outcome_bytes, ORDO_OUTCOME_SIZE_MAX);
        ordo_apply_prefetch(shop.state, bytes);
        ordo_apply(shop.state, shop.time_us, bytes, &w, &shop.applied);
    }
    shop_check(&shop);
    shop_close(&shop);
}

/* The longest answers: 64 cards of the largest size, and pages of orders. */
Test(codec, the_largest_answers_fit)
{
    static struct shop shop;
    struct ordo_settings_values v = shop_small();
    v.secret_bytes_max = 1 << 22;
    shop_open(&shop, &v);
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_CARDS), ORDO_RESULT_OK);
    for (uint32_t i = 0; i < 40; i++) {
        cr_assert_eq(add_large_cards(&shop, 1, 1 + i * 32, 32), ORDO_RESULT_OK);
    }
    char name[48];
    for (uint32_t i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "0123456789abcdef0123456789%u", i + 100000);
        cr_assert_eq(create(&shop, name, i, 64), ORDO_RESULT_OK);
    }
    cr_assert_eq(pay(&shop, name, "t", 64 * PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(shop.outcome.card_count, 64);
    shop.command.kind = ORDO_KIND_CARDS;
    shop.command.cards.order_id = text(name);
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    fprintf(stderr, "64 cards: %zu bytes\n", shop.outcome_size);
    cr_expect_leq(shop.outcome_size, ORDO_QUERY_SIZE_MAX);
    shop_close(&shop);
}

static uint32_t list_all(struct shop *shop, uint8_t state, uint32_t limit, uint32_t *pages)
{
    uint64_t next = 0;
    uint32_t count = 0;
    *pages = 0;
    do {
        memset(&shop->command, 0, sizeof(shop->command));
        shop->command.kind = ORDO_KIND_LIST;
        shop->command.list.state = state;
        shop->command.list.after = next;
        shop->command.list.limit = limit;
        cr_assert_eq(shop_send(shop), ORDO_RESULT_OK);
        uint64_t page = ordo_read_varint(&shop->body);
        next = ordo_read_varint(&shop->body);
        for (uint64_t i = 0; i < page; i++) {
            struct ordo_order_view view;
            ordo_order_view_decode(&shop->body, &view);
            cr_assert(!shop->body.failed);
            cr_assert(state == 0 || view.state == state);
            count++;
        }
        cr_assert(ordo_reader_done(&shop->body));
        (*pages)++;
        cr_assert_lt(*pages, 1000);
    } while (next != 0);
    return count;
}

Test(codec, lists_are_paged_and_whole)
{
    static struct shop shop;
    uint32_t pages;
    shop_open(&shop, NULL);
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_CARDS), ORDO_RESULT_OK);
    for (uint32_t i = 0; i < 15; i++) {
        cr_assert_eq(add_cards(&shop, 1, 1 + i * 256, 256), ORDO_RESULT_OK);
    }
    cr_expect_eq(list_all(&shop, 0, 256, &pages), 0);
    char name[48];
    for (uint32_t i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "o%u", i);
        cr_assert_eq(create(&shop, name, i, 1 + i % 4), ORDO_RESULT_OK);
        if (i % 4 == 0) {
            cr_assert_eq(cancel(&shop, name), ORDO_RESULT_OK);
        }
    }
    cr_assert_eq(pay(&shop, "orphan", "t", 1), ORDO_DISPOSITION_ORPHAN);
    cr_expect_eq(list_all(&shop, 0, 256, &pages), 1000);
    cr_expect_eq(pages, 4);
    cr_expect_eq(list_all(&shop, 0, 0, &pages), 1000, "a limit that was left out");
    cr_expect_eq(pages, 4);
    cr_expect_eq(list_all(&shop, ORDO_STATE_PENDING, 100, &pages), 750);
    cr_expect_eq(pages, 8);
    cr_expect_eq(list_all(&shop, ORDO_STATE_CANCELLED, 256, &pages), 250);
    cr_expect_eq(list_all(&shop, ORDO_STATE_REFUNDED, 1, &pages), 0);
    shop.command.list.state = ORDO_STATE_PENDING;
    shop.command.list.limit = 5;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    (void)ordo_read_varint(&shop.body);
    uint64_t mark = ordo_read_varint(&shop.body);
    (void)snprintf(name, sizeof(name), "o%u", (uint32_t)mark - 1);
    cr_assert_eq(cancel(&shop, name), ORDO_RESULT_OK);
    memset(&shop.command, 0, sizeof(shop.command));
    shop.command.kind = ORDO_KIND_LIST;
    shop.command.list.state = ORDO_STATE_PENDING;
    shop.command.list.after = mark;
    shop.command.list.limit = 5;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_LIST_MOVED);
    shop_check(&shop);
    shop_close(&shop);
}

static struct ordo_command draw_member(uint8_t bytes[ORDO_MEMBER_MAX])
{
    static const char letters[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct ordo_command member = {.kind = ORDO_KIND_CREATE};
    for (uint32_t i = 0; i < ORDO_ID_SIZE; i++) {
        bytes[i] = (uint8_t)draw(255);
    }
    member.create = (struct ordo_create){
        .order_id = {(const uint8_t *)letters, (uint32_t)draw(ORDO_ORDER_ID_MAX)},
        .buyer = {bytes, ORDO_ID_SIZE},
        .product = draw(UINT32_MAX),
        .quantity = draw(UINT32_MAX),
        .amount = (int64_t)draw(ORDO_AMOUNT_MAX),
        .currency = draw(9999),
        .hold_ttl_s = draw(604800),
        .coupon = {(const uint8_t *)letters, (uint32_t)draw(ORDO_COUPON_MAX)},
        .second_key = {bytes, (uint32_t)draw(ORDO_ID_SIZE)},
        .card = draw(UINT64_MAX),
        .wait_s = draw(604800),
        .trace = {(const uint8_t *)letters, (uint32_t)draw(ORDO_TRACE_MAX)},
    };
    return member;
}

/* A member is a create without id and shop: the same bytes there and back, and nothing else. */
Test(codec, a_member_of_a_chain_survives_its_bytes)
{
    uint8_t keys[ORDO_MEMBER_MAX];
    uint8_t bytes[ORDO_MEMBER_MAX];
    uint8_t again[ORDO_MEMBER_MAX];
    for (uint32_t i = 0; i < 2000; i++) {
        struct ordo_command member = draw_member(keys);
        struct ordo_command decoded;
        struct ordo_writer w = ordo_writer_over(bytes, sizeof(bytes));
        ordo_member_encode(&member, &w);
        cr_assert(!w.failed);
        uint32_t size = (uint32_t)ordo_writer_size(&w);
        cr_assert(ordo_member_decode((struct ordo_bytes){bytes, size}, &decoded));
        cr_expect_eq(decoded.create.wait_s, member.create.wait_s);
        cr_expect(ordo_bytes_equal(decoded.create.trace, member.create.trace));
        struct ordo_writer w2 = ordo_writer_over(again, sizeof(again));
        ordo_member_encode(&decoded, &w2);
        cr_assert_eq(ordo_writer_size(&w2), size);
        cr_expect_eq(memcmp(bytes, again, size), 0);
        cr_expect(!ordo_member_decode((struct ordo_bytes){bytes, size - 1}, &decoded));
        bytes[draw(size - 1)] ^= (uint8_t)(1 + draw(254));
        if (ordo_member_decode((struct ordo_bytes){bytes, size}, &decoded)) {
            struct ordo_writer w3 = ordo_writer_over(again, sizeof(again));
            ordo_member_encode(&decoded, &w3);
            cr_expect(!w3.failed && ordo_writer_size(&w3) == size);
            cr_expect_eq(memcmp(bytes, again, size), 0, "one value has one form");
        }
    }
    struct ordo_command other = {.kind = ORDO_KIND_CANCEL};
    struct ordo_writer w = ordo_writer_over(bytes, sizeof(bytes));
    ordo_member_encode(&other, &w);
    cr_expect(w.failed, "creates only");
    cr_expect(!ordo_member_decode((struct ordo_bytes){bytes, 0}, &other));
}

/* ---- texts ---- */

static bool is_text(const uint8_t *bytes, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        if (bytes[i] == 0 || strchr(
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                 "0123456789_.:-",
                                 bytes[i]) == NULL) {
            return false;
        }
    }
    return size != 0;
}

Test(codec, a_text_is_judged_by_each_of_its_bytes)
{
    uint8_t bytes[64];
    for (uint32_t size = 0; size <= sizeof(bytes); size++) {
        for (uint32_t at = 0; at < (size == 0 ? 1 : size); at++) {
            for (uint32_t c = 0; c < 256; c++) {
                memset(bytes, 'z', sizeof(bytes));
                bytes[at] = (uint8_t)c;
                struct ordo_bytes t = {bytes, size};
                cr_assert_eq(ordo_text_is_valid(t), is_text(bytes, size), "%u %u %u", size, at, c);
            }
        }
    }
}
