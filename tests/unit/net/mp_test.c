/* The msgpack cursor: against msgpack-c in both directions, at every width by hand, and against
 * headers that lie. Random values print their seed.
 */
#include "net/mp.h"

#include "random.h"

#include <criterion/criterion.h>
#include <msgpack.h>

#define VALUES 2000

struct both {
    struct ordo_writer ours;
    msgpack_packer theirs;
};

static void put_raw(struct both *b, struct random *r)
{
    static uint8_t bytes[70000];
    uint64_t below = random_below(r, 50) == 0 ? sizeof(bytes) : 300;
    uint32_t size = (uint32_t)random_below(r, below);
    for (uint32_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)random_next(r);
    }
    if (random_below(r, 2) == 0) {
        ordo_mp_write_str(&b->ours, (struct ordo_bytes){bytes, size});
        msgpack_pack_str(&b->theirs, size);
        msgpack_pack_str_body(&b->theirs, bytes, size);
    } else {
        ordo_mp_write_bin(&b->ours, (struct ordo_bytes){bytes, size});
        msgpack_pack_bin(&b->theirs, size);
        msgpack_pack_bin_body(&b->theirs, bytes, size);
    }
}

static void put_value(struct both *b, struct random *r, int depth)
{
    uint64_t u = random_wide(r);
    uint32_t count = (uint32_t)random_below(r, random_below(r, 20) == 0 ? 70 : 6);
    switch (random_below(r, depth < 4 ? 7 : 5)) {
    case 0:
        ordo_mp_write_nil(&b->ours);
        msgpack_pack_nil(&b->theirs);
        break;
    case 1:
        ordo_mp_write_bool(&b->ours, (u & 1) != 0);
        (u & 1) != 0 ? msgpack_pack_true(&b->theirs) : msgpack_pack_false(&b->theirs);
        break;
    case 2:
        ordo_mp_write_uint(&b->ours, u);
        msgpack_pack_uint64(&b->theirs, u);
        break;
    case 3:
        ordo_mp_write_int(&b->ours, -(int64_t)(u >> 1) - 1);
        msgpack_pack_int64(&b->theirs, -(int64_t)(u >> 1) - 1);
        break;
    case 4:
        put_raw(b, r);
        break;
    case 5:
        ordo_mp_write_array(&b->ours, count);
        msgpack_pack_array(&b->theirs, count);
        for (uint32_t i = 0; i < count; i++) {
            put_value(b, r, depth + 1);
        }
        break;
    default:
        ordo_mp_write_map(&b->ours, count);
        msgpack_pack_map(&b->theirs, count);
        for (uint32_t i = 0; i < 2 * count; i++) {
            put_value(b, r, depth + 1);
        }
        break;
    }
}

static bool same(struct ordo_mp_reader *in, const msgpack_object *o);

static bool same_raw(struct ordo_mp_reader *in, const void *data, uint32_t size)
{
    struct ordo_bytes raw = ordo_mp_read_raw(in, UINT32_MAX);
    return raw.size == size && (size == 0 || memcmp(raw.data, data, size) == 0);
}

static bool same_elements(struct ordo_mp_reader *in, const msgpack_object *o)
{
    bool good;
    if (o->type == MSGPACK_OBJECT_ARRAY) {
        good = ordo_mp_read_array(in, UINT32_MAX) == o->via.array.size;
        for (uint32_t i = 0; i < o->via.array.size && good; i++) {
            good = same(in, &o->via.array.ptr[i]);
        }
        return good;
    }
    good = ordo_mp_read_map(in, UINT32_MAX) == o->via.map.size;
    for (uint32_t i = 0; i < o->via.map.size && good; i++) {
        good = same(in, &o->via.map.ptr[i].key) && same(in, &o->via.map.ptr[i].val);
    }
    return good;
}

