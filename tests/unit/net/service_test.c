/* Services on the wire: what a client writes is what a server reads, what a server answers is what
 * a client reads, and everything else is refused by name. The page of the protocol has every one.
 */
#include "net/service.h"
#include "order/result.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

static uint8_t frame[ORDO_SERVICE_FRAME_MAX];
static uint8_t lists[ORDO_SERVICE_SCRATCH];
static uint8_t scratch[ORDO_SERVICE_SCRATCH];

static struct ordo_bytes text(const char *s)
{
    return (struct ordo_bytes){(const uint8_t *)s, (uint32_t)strlen(s)};
}

static struct ordo_bytes encode(const struct ordo_service *service)
{
    struct ordo_writer out = ordo_writer_over(frame, sizeof(frame));
    ordo_service_encode(&out, 77, service);
    cr_assert(!out.failed);
    return (struct ordo_bytes){frame, (uint32_t)ordo_writer_size(&out)};
}

static bool
read_back(struct ordo_bytes bytes, struct ordo_service *service, struct ordo_wire_fault *fault)
{
    struct ordo_request_reader reader;
    struct ordo_writer room = ordo_writer_over(scratch, sizeof(scratch));
    cr_assert(ordo_request_open(&reader, bytes, fault), "%s", fault->text);
    cr_assert(ordo_request_is_service(&reader));
    cr_assert_eq(reader.request_id, 77);
    cr_assert_eq(reader.class, ORDO_CLASS_QUERY);
    return ordo_service_read(&reader, service, &room, fault);
}

Test(service, is_read_as_it_was_written)
{
    struct ordo_wire_fault fault;
    struct ordo_service out = {.kind = ORDO_SERVICE_FETCH, .shop = 9};
    struct ordo_service in;
    struct ordo_writer orders = ordo_writer_over(lists, sizeof(lists));
    char name[ORDO_ORDER_ID_MAX + 1];
    for (uint32_t i = 0; i < ORDO_FETCH_ORDERS_MAX; i++) {
        snprintf(name, sizeof(name), "order-%026u", i);
        ordo_write_bytes(&orders, text(name));
    }
    cr_assert(!orders.failed);
    out.fetch.from = UINT64_MAX;
    out.fetch.limit = ORDO_FETCH_LIMIT_MAX;
    out.fetch.by_shop = 1;
    out.fetch.orders.raw = (struct ordo_bytes){lists, (uint32_t)ordo_writer_size(&orders)};
    out.fetch.orders.count = ORDO_FETCH_ORDERS_MAX;
    cr_assert(read_back(encode(&out), &in, &fault), "%s", fault.text);
    cr_assert_eq(in.kind, ORDO_SERVICE_FETCH);
    cr_assert_eq(in.shop, 9);
    cr_assert_eq(in.fetch.from, UINT64_MAX);
    cr_assert_eq(in.fetch.limit, ORDO_FETCH_LIMIT_MAX);
    cr_assert_eq(in.fetch.by_shop, 1);
    cr_assert_eq(in.fetch.orders.count, ORDO_FETCH_ORDERS_MAX);
    cr_assert(ordo_bytes_equal(in.fetch.orders.raw, out.fetch.orders.raw));

    out = (struct ordo_service){.kind = ORDO_SERVICE_HISTORY, .shop = 1};
    out.history.seq = 5;
    out.history.order_id = text("A-1");
    cr_assert(read_back(encode(&out), &in, &fault), "%s", fault.text);
    cr_assert_eq(in.history.seq, 5);
    cr_assert(ordo_bytes_equal(in.history.order_id, text("A-1")));
    cr_assert_eq(in.history.limit, 0);

    out = (struct ordo_service){.kind = ORDO_SERVICE_STATS};
    cr_assert(read_back(encode(&out), &in, &fault), "%s", fault.text);
    cr_assert_eq(in.kind, ORDO_SERVICE_STATS);
}

