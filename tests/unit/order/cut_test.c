/* Goal: a cut gives the state as of its begin, whatever is decided while it copies; a cut that is
 * given up loses nothing for the next one; and what a cut gave makes a state that decides alike.
 * Method: random commands of every kind; two images, one a mark, which get only what cuts give;
 * reference copies of all chunks at each begin. Replay one seed:
 * ORDO_SEED=n build/debug/tests/unit/order/cut_test */
#include "readers.h"

#include "order/cut.h"
#include "order/domain.h"
#include "order/image.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define SECTIONS ORDO_TABLE_COUNT
#define CHUNKS   512 /* of one section of a small shop */
#define NO_LIMIT UINT32_MAX

static struct shop shop;
static struct shop copy;
static uint64_t seed;
static uint32_t steps;

static uint32_t below(uint32_t count)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 20) % count);
}

/* ---- a life with everything that has a table ---- */

static const char *an_order(void)
{
    return numbered(1 + steps / 10 + below(8));
}

static void create_any(void)
{
    struct ordo_create *c = make_create(&shop, an_order(), 1 + below(40), 1 + below(2));
    c->product = 1 + below(4);
    c->wait_s = below(2) * 300;
    if (below(3) == 0) {
        c->coupon = text("HALF");
        c->amount /= 2;
    }
    if (below(2) == 0) {
        under_key(&shop, 1 + below(9));
    }
    (void)shop_send(&shop);
}

static void pay_any(void)
{
    char trade[24];
    const char *order = an_order();
    uint8_t kind = below(4) == 0 ? ORDO_FACT_REFUND : ORDO_FACT_PAY;
    (void)snprintf(trade, sizeof(trade), "t%u", steps / 4 + below(20));
    struct ordo_fact *f =
        make_fact(&shop, kind, order, trade, get(&shop, order).amount + (below(8) == 0 ? 1 : 0));
    f->channel = 1 + below(3);
    if (kind == ORDO_FACT_REFUND) {
        f->refund_total = 1 + below(PRICE);
    }
    (void)shop_send(&shop);
}

static void step(void)
{
    steps++;
    shop.time_us += below(SECOND_US);
    switch (below(15)) {
    case 0:
        (void)cancel(&shop, an_order());
        break;
    case 1:
        (void)acknowledge(&shop, an_order());
        break;
    case 2:
        shop.time_us += below(400) * SECOND_US;
        (void)tick(&shop);
        break;
    case 3:
        (void)add_cards(&shop, 1, below(300), 1 + below(3));
        break;
    case 4:
        (void)add_same_card(&shop, 4, 1 + below(3), 1 + below(4));
        break;
    case 5:
        (void)attempt(&shop, an_order(), 1 + below(3));
        break;
    case 6:
        (void)put_channel(&shop, 1 + below(4), below(3), below(3));
        break;
    case 7:
        (void)go_on(&shop);
        break;
    case 8:
    case 9:
    case 10:
        pay_any();
        break;
    case 11:
        read_any(&shop, below(1u << 20));
        break;
    default:
        create_any();
        break;
    }
}

static void open_life(uint32_t commands)
{
    struct ordo_settings_values v = shop_small();
    v.ids_max = 700; /* the ring goes round */
    v.id_horizon_s = 60;
    steps = 0;
    shop_open(&shop, &v);
    cr_assert_eq(put_pool(&shop, 1, ORDO_STOCK_CARDS, 0, 0), ORDO_RESULT_OK);
    cr_assert_eq(put_pool(&shop, 2, ORDO_STOCK_COUNTED, 0, 30), ORDO_RESULT_OK);
    cr_assert_eq(put_pool(&shop, 3, ORDO_STOCK_UNLIMITED, 0, 0), ORDO_RESULT_OK);
    cr_assert_eq(put_pool(&shop, 4, ORDO_STOCK_CARDS, ORDO_PRODUCT_DUPLICATES, 0), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 1, 1, 20), ORDO_RESULT_OK);
    struct ordo_coupon_put *put = make_coupon(&shop, "HALF", 0, 5);
    put->discount_share = 5000;
    (void)shop_send(&shop);
    for (uint32_t i = 0; i < commands; i++) {
        step();
    }
}

