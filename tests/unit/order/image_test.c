/* Goal: an image is the whole state: loaded into another one it has the same digest and decides
 * whatever follows alike; a bent byte is told by an error or by the digest, and never crashes.
 * Method: random commands over few orders; the image goes chunk by chunk into a state in a sealed
 * arena; then both get the same commands. Bytes of every section are bent one at a time.
 * Replay one seed: ORDO_SEED=n build/debug/tests/unit/order/image_test */
#include "readers.h"
#include "stockroom.h"

#include "base/hash.h"
#include "order/image.h"
#include "order/parts.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct shop shop;
static struct shop copy;

static uint32_t below(uint64_t *seed, uint32_t count)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)((*seed >> 20) % count);
}

/* ---- a life ---- */

static void step(uint64_t *seed, uint32_t index)
{
    static char order[16]; /* the outcome points to it */
    static char trade[40];
    uint32_t number = index / 12 + below(seed, 10);
    (void)snprintf(order, sizeof(order), "o%u", number);
    const char *stem = number % 3 == 0 ? "pi_3Nabc" : "20261123220014100";
    (void)snprintf(trade, sizeof(trade), "%s%u%u", stem, number, below(seed, 5) / 4);
    shop.time_us += below(seed, SECOND_US / 2);
    switch (below(seed, 13)) {
    case 0:
        (void)cancel(&shop, order);
        return;
    case 1:
        (void)acknowledge(&shop, order);
        return;
    case 2:
        (void)tick(&shop);
        return;
    case 3:
        (void)add_cards(&shop, 1, below(seed, 800), 1 + below(seed, 4));
        return;
    case 4:
    case 5:
        (void)attempt(&shop, order, 1 + below(seed, 2));
        return;
    case 6:
        (void)make_fact(&shop, ORDO_FACT_REFUND, order, trade, PRICE);
        shop.command.fact.refund_total = 1 + below(seed, PRICE);
        (void)shop_send(&shop);
        return;
    case 7:
    case 8:
        (void)make_fact(&shop, ORDO_FACT_PAY, order, trade, PRICE - (below(seed, 9) == 0 ? 1 : 0));
        (void)shop_send(&shop);
        return;
    case 9:
        read_any(&shop, below(seed, 1u << 20));
        return;
    default:
        (void)make_create(&shop, order, below(seed, 20), 1);
        shop.command.create.product = 1 + below(seed, 3);
        shop.command.create.hold_ttl_s = 5 + below(seed, 60);
        (void)shop_send(&shop);
        return;
    }
}

static void add_update(void *context, const struct ordo_update *update)
{
    struct ordo_hash128 *hash = context;
    *hash = ordo_update_hash(*hash, update);
}

/* A step, and the stream's hash is what its updates make it. */
static void hashed_step(uint64_t *seed, uint32_t index)
{
    struct ordo_head_values before;
    struct ordo_head_values after;
    ordo_state_head(shop.state, &before);
    step(seed, index);
    ordo_state_head(shop.state, &after);
    struct ordo_hash128 hash = before.stream_hash;
    if (shop.applied.journaled) {
        uint64_t first = before.update_seq + 1;
        ordo_outcome_updates(&shop.outcome, shop.time_us, first, add_update, &hash);
    }
    cr_assert_eq(memcmp(&hash, &after.stream_hash, sizeof(hash)), 0);
}

static void open_life(uint64_t *seed, uint32_t commands)
{
    struct ordo_settings_values v = shop_small();
    v.ids_max = 500; /* the ring goes round */
    v.id_horizon_s = 60;
    shop_open(&shop, &v);
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_CARDS), ORDO_RESULT_OK);
    cr_assert_eq(put_product(&shop, 2, PRICE, ORDO_STOCK_COUNTED), ORDO_RESULT_OK);
    cr_assert_eq(put_product(&shop, 3, PRICE, ORDO_STOCK_UNLIMITED), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 1, 1, 30), ORDO_RESULT_OK);
    for (uint32_t i = 1; i <= commands; i++) {
        hashed_step(seed, i);
    }
}

/* ---- images ---- */