static bool same(struct ordo_mp_reader *in, const msgpack_object *o)
{
    switch (o->type) {
    case MSGPACK_OBJECT_NIL:
        ordo_mp_read_nil(in);
        return in->error == NULL;
    case MSGPACK_OBJECT_BOOLEAN:
        return ordo_mp_read_bool(in) == o->via.boolean && in->error == NULL;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return ordo_mp_read_uint(in, UINT64_MAX) == o->via.u64 && in->error == NULL;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return ordo_mp_read_int(in) == o->via.i64 && in->error == NULL;
    case MSGPACK_OBJECT_STR:
        return same_raw(in, o->via.str.ptr, o->via.str.size);
    case MSGPACK_OBJECT_BIN:
        return same_raw(in, o->via.bin.ptr, o->via.bin.size);
    case MSGPACK_OBJECT_ARRAY:
    case MSGPACK_OBJECT_MAP:
        return same_elements(in, o);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
    case MSGPACK_OBJECT_EXT:
    default:
        return false;
    }
}

Test(mp, writes_the_bytes_of_msgpack_c_and_reads_what_it_reads)
{
    struct random r = random_begin("mp/writes_the_bytes_of_msgpack_c_and_reads_what_it_reads");
    static uint8_t bytes[64u << 20];
    for (int i = 0; i < VALUES; i++) {
        msgpack_sbuffer buffer;
        msgpack_sbuffer_init(&buffer);
        struct both b = {.ours = ordo_writer_over(bytes, sizeof(bytes))};
        msgpack_packer_init(&b.theirs, &buffer, msgpack_sbuffer_write);
        put_value(&b, &r, 0);
        size_t size = ordo_writer_size(&b.ours);
        cr_assert(!b.ours.failed);
        cr_assert_eq(size, buffer.size, "value %d: %zu bytes, not %zu", i, size, buffer.size);
        cr_assert_arr_eq(bytes, buffer.data, size, "value %d", i);

        msgpack_unpacked result;
        msgpack_unpacked_init(&result);
        size_t offset = 0;
        cr_assert_eq(
            msgpack_unpack_next(&result, (const char *)bytes, size, &offset),
            MSGPACK_UNPACK_SUCCESS);
        struct ordo_mp_reader in = ordo_mp_reader_over(bytes, size);
        cr_assert(same(&in, &result.data), "value %d: %s", i, in.error);
        cr_assert(ordo_mp_is_done(&in), "value %d", i);
        struct ordo_mp_reader skip = ordo_mp_reader_over(bytes, size);
        ordo_mp_skip(&skip);
        cr_assert(ordo_mp_is_done(&skip), "value %d: %s", i, skip.error);
        msgpack_unpacked_destroy(&result);
        msgpack_sbuffer_destroy(&buffer);
    }
}

Test(mp, fails_at_every_truncation_and_never_reads_on)
{
    struct random r = random_begin("mp/fails_at_every_truncation_and_never_reads_on");
    static uint8_t bytes[1u << 22];
    for (int i = 0; i < 300; i++) {
        msgpack_sbuffer buffer;
        msgpack_sbuffer_init(&buffer);
        struct both b = {.ours = ordo_writer_over(bytes, sizeof(bytes))};
        msgpack_packer_init(&b.theirs, &buffer, msgpack_sbuffer_write);
        put_value(&b, &r, 2);
        size_t size = ordo_writer_size(&b.ours);
        for (size_t cut = 0; cut < size; cut += 1 + size / 2000) {
            uint8_t *copy = malloc(cut + 1); /* the sanitizer sees a byte read behind it */
            memcpy(copy, bytes, cut);
            struct ordo_mp_reader in = ordo_mp_reader_over(copy, cut);
            ordo_mp_skip(&in);
            cr_assert_not_null(in.error, "%zu of %zu bytes", cut, size);
            free(copy);
        }
        msgpack_sbuffer_destroy(&buffer);
    }
}