/* ---- images ---- */

struct image {
    uint8_t *chunks[SECTIONS][CHUNKS];
    uint32_t room; /* chunks that the sink takes yet */
};

static struct image kept[2]; /* of mark A and B */
static struct image begun;   /* everything, as of the begin */

static void keep(struct image *image, uint32_t section, uint32_t chunk, const void *b, size_t size)
{
    cr_assert_lt(chunk, CHUNKS);
    uint8_t **at = &image->chunks[section][chunk];
    *at = *at == NULL ? malloc(size) : *at;
    memcpy(*at, b, size);
}

static bool sink(void *context, uint32_t section, uint32_t chunk, const void *bytes, size_t size)
{
    struct image *image = context;
    if (image->room == 0) {
        return false;
    }
    image->room -= image->room == NO_LIMIT ? 0 : 1;
    keep(image, section, chunk, bytes, size);
    return true;
}

static void keep_all(struct image *image)
{
    struct ordo_image_section s;
    for (uint32_t i = 0; ordo_image_section(shop.state, i, &s); i++) {
        for (uint32_t chunk = 0; chunk < s.chunks; chunk++) {
            size_t size;
            const void *bytes = ordo_image_chunk(shop.state, i, chunk, &size);
            keep(image, i, chunk, bytes, size);
        }
    }
}

static void forget(struct image *image)
{
    for (uint32_t i = 0; i < SECTIONS; i++) {
        for (uint32_t chunk = 0; chunk < CHUNKS; chunk++) {
            free(image->chunks[i][chunk]);
        }
    }
    memset(image, 0, sizeof(*image));
}

static void forget_all(void)
{
    forget(&kept[0]);
    forget(&kept[1]);
    forget(&begun);
    kept[0].room = NO_LIMIT;
    kept[1].room = NO_LIMIT;
}

static struct image *image_of(enum ordo_mark mark)
{
    return &kept[mark == ORDO_MARK_SNAPSHOT_A ? 0 : 1];
}

static struct ordo_hash128 begin(struct ordo_cut *cut, enum ordo_mark mark)
{
    struct ordo_head_values head;
    keep_all(&begun);
    ordo_cut_begin(cut, shop.state, mark, sink, image_of(mark));
    ordo_state_head(shop.state, &head);
    cr_assert_eq(cut->head.seq, head.seq);
    cr_assert_eq(cut->head.time_us, head.time_us);
    return ordo_state_digest_full(shop.state);
}

/* The cut to its end, with commands in between. */
static void run_through(struct ordo_cut *cut, uint32_t commands_a_step)
{
    while (ordo_cut_step(cut, 1 + below(20000)) == ORDO_CUT_COPYING) {
        for (uint32_t i = below(commands_a_step + 1); i > 0; i--) {
            step();
        }
    }
}

static void expect_as_begun(const struct ordo_cut *cut)
{
    const struct image *image = image_of(cut->mark);
    cr_assert_eq(cut->phase, ORDO_CUT_DONE);
    cr_assert_eq(cut->section_count, SECTIONS);
    for (uint32_t i = 0; i < SECTIONS; i++) {
        const struct ordo_table *table = &shop.state->tables[i];
        size_t size = (size_t)table->row_size << table->chunk_shift;
        for (uint32_t chunk = 0; chunk < cut->chunk_counts[i]; chunk++) {
            const uint8_t *bytes = image->chunks[i][chunk];
            cr_assert_not_null(bytes, "section %u, chunk %u is missing", i, chunk);
            cr_assert_eq(
                memcmp(bytes, begun.chunks[i][chunk], size), 0, "section %u, chunk %u", i, chunk);
        }
    }
}

/* A state from the image; its digest. */
static struct ordo_hash128 load(const struct ordo_cut *cut)
{
    struct ordo_fail fail = {.err = ORDO_OK};
    const struct image *image = image_of(cut->mark);
    enum ordo_err err = ORDO_OK;
    shop_open(&copy, &shop.settings);
    for (uint32_t i = 0; i < SECTIONS; i++) {
        const struct ordo_table *table = &shop.state->tables[i];
        size_t size = (size_t)table->row_size << table->chunk_shift;
        for (uint32_t chunk = 0; chunk < cut->chunk_counts[i] && err == ORDO_OK; chunk++) {
            err = ordo_image_load(copy.state, i, chunk, image->chunks[i][chunk], size, &fail);
        }
    }
    err = err == ORDO_OK ? ordo_state_rebuild(copy.state, &fail) : err;
    cr_assert_eq(err, ORDO_OK, "%s", fail.text);
    return ordo_state_digest(copy.state);
}