Test(service, is_refused_by_name_when_it_is_none)
{
    static const struct {
        const char *bytes;
        uint32_t size;
        const char *says;
    } cases[] = {
        {"\x94\x01\x4d\xc0\x91\x94\xcc\xc3\xc0\x00\x01", 11, "kind"},
        {"\x94\x01\x4d\xc0\x91\x93\xcc\xc0\x01\x00", 10, "id"},
        {"\x94\x01\x4d\xc0\x91\x93\xcc\xc0\xc0\xc0", 10, "shop"},
        {"\x94\x01\x4d\xc0\x91\x92\xcc\xc0\xc0", 9, "fetch"},
        {"\x94\x01\x4d\xc0\x91\x94\xcc\xc0\xc0\x00\xa1\x61", 12, "from"},
        {"\x94\x01\x4d\xc0\x91\x96\xcc\xc0\xc0\x00\x01\x00\x02", 13, "by_shop"},
        {"\x94\x01\x4d\xc0\x91\x95\xcc\xc1\xc0\x00\x01\xa1\x20", 13, "order_id"},
        {"\x94\x01\x4d\xc0\x91\x94\xcc\xc2\xc0\x00\x01", 11, "stats"},
    };
    struct ordo_wire_fault fault;
    struct ordo_service in;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ordo_bytes bytes = {(const uint8_t *)cases[i].bytes, cases[i].size};
        cr_assert(!read_back(bytes, &in, &fault), "case %zu", i);
        cr_assert_eq(fault.code, ORDO_RESULT_MALFORMED, "case %zu", i);
        cr_assert(strstr(fault.text, cases[i].says) != NULL, "case %zu: %s", i, fault.text);
    }
}

Test(service, is_alone_in_its_request)
{
    struct ordo_writer out = ordo_writer_over(frame, sizeof(frame));
    struct ordo_writer room = ordo_writer_over(scratch, sizeof(scratch));
    struct ordo_request_reader reader;
    struct ordo_wire_fault fault;
    struct ordo_command command;
    static const uint8_t stats[] = {0x93, 0xcc, 0xc2, 0xc0, 0x00};
    ordo_request_begin(&out, 77, 2);
    ordo_request_command(&out, &(struct ordo_command){.kind = ORDO_KIND_HEAD});
    ordo_write_raw(&out, stats, sizeof(stats));
    struct ordo_bytes bytes = {frame, (uint32_t)ordo_writer_size(&out)};
    cr_assert(ordo_request_open(&reader, bytes, &fault), "%s", fault.text);
    cr_assert(!ordo_request_is_service(&reader));
    cr_assert(ordo_request_next(&reader, &command, &room, &fault));
    cr_assert(!ordo_request_next(&reader, &command, &room, &fault));
    cr_assert_eq(fault.code, ORDO_RESULT_MALFORMED);
    cr_assert(strstr(fault.text, "alone") != NULL, "%s", fault.text);
}

/* Opens a reply with one result, of a service. */
static void open_answer(const struct ordo_writer *out, struct ordo_reply_item *item)
{
    static struct ordo_reply_reader reader;
    struct ordo_wire_fault fault;
    struct ordo_bytes bytes = {out->begin, (uint32_t)ordo_writer_size(out)};
    cr_assert(!out->failed);
    cr_assert(ordo_reply_open(&reader, bytes, &fault), "%s", fault.text);
    cr_assert(ordo_reply_next(&reader, item, &fault), "%s", fault.text);
    cr_assert_eq(item->form, ORDO_REPLY_QUERY);
}

static struct ordo_writer begin_answer(uint16_t code)
{
    static uint8_t reply[65536];
    struct ordo_writer out = ordo_writer_over(reply, sizeof(reply));
    ordo_reply_begin(&out, 77, &(struct ordo_reply_head){.durable_seq = 3}, 1);
    ordo_service_result(&out, code, 3);
    return out;
}

Test(service, answers_a_fetch_with_all_that_an_update_is)
{
    static const struct ordo_update widest = {
        .update_seq = UINT64_MAX,
        .seq = UINT64_MAX,
        .time_us = UINT64_MAX,
        .shop = UINT32_MAX,
        .order_id = {(const uint8_t *)"01234567890123456789012345678901", 32},
        .version = UINT32_MAX,
        .from = 255,
        .to = 255,
        .cause = 255,
        .disposition = 255,
        .flags = UINT32_MAX,
    };
    struct ordo_fetch_head head = {.first = UINT64_MAX, .last = UINT64_MAX, .head = UINT64_MAX};
    struct ordo_fetch_head back;
    struct ordo_reply_item item;
    struct ordo_update update;
    memset(head.hash, 0xab, sizeof(head.hash));
    struct ordo_writer out = begin_answer(ORDO_RESULT_OK);
    uint8_t *before = out.at;
    ordo_fetch_begin(&out, &head, 65536);
    cr_assert_leq(out.at - before, ORDO_FETCH_HEAD_MAX);
    before = out.at;
    ordo_fetch_update(&out, &widest);
    cr_assert_leq(out.at - before, ORDO_FETCH_UPDATE_MAX);

    out = begin_answer(ORDO_RESULT_OK);
    ordo_fetch_begin(&out, &head, 2);
    ordo_fetch_update(&out, &widest);
    ordo_fetch_update(&out, &widest);
    open_answer(&out, &item);
    cr_assert_eq(ordo_body_fetch(&item.body, &back), 2);
    cr_assert_eq(memcmp(&back, &head, sizeof(back)), 0);
    for (int i = 0; i < 2; i++) {
        ordo_body_fetch_update(&item.body, &update);
        cr_assert_eq(update.update_seq, widest.update_seq);
        cr_assert_eq(update.time_us, widest.time_us);
        cr_assert(ordo_bytes_equal(update.order_id, widest.order_id));
        cr_assert_eq(update.flags, widest.flags);
    }
    cr_assert_null(item.body.error);
}

