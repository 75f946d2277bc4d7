/* The tools everything else stands on: cursors that cannot overrun, the checksum's published value,
 * quantiles. */
#include "base/arena.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/hash.h"
#include "base/histogram.h"
#include "base/thread.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/mman.h>

Test(crc32c, has_the_published_check_value)
{
    cr_assert_eq(ordo_crc32c(0, "123456789", 9), 0xe3069283u);
    cr_assert_eq(ordo_crc32c(ordo_crc32c(0, "1234", 4), "56789", 5), 0xe3069283u);
}

/* The definition, a bit at a time. */
static uint32_t slow_crc32c(uint32_t crc, const uint8_t *data, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size * 8; i++) {
        uint32_t bit = (crc ^ (uint32_t)(data[i / 8] >> i % 8)) & 1;
        crc = crc >> 1 ^ (bit != 0 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

Test(crc32c, is_the_same_sum_for_short_and_long_data_at_any_address)
{
    uint8_t bytes[640];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 2654435761u >> 11);
    }
    uint32_t crc = 0;
    for (size_t size = 0; size <= sizeof(bytes) - 16; size++) {
        const uint8_t *data = bytes + size % 16;
        uint32_t slow = slow_crc32c(crc, data, size);
        crc = ordo_crc32c(crc, data, size);
        cr_assert_eq(crc, slow, "%zu bytes", size);
    }
}

Test(bytes, varint_round_trips_and_has_one_form)
{
    uint64_t values[] = {0, 1, 127, 128, 300, 1u << 21, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        uint8_t buffer[ORDO_VARINT_MAX];
        struct ordo_writer w = ordo_writer_over(buffer, sizeof(buffer));
        ordo_write_varint(&w, values[i]);
        struct ordo_reader r = ordo_reader_over(buffer, ordo_writer_size(&w));
        cr_assert_eq(ordo_read_varint(&r), values[i]);
        cr_assert(ordo_reader_done(&r));
    }
    const uint8_t overlong[] = {0x80, 0x00};
    struct ordo_reader r = ordo_reader_over(overlong, sizeof(overlong));
    (void)ordo_read_varint(&r);
    cr_assert(r.failed, "a longer form than needed must be refused");
    const uint8_t wide[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    r = ordo_reader_over(wide, sizeof(wide));
    (void)ordo_read_varint(&r);
    cr_assert(r.failed, "more than 64 bits must be refused");
}

Test(bytes, zigzag_round_trips)
{
    int64_t values[] = {0, -1, 1, INT64_MIN, INT64_MAX, -1000000};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        uint8_t buffer[ORDO_VARINT_MAX];
        struct ordo_writer w = ordo_writer_over(buffer, sizeof(buffer));
        ordo_write_zigzag(&w, values[i]);
        struct ordo_reader r = ordo_reader_over(buffer, ordo_writer_size(&w));
        cr_assert_eq(ordo_read_zigzag(&r), values[i]);
    }
}

Test(bytes, reader_fails_at_the_end_and_stays_failed)
{
    const uint8_t data[] = {1, 2, 3};
    struct ordo_reader r = ordo_reader_over(data, sizeof(data));
    cr_assert_eq(ordo_read_le32(&r), 0);
    cr_assert(r.failed);
    cr_assert_eq(ordo_read_u8(&r), 0);
    r = ordo_reader_over(
        "\x05"
        "ab",
        3);
    cr_assert_null(ordo_read_bytes(&r, 100).data);
    cr_assert(r.failed);
}

Test(bytes, writer_never_passes_its_end)
{
    uint8_t buffer[5] = {0};
    struct ordo_writer w = ordo_writer_over(buffer, 4);
    ordo_write_le32(&w, 0x01020304);
    ordo_write_u8(&w, 9);
    cr_assert(w.failed);
    cr_assert_eq(buffer[4], 0);
    cr_assert_eq(buffer[0], 4);
}