static bool is_same(struct ordo_hash128 a, struct ordo_hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

static uint64_t first_seed(uint32_t *rounds)
{
    const char *given = getenv("ORDO_SEED");
    *rounds = given == NULL ? *rounds : 1;
    return given == NULL ? 20261123 : strtoull(given, NULL, 10);
}

Test(cut, gives_the_state_as_of_its_begin_while_decisions_go_on)
{
    uint32_t rounds = 12;
    uint64_t first = first_seed(&rounds);
    uint64_t by_writes = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        seed = first + round;
        fprintf(stderr, "seed=%llu\n", (unsigned long long)seed);
        struct ordo_cut cut = {.phase = ORDO_CUT_IDLE};
        forget_all();
        open_life(below(1500));
        for (uint32_t i = 0; i < 6; i++) {
            enum ordo_mark mark = below(2) == 0 ? ORDO_MARK_SNAPSHOT_A : ORDO_MARK_SNAPSHOT_B;
            struct ordo_hash128 digest = begin(&cut, mark);
            run_through(&cut, 6);
            expect_as_begun(&cut);
            cr_assert(is_same(load(&cut), digest));
            shop_close(&copy);
            by_writes += cut.copied_by_writes;
            for (uint32_t j = below(200); j > 0; j--) {
                step();
            }
        }
        shop_check(&shop);
        shop_close(&shop);
    }
    forget_all();
    cr_expect_gt(by_writes, 100, "hardly a write met a pending chunk: the test is too weak");
}

Test(cut, costs_by_what_has_changed)
{
    struct ordo_cut cut = {.phase = ORDO_CUT_IDLE};
    seed = 3;
    forget_all();
    open_life(1500);
    (void)begin(&cut, ORDO_MARK_SNAPSHOT_A);
    run_through(&cut, 0);
    uint64_t whole = cut.copied;
    (void)begin(&cut, ORDO_MARK_SNAPSHOT_A);
    run_through(&cut, 0);
    cr_expect_eq(cut.copied, 0);
    (void)put_channel(&shop, 1, 7, 7);
    (void)begin(&cut, ORDO_MARK_SNAPSHOT_A);
    run_through(&cut, 0);
    cr_expect_leq(cut.copied, 4, "head, channel, id");
    cr_expect_geq(cut.copied, 2);
    expect_as_begun(&cut);

    /* the other mark has seen nothing of it */
    (void)begin(&cut, ORDO_MARK_SNAPSHOT_B);
    run_through(&cut, 0);
    cr_expect_geq(cut.copied, whole);
    expect_as_begun(&cut);

    ordo_cut_forget(shop.state, ORDO_MARK_SNAPSHOT_A);
    (void)begin(&cut, ORDO_MARK_SNAPSHOT_A);
    run_through(&cut, 0);
    cr_expect_geq(cut.copied, whole);
    shop_close(&shop);
    forget_all();
}

Test(cut, that_is_given_up_loses_nothing_for_the_next)
{
    uint32_t rounds = 12;
    uint64_t first = first_seed(&rounds);
    uint32_t by_hook = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        seed = first + round;
        fprintf(stderr, "seed=%llu\n", (unsigned long long)seed);
        struct ordo_cut cut = {.phase = ORDO_CUT_IDLE};
        enum ordo_mark mark = round % 2 == 0 ? ORDO_MARK_SNAPSHOT_A : ORDO_MARK_SNAPSHOT_B;
        forget_all();
        open_life(600 + below(600));
        (void)begin(&cut, mark);
        run_through(&cut, 3);
        for (uint32_t i = 0; i < 4; i++) {
            image_of(mark)->room = below(12); /* then it is full: the hook gives up */
            (void)begin(&cut, mark);
            for (uint32_t j = 0; j < 60 && cut.phase == ORDO_CUT_COPYING; j++) {
                step();
                (void)ordo_cut_step(&cut, below(3000));
            }
            by_hook += cut.phase == ORDO_CUT_GIVEN_UP ? 1 : 0;
            ordo_cut_abandon(&cut);
            cr_assert_null(shop.state->tables[ORDO_TABLE_ORDER].before_write);
            step();
        }
        image_of(mark)->room = NO_LIMIT;
        struct ordo_hash128 digest = begin(&cut, mark);
        run_through(&cut, 3);
        expect_as_begun(&cut);
        cr_assert(is_same(load(&cut), digest));
        shop_close(&copy);
        shop_close(&shop);
    }
    forget_all();
    cr_expect_gt(by_hook, 10, "hardly a cut was given up by a write");
}