Test(service, answers_history_and_stats)
{
    struct ordo_history_entry entry = {
        .seq = UINT64_MAX, .time_us = UINT64_MAX, .kind = 255, .code = 65535, .disposition = 255};
    struct ordo_history_entry back;
    struct ordo_reply_item item;
    uint64_t next;
    uint64_t value;
    struct ordo_bytes name;
    entry.change_count = ORDO_TRANSITIONS_MAX;
    for (uint32_t i = 0; i < ORDO_TRANSITIONS_MAX; i++) {
        entry.changes[i].version = UINT32_MAX - i;
        entry.changes[i].from = 255;
        entry.changes[i].to = 254;
        entry.changes[i].flags = UINT32_MAX;
    }
    struct ordo_writer out = begin_answer(ORDO_RESULT_OK);
    ordo_history_begin(&out, 12, 1);
    uint8_t *before = out.at;
    ordo_history_entry(&out, &entry);
    cr_assert_leq(out.at - before, ORDO_HISTORY_ENTRY_MAX);
    open_answer(&out, &item);
    cr_assert_eq(ordo_body_history(&item.body, &next), 1);
    cr_assert_eq(next, 12);
    ordo_body_history_entry(&item.body, &back);
    cr_assert_null(item.body.error);
    cr_assert_eq(back.seq, entry.seq);
    cr_assert_eq(back.change_count, entry.change_count);
    for (uint32_t i = 0; i < ORDO_TRANSITIONS_MAX; i++) {
        cr_assert_eq(back.changes[i].version, entry.changes[i].version);
        cr_assert_eq(back.changes[i].from, entry.changes[i].from);
        cr_assert_eq(back.changes[i].to, entry.changes[i].to);
        cr_assert_eq(back.changes[i].flags, entry.changes[i].flags);
    }

    out = begin_answer(ORDO_RESULT_OK);
    ordo_stats_begin(&out, 2);
    ordo_stats_number(&out, "a", 1);
    ordo_stats_number(&out, "b", UINT64_MAX);
    open_answer(&out, &item);
    cr_assert_eq(ordo_body_stats(&item.body), 2);
    ordo_body_stat(&item.body, &name, &value);
    ordo_body_stat(&item.body, &name, &value);
    cr_assert(ordo_bytes_equal(name, text("b")));
    cr_assert_eq(value, UINT64_MAX);
    cr_assert_null(item.body.error);
}

Test(service, answers_a_code_without_a_body)
{
    struct ordo_reply_item item;
    struct ordo_writer out = begin_answer(905);
    open_answer(&out, &item);
    cr_assert_eq(item.result.code, 905);
    cr_assert_eq(item.result.seq, 3);
    cr_assert(!item.has_body);
}

/* Cut and flipped frames end in a fault, never beyond the bytes (Asan looks). */
Test(service, survives_whatever_a_peer_sends)
{
    struct ordo_service out = {.kind = ORDO_SERVICE_FETCH, .shop = 9};
    struct ordo_writer orders = ordo_writer_over(lists, sizeof(lists));
    struct ordo_wire_fault fault;
    uint8_t copy[256];
    ordo_write_bytes(&orders, text("A-1"));
    out.fetch.from = 70000;
    out.fetch.orders.raw = (struct ordo_bytes){lists, (uint32_t)ordo_writer_size(&orders)};
    out.fetch.orders.count = 1;
    struct ordo_bytes whole = encode(&out);
    for (uint32_t i = 0; i < whole.size * 256; i++) {
        struct ordo_request_reader reader;
        struct ordo_service in;
        struct ordo_writer room = ordo_writer_over(scratch, sizeof(scratch));
        memcpy(copy, whole.data, whole.size);
        copy[i >> 8] = (uint8_t)i;
        if (ordo_request_open(&reader, (struct ordo_bytes){copy, whole.size}, &fault) &&
            ordo_request_is_service(&reader)) {
            bool good = ordo_service_read(&reader, &in, &room, &fault);
            cr_assert(good || fault.text[0] != 0);
        }
    }
}