Test(mp, accepts_an_integer_in_every_width)
{
    static const struct {
        uint8_t bytes[9];
        uint8_t size;
        int64_t value;
    } cases[] = {
        {{0x07}, 1, 7},
        {{0xcc, 0x07}, 2, 7},
        {{0xcd, 0, 7}, 3, 7},
        {{0xce, 0, 0, 0, 7}, 5, 7},
        {{0xcf, 0, 0, 0, 0, 0, 0, 0, 7}, 9, 7},
        {{0xd0, 0x07}, 2, 7},
        {{0xd1, 0, 7}, 3, 7},
        {{0xd2, 0, 0, 0, 7}, 5, 7},
        {{0xd3, 0, 0, 0, 0, 0, 0, 0, 7}, 9, 7},
        {{0xff}, 1, -1},
        {{0xe0}, 1, -32},
        {{0xd0, 0x80}, 2, -128},
        {{0xd1, 0xff, 0xff}, 3, -1},
        {{0xd2, 0x80, 0, 0, 0}, 5, INT32_MIN},
        {{0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0}, 9, INT64_MIN},
        {{0xcf, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ordo_mp_reader in = ordo_mp_reader_over(cases[i].bytes, cases[i].size);
        cr_assert_eq(ordo_mp_read_int(&in), cases[i].value, "case %zu", i);
        cr_assert(ordo_mp_is_done(&in), "case %zu", i);
        in = ordo_mp_reader_over(cases[i].bytes, cases[i].size);
        uint64_t u = ordo_mp_read_uint(&in, UINT64_MAX);
        cr_assert_eq(in.error == NULL, cases[i].value >= 0, "case %zu", i);
        cr_assert(in.error != NULL || u == (uint64_t)cases[i].value, "case %zu", i);
    }
}

Test(mp, refuses_an_unsigned_that_no_signed_can_hold)
{
    static const uint8_t bytes[9] = {0xcf, 0x80};
    struct ordo_mp_reader in = ordo_mp_reader_over(bytes, 9);
    cr_assert_eq(ordo_mp_read_int(&in), 0);
    cr_assert_str_eq(in.error, "is above its maximum");
}

Test(mp, refuses_values_above_their_maximum)
{
    static const uint8_t bytes[] = {0x05};
    struct ordo_mp_reader in = ordo_mp_reader_over(bytes, 1);
    cr_assert_eq(ordo_mp_read_uint(&in, 4), 0);
    cr_assert_str_eq(in.error, "is above its maximum");
}

Test(mp, refuses_headers_that_announce_more_than_there_is)
{
    static const struct {
        uint8_t bytes[12];
        uint8_t size;
    } cases[] = {
        {{0xdd, 0x10, 0, 0, 0}, 5}, /* 2^28 elements in five bytes */
        {{0xdd, 0xff, 0xff, 0xff, 0xff}, 5},
        {{0xdf, 0x10, 0, 0, 0}, 5}, /* 2^28 pairs */
        {{0xdf, 0xff, 0xff, 0xff, 0xff}, 5},
        {{0xc6, 0x40, 0, 0, 0}, 5}, /* 1 GiB of bytes */
        {{0xdb, 0xff, 0xff, 0xff, 0xff}, 5},
        {{0xc9, 0xff, 0xff, 0xff, 0xff, 0}, 6}, /* ext */
        {{0x92, 0xc0}, 2},
        {{0x81, 0xc0}, 2},
        {{0x93, 0x92, 0xc0, 0xc0}, 4}, /* each level alone would fit */
        {{0x92, 0x92, 0x92, 0xc0, 0xc0}, 5},
        {{0xa5, 'a', 'b'}, 3},
        {{0xc1}, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ordo_mp_reader in = ordo_mp_reader_over(cases[i].bytes, cases[i].size);
        ordo_mp_skip(&in);
        cr_assert_not_null(in.error, "case %zu", i);
        in = ordo_mp_reader_over(cases[i].bytes, cases[i].size);
        (void)ordo_mp_read_array(&in, UINT32_MAX);
        (void)ordo_mp_read_array(&in, UINT32_MAX);
        (void)ordo_mp_read_array(&in, UINT32_MAX);
        (void)ordo_mp_read_array(&in, UINT32_MAX);
        cr_assert_not_null(in.error, "case %zu", i);
    }
}

Test(mp, counts_what_is_owed_over_all_levels)
{
    /* [[nil x 3], ...] announces two more than there are, though each level alone would fit */
    static const uint8_t bytes[] = {0x93, 0x93, 0xc0, 0xc0, 0xc0};
    struct ordo_mp_reader in = ordo_mp_reader_over(bytes, sizeof(bytes));
    cr_assert_eq(ordo_mp_read_array(&in, 16), 3);
    cr_assert_eq(ordo_mp_read_array(&in, 16), 0);
    cr_assert_not_null(in.error);
}

Test(mp, skips_eight_levels_and_no_more)
{
    uint8_t bytes[40];
    for (int depth = 1; depth <= 33; depth++) {
        memset(bytes, 0x91, (size_t)depth);
        bytes[depth] = 0xc0;
        struct ordo_mp_reader in = ordo_mp_reader_over(bytes, (size_t)depth + 1);
        ordo_mp_skip(&in);
        cr_assert_eq(in.error == NULL, depth <= ORDO_MP_DEPTH_MAX, "depth %d", depth);
    }
}

Test(mp, skips_floats_and_extensions_but_does_not_read_them)
{
    static const uint8_t bytes[] = {
        0x98, 0xca, 0, 0, 0, 0,    0xcb, 0, 0, 0, 0,    0, 0, 0, 0, 0xd4, 1,    2, 0xd5, 1, 2, 3,
        0xc7, 2,    9, 1, 2, 0xc8, 0,    1, 9, 1, 0xd6, 1, 1, 2, 3, 4,    0xc9, 0, 0,    0, 0, 5};
    struct ordo_mp_reader in = ordo_mp_reader_over(bytes, sizeof(bytes));
    ordo_mp_skip(&in);
    cr_assert(ordo_mp_is_done(&in), "%s", in.error);
    in = ordo_mp_reader_over(bytes + 1, sizeof(bytes) - 1);
    cr_assert_eq(ordo_mp_peek(&in), ORDO_MP_FLOAT);
    (void)ordo_mp_read_int(&in);
    cr_assert_str_eq(in.error, "expected an integer");
}

Test(mp, names_the_type_of_every_first_byte)
{
    for (int first = 0; first < 256; first++) {
        uint8_t bytes[32] = {(uint8_t)first};
        struct ordo_mp_reader in = ordo_mp_reader_over(bytes, sizeof(bytes));
        enum ordo_mp_type type = ordo_mp_peek(&in);
        (void)ordo_mp_read_uint(&in, UINT64_MAX);
        bool integer = type == ORDO_MP_UINT || type == ORDO_MP_INT;
        bool negative = in.error != NULL && strcmp(in.error, "may not be negative") == 0;
        cr_assert_eq(integer, in.error == NULL || negative, "0x%02x", first);
        in = ordo_mp_reader_over(bytes, sizeof(bytes));
        (void)ordo_mp_read_raw(&in, UINT32_MAX);
        bool raw = in.error == NULL || strcmp(in.error, "expected a text or bytes") != 0;
        cr_assert_eq(raw, type == ORDO_MP_STR || type == ORDO_MP_BIN, "0x%02x", first);
        in = ordo_mp_reader_over(bytes, sizeof(bytes));
        ordo_mp_skip(&in);
        cr_assert_eq(type == ORDO_MP_NONE, first == 0xc1, "0x%02x", first);
        cr_assert(in.error == NULL || first == 0xc1 || in.at >= bytes + 1, "0x%02x", first);
    }
}