Test(cut, that_was_done_and_not_kept_can_be_taken_back)
{
    struct ordo_cut cut = {.phase = ORDO_CUT_IDLE};
    seed = 5;
    forget_all();
    open_life(900);
    (void)begin(&cut, ORDO_MARK_SNAPSHOT_A);
    run_through(&cut, 3);
    ordo_cut_abandon(&cut);
    cr_expect_eq(cut.phase, ORDO_CUT_GIVEN_UP);
    forget(&kept[0]);
    kept[0].room = NO_LIMIT;
    struct ordo_hash128 digest = begin(&cut, ORDO_MARK_SNAPSHOT_A);
    run_through(&cut, 3);
    expect_as_begun(&cut);
    cr_expect(is_same(load(&cut), digest));
    shop_close(&copy);
    shop_close(&shop);
    forget_all();
}

Test(cut, a_full_sink_ends_a_step_and_not_the_cut)
{
    struct ordo_cut cut = {.phase = ORDO_CUT_IDLE};
    seed = 9;
    forget_all();
    open_life(900);
    struct ordo_hash128 digest = begin(&cut, ORDO_MARK_SNAPSHOT_B);
    do {
        kept[1].room = 2;
    } while (ordo_cut_step(&cut, SIZE_MAX) == ORDO_CUT_COPYING);
    expect_as_begun(&cut);
    cr_expect(is_same(load(&cut), digest));
    cr_expect_eq(ordo_cut_step(&cut, SIZE_MAX), ORDO_CUT_DONE);
    shop_close(&copy);
    shop_close(&shop);
    forget_all();
}

static void follow(void)
{
    struct ordo_bytes bytes = {shop.command_bytes, shop.command_size};
    struct ordo_writer w = ordo_writer_over(copy.outcome_bytes, ORDO_QUERY_SIZE_MAX);
    ordo_apply(copy.state, shop.time_us, bytes, &w, &copy.applied);
    cr_assert_eq(ordo_writer_size(&w), shop.outcome_size);
    cr_assert_eq(memcmp(copy.outcome_bytes, shop.outcome_bytes, shop.outcome_size), 0);
}

/* Coupons, channels, second keys, equal cards and queues as well: image_test has none of them. */
Test(cut, what_it_gave_makes_a_state_that_decides_alike)
{
    uint32_t rounds = 6;
    uint64_t first = first_seed(&rounds);
    for (uint32_t round = 0; round < rounds; round++) {
        seed = first + round;
        fprintf(stderr, "seed=%llu\n", (unsigned long long)seed);
        struct ordo_cut cut = {.phase = ORDO_CUT_IDLE};
        forget_all();
        open_life(300 + below(1000));
        struct ordo_hash128 digest = begin(&cut, ORDO_MARK_SNAPSHOT_A);
        run_through(&cut, 0);
        cr_assert(is_same(load(&cut), digest));
        for (uint32_t i = 0; i < ORDO_INDEX_COUNT; i++) {
            cr_expect_eq(copy.state->indexes[i].count, shop.state->indexes[i].count, "index %u", i);
        }
        for (uint32_t i = 0; i < 800; i++) {
            step();
            follow();
        }
        cr_assert(is_same(ordo_state_digest(copy.state), ordo_state_digest_full(shop.state)));
        shop_check(&copy);
        shop_close(&copy);
        shop_close(&shop);
    }
    forget_all();
}