Test(histogram, quantiles_are_right_to_a_thousandth)
{
    static struct ordo_histogram h;
    ordo_histogram_reset(&h);
    for (uint64_t i = 1; i <= 1000000; i++) {
        ordo_histogram_record(&h, i);
    }
    double p50 = (double)ordo_histogram_quantile(&h, 0.5);
    double p999 = (double)ordo_histogram_quantile(&h, 0.999);
    cr_assert(p50 >= 500000 && p50 <= 500500, "%f", p50);
    cr_assert(p999 >= 999000 && p999 <= 1000000, "%f", p999);
    cr_assert_eq(ordo_histogram_quantile(&h, 1.0), 1000000);
}

Test(histogram, takes_any_value)
{
    static struct ordo_histogram h;
    ordo_histogram_reset(&h);
    ordo_histogram_record(&h, 0);
    ordo_histogram_record(&h, UINT64_MAX);
    cr_assert_eq(h.total, 2);
    cr_assert_eq(ordo_histogram_quantile(&h, 1.0), UINT64_MAX);
}

Test(arena, allocation_after_the_seal_asserts, .signal = SIGABRT)
{
    static struct ordo_arena arena;
    void *p;
    ordo_arena_init(&arena);
    ordo_arena_seal(&arena);
    (void)!ordo_arena_alloc(&arena, "late", 1, 1, &p);
}

Test(arena, gives_zeroed_memory_and_refuses_overflow)
{
    static struct ordo_arena arena;
    uint8_t *p;
    void *q;
    ordo_arena_init(&arena);
    cr_assert_eq(ordo_arena_alloc(&arena, "small", 100, 10, (void **)&p), ORDO_OK);
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(p[i], 0);
    }
    cr_assert_eq(ordo_arena_alloc(&arena, "huge", SIZE_MAX, 16, &q), ORDO_ERR_NO_MEMORY);
    ordo_arena_fini(&arena);
}

Test(arena, takes_all_pages_and_leaves_what_is_in_them)
{
    static struct ordo_arena arena;
    uint8_t *p;
    uint8_t *q;
    unsigned char in_core[2] = {0};
    ordo_arena_init(&arena);
    cr_assert_eq(ordo_arena_alloc(&arena, "small", 2, 4096, (void **)&p), ORDO_OK);
    cr_assert_eq(ordo_arena_alloc(&arena, "large", 3, 1 << 20, (void **)&q), ORDO_OK);
    p[5000] = 7;
    q[1] = 9;
    cr_assert_eq(ordo_arena_take(&arena), ORDO_OK);
    cr_assert_eq(mincore(p, 8192, in_core), 0);
    cr_assert((in_core[0] & 1) != 0 && (in_core[1] & 1) != 0);
    cr_assert_eq(p[5000], 7);
    cr_assert_eq(q[1], 9);
    cr_assert_eq(q[(3 << 20) - 1], 0);
    ordo_arena_fini(&arena);
}

static void set_flag(void *context)
{
    *(int *)context = 1;
}

Test(thread, runs_and_joins_and_refuses_a_missing_cpu)
{
    struct ordo_thread thread;
    int flag = 0;
    cr_assert_eq(ordo_thread_start(&thread, "test", ORDO_CPU_ANY, set_flag, &flag), ORDO_OK);
    ordo_thread_join(&thread);
    cr_assert_eq(flag, 1);
    cr_assert_eq(ordo_thread_start(&thread, "test", 1000, set_flag, &flag), ORDO_ERR_CONFIG);
    ordo_thread_join(&thread);
}

Test(hash, chain_depends_on_the_order)
{
    struct ordo_hash128 zero = {0, 0};
    struct ordo_hash128 ab = ordo_hash_chain(ordo_hash_chain(zero, "a", 1), "b", 1);
    struct ordo_hash128 ba = ordo_hash_chain(ordo_hash_chain(zero, "b", 1), "a", 1);
    cr_assert(ab.low != ba.low);
}