static bool is_same(struct ordo_hash128 a, struct ordo_hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

struct bent {
    uint32_t section;
    size_t at; /* byte of the section; SIZE_MAX = none */
};

static enum ordo_err load_section(
    uint32_t index,
    const struct ordo_image_section *section,
    struct bent bent,
    struct ordo_fail *fail)
{
    static uint8_t bytes[1 << 16];
    enum ordo_err err = ORDO_OK;
    for (uint32_t chunk = 0; chunk < section->chunks && err == ORDO_OK; chunk++) {
        size_t size;
        const void *rows = ordo_image_chunk(shop.state, index, chunk, &size);
        cr_assert_leq(size, sizeof(bytes));
        cr_assert_eq(size, (size_t)section->row_size << section->row_shift);
        memcpy(bytes, rows, size);
        if (bent.section == index && bent.at / size == chunk) {
            bytes[bent.at % size] ^= (uint8_t)(1u << bent.at % 8);
        }
        err = ordo_image_load(copy.state, index, chunk, bytes, size, fail);
    }
    return err;
}

/* The shop's image into the copy; with one byte bent on its way. */
static enum ordo_err load(struct bent bent, struct ordo_fail *fail)
{
    struct ordo_image_section section;
    enum ordo_err err = ORDO_OK;
    shop_open(&copy, &shop.settings); /* its arena is sealed */
    for (uint32_t i = 0; ordo_image_section(shop.state, i, &section) && err == ORDO_OK; i++) {
        err = load_section(i, &section, bent, fail);
    }
    return err == ORDO_OK ? ordo_state_rebuild(copy.state, fail) : err;
}

static void follow(void)
{
    struct ordo_bytes bytes = {shop.command_bytes, shop.command_size};
    struct ordo_writer w = ordo_writer_over(copy.outcome_bytes, ORDO_QUERY_SIZE_MAX);
    ordo_apply(copy.state, shop.time_us, bytes, &w, &copy.applied);
    cr_assert_eq(ordo_writer_size(&w), shop.outcome_size);
    cr_assert_eq(memcmp(copy.outcome_bytes, shop.outcome_bytes, shop.outcome_size), 0);
    cr_assert_eq(ordo_state_next_deadline_us(copy.state), ordo_state_next_deadline_us(shop.state));
}

/* Both list every state in the same order, but for equal stamps. */
static void compare_lists(void)
{
    for (uint8_t state = 0; state < ORDO_STATE_COUNT; state++) {
        uint64_t stamps = 0;
        for (int i = 0; i < 2; i++) {
            memset(&shop.command, 0, sizeof(shop.command));
            shop.command.kind = ORDO_KIND_LIST;
            shop.command.list.state = state;
            shop.command.list.limit = 100;
            struct ordo_state *mine = shop.state;
            shop.state = i == 0 ? mine : copy.state;
            (void)shop_send(&shop);
            shop.state = mine;
            uint64_t count = ordo_read_varint(&shop.body);
            (void)ordo_read_varint(&shop.body);
            uint64_t sum = count;
            for (uint64_t j = 0; j < count; j++) {
                struct ordo_order_view view;
                ordo_order_view_decode(&shop.body, &view);
                sum = sum * 31 + (state == ORDO_STATE_NONE ? view.last_seq : view.changed_us);
            }
            cr_expect(i == 0 || sum == stamps, "the list of %s", ordo_state_name(state));
            stamps = sum;
        }
    }
}

Test(image, a_loaded_state_is_the_same_and_decides_alike)
{
    const char *given = getenv("ORDO_SEED");
    uint64_t first = given == NULL ? 20261123 : strtoull(given, NULL, 10);
    for (uint64_t i = 0; i < (given == NULL ? 8u : 1u); i++) {
        uint64_t seed = first + i;
        fprintf(stderr, "seed=%llu\n", (unsigned long long)seed);
        struct ordo_fail fail = {.err = ORDO_OK};
        uint32_t commands = below(&seed, 1500);
        open_life(&seed, commands);
        enum ordo_err err = load((struct bent){.at = SIZE_MAX}, &fail);
        cr_assert_eq(err, ORDO_OK, "%s", fail.text);
        cr_assert(is_same(ordo_state_digest(copy.state), ordo_state_digest(shop.state)));
        compare_lists();
        for (uint32_t j = 1; j <= 800; j++) {
            step(&seed, commands + j);
            follow();
        }
        cr_assert(is_same(ordo_state_digest(copy.state), ordo_state_digest_full(shop.state)));
        shop_close(&shop);
        shop_close(&copy);
    }
}

/* Every byte of small sections, a spread over the others. */
#define BENT_EACH 250

Test(image, a_bent_byte_is_seen_in_every_section_and_never_crashes)
{
    uint64_t seed = 7;
    struct ordo_image_section section;
    uint32_t refused = 0;
    uint32_t told_by_digest = 0;
    open_life(&seed, 1200);
    struct ordo_hash128 digest = ordo_state_digest_full(shop.state);
    for (uint32_t i = 0; ordo_image_section(shop.state, i, &section); i++) {
        size_t size = ((size_t)section.row_size << section.row_shift) * section.chunks;
        size_t every = size > 2 * BENT_EACH ? size / BENT_EACH : 1;
        every += i == 0 || every == 1 || every % 2 != 0 ? 0 : 1; /* meets each byte of a row */
        for (size_t at = i == 0 ? section.row_size : 0; at < size; at += i == 0 ? 1 : every) {
            struct ordo_fail fail = {.err = ORDO_OK};
            enum ordo_err err = load((struct bent){.section = i, .at = at}, &fail);
            cr_assert(err == ORDO_OK || err == ORDO_ERR_DAMAGED);
            cr_assert(err == ORDO_OK || fail.text[0] != 0);
            refused += err != ORDO_OK ? 1 : 0;
            if (err == ORDO_OK) {
                told_by_digest++;
                cr_assert(
                    !is_same(ordo_state_digest_full(copy.state), digest),
                    "%s, byte %zu: not seen",
                    section.name,
                    at);
            }
            shop_close(&copy);
        }
    }
    fprintf(stderr, "%u refused, %u told by the digest\n", refused, told_by_digest);
    cr_expect_gt(refused, 200);
    cr_expect_gt(told_by_digest, 200);
    shop_close(&shop);
}

Test(image, what_does_not_fit_is_refused)
{
    uint64_t seed = 9;
    struct ordo_fail fail = {.err = ORDO_OK};
    struct ordo_image_section section;
    size_t size;
    open_life(&seed, 50);
    shop_open(&copy, &shop.settings);
    const void *head = ordo_image_chunk(shop.state, 0, 1, &size);
    cr_expect_eq(ordo_image_load(copy.state, 99, 0, head, size, &fail), ORDO_ERR_DAMAGED);
    cr_expect_eq(ordo_image_load(copy.state, 0, 2, head, size, &fail), ORDO_ERR_DAMAGED);
    cr_expect_eq(ordo_image_load(copy.state, 0, 1, head, size - 1, &fail), ORDO_ERR_DAMAGED);
    cr_expect_eq(ordo_image_load(copy.state, 4, 1, head, size, &fail), ORDO_ERR_DAMAGED);

    struct ordo_settings_values found;
    cr_expect_eq(ordo_image_settings(head, size - 1, &found, &fail), ORDO_ERR_DAMAGED);
    cr_expect_eq(ordo_image_settings(head, size, &found, &fail), ORDO_OK);
    cr_expect_eq(memcmp(&found, &shop.settings, sizeof(found)), 0);
    cr_expect(!ordo_image_section(shop.state, 99, &section));

    /* a state with less room than the image wants */
    shop_close(&copy);
    found.orders_max = 16;
    shop_open(&copy, &found);
    cr_expect_eq(ordo_image_load(copy.state, 0, 1, head, size, &fail), ORDO_ERR_DAMAGED);
    cr_expect(strstr(fail.text, "capacities") != NULL, "%s", fail.text);
    shop_close(&copy);
    shop_close(&shop);
}

Test(image, of_equal_cards_one_is_found_again)
{
    struct ordo_fail fail = {.err = ORDO_OK};
    shop_open(&shop, NULL);
    cr_assert_eq(put_pool(&shop, 1, ORDO_STOCK_CARDS, ORDO_PRODUCT_DUPLICATES, 0), ORDO_RESULT_OK);
    for (uint32_t i = 0; i < 10; i++) {
        cr_assert_eq(add_same_card(&shop, 1, i % 2, 256), ORDO_RESULT_OK);
    }
    cr_assert_eq(load((struct bent){0, SIZE_MAX}, &fail), ORDO_OK, "%s", fail.text);
    cr_expect_eq(shop.state->indexes[ORDO_INDEX_CARD].count, 2);
    cr_expect_eq(copy.state->indexes[ORDO_INDEX_CARD].count, 2, "no probe as long as the load");
    (void)put_pool(&shop, 1, ORDO_STOCK_CARDS, 0, 0);
    follow();
    (void)add_same_card(&shop, 1, 1, 1);
    follow();
    shop_check(&copy);
    shop_close(&copy);
    shop_close(&shop);
}

/* ---- cursors alone ---- */

struct found {
    uint64_t acked;
    uint32_t count;
};

static void find_cursor(void *context, const struct ordo_image_cursor *cursor)
{
    struct found *found = context;
    found->count++;
    if (ordo_bytes_equal(cursor->name, (struct ordo_bytes){(const uint8_t *)"crm", 3})) {
        cr_assert_eq(cursor->shop, shop.command.shop);
        cr_assert_neq(cursor->acked_us, 0);
        found->acked = cursor->acked;
    }
}

Test(image, gives_the_cursors_without_the_state)
{
    struct ordo_image_section section;
    struct found found = {0, 0};
    shop_open(&shop, NULL);
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_UNLIMITED), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "a1", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(put_subscriber(&shop, "erp", 0), ORDO_RESULT_OK);
    cr_assert_eq(put_subscriber(&shop, "crm", 0), ORDO_RESULT_OK);
    cr_assert_eq(put_subscriber(&shop, "gone", 0), ORDO_RESULT_OK);
    cr_assert_eq(ack_updates(&shop, "crm", 1), ORDO_RESULT_OK);
    cr_assert_eq(drop_subscriber(&shop, "gone"), ORDO_RESULT_OK);
    for (uint32_t i = 0; ordo_image_section(shop.state, i, &section); i++) {
        for (uint32_t chunk = 0; chunk < section.chunks; chunk++) {
            size_t size;
            const void *bytes = ordo_image_chunk(shop.state, i, chunk, &size);
            ordo_image_cursors(i, (struct ordo_bytes){bytes, (uint32_t)size}, find_cursor, &found);
        }
    }
    cr_assert_eq(found.count, 2);
    cr_assert_eq(found.acked, 1);
    shop_close(&shop);
}
