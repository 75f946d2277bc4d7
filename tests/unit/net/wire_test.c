/* Replies, bodies of queries and stream frames: what is written is what is read, the bytes of the
 * specification's examples, and damage.
 */
#include "net/frame.h"
#include "order/result.h"

#include "random.h"
#include "wire_bytes.h"

#include <criterion/criterion.h>

static uint8_t frame_bytes[1u << 20];
static uint8_t outcome_bytes[ORDO_QUERY_SIZE_MAX];

static const uint8_t node[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const uint8_t hash[16] = {
    0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf};

static struct ordo_bytes text(const char *s)
{
    return (struct ordo_bytes){(const uint8_t *)s, (uint32_t)strlen(s)};
}

static struct ordo_bytes written(const struct ordo_writer *out)
{
    cr_assert(!out->failed);
    return (struct ordo_bytes){out->begin, (uint32_t)ordo_writer_size(out)};
}

static struct ordo_writer begin_reply(uint32_t count)
{
    struct ordo_writer out = ordo_writer_over(frame_bytes, sizeof(frame_bytes));
    struct ordo_reply_head head = {.durable_seq = 1000, .time_us = 1700000000000000};
    memcpy(head.node, node, 16);
    ordo_reply_begin(&out, 77, &head, count);
    return out;
}

Test(request, has_the_bytes_of_the_specification)
{
    static const uint8_t buyer[16] = {
        0xb0,
        0xb1,
        0xb2,
        0xb3,
        0xb4,
        0xb5,
        0xb6,
        0xb7,
        0xb8,
        0xb9,
        0xba,
        0xbb,
        0xbc,
        0xbd,
        0xbe,
        0xbf};
    struct ordo_command commands[3] = {
        {.kind = ORDO_KIND_CREATE,
         .shop = 7,
         .create =
             {.order_id = {(const uint8_t *)"A-1001", 6},
              .buyer = {buyer, 16},
              .product = 300,
              .quantity = 1,
              .amount = 1990,
              .currency = 156}},
        {.kind = ORDO_KIND_FACT,
         .shop = 7,
         .fact =
             {.fact = ORDO_FACT_PAY,
              .channel = 1,
              .merchant = {(const uint8_t *)"m1", 2},
              .order_id = {(const uint8_t *)"A-1001", 6},
              .trade_no = {(const uint8_t *)"2026", 4},
              .amount = 1990,
              .currency = 156,
              .verified_by = ORDO_VERIFIED_SIGNATURE}},
        {.kind = ORDO_KIND_GET, .shop = 7, .get = {.order_id = {(const uint8_t *)"A-1001", 6}}},
    };
    for (int i = 0; i < 16; i++) {
        commands[0].id[i] = (uint8_t)i;
    }
    struct ordo_writer out = ordo_writer_over(frame_bytes, sizeof(frame_bytes));
    ordo_request_encode(&out, 77, commands, 3);
    expect_documented(
        written(&out),
        "94 01 4d c0 93"
        "99 04 c410000102030405060708090a0b0c0d0e0f 07 a6412d31303031"
        "c410b0b1b2b3b4b5b6b7b8b9babbbcbdbebf cd012c 01 cd07c6 cc9c"
        "9d 06 c0 07 01 01 a26d31 a6412d31303031 a432303236 cd07c6 cc9c 00 00 01"
        "94 cc80 c0 07 a6412d31303031");
}

Test(reply, has_the_bytes_of_the_specification)
{
    struct ordo_writer out = begin_reply(2);
    struct ordo_result result = {
        .seq = 999, .version = 3, .code = ORDO_RESULT_OK, .state = 6, .disposition = 1};
    ordo_reply_result(&out, &result);
    ordo_reply_refusal(&out, ORDO_RESULT_MALFORMED, text("bad"));
    expect_documented(
        written(&out),
        "94 01 4d"
        "96 c4100102030405060708090a0b0c0d0e0f10 cd03e8 cf00060a24181e4000 00 a0 00"
        "92 95 00 cd03e7 06 03 01"
        "93 02 00 a3626164");
}

Test(reply, refusing_a_whole_frame_has_code_and_text_in_its_head)
{
    struct ordo_writer out = ordo_writer_over(frame_bytes, sizeof(frame_bytes));
    struct ordo_reply_head head = {
        .code = ORDO_RESULT_MALFORMED, .text = text("why"), .retry_ms = 250};
    struct ordo_reply_reader reader;
    struct ordo_wire_fault fault;
    ordo_reply_begin(&out, 0, &head, 0);
    cr_assert(ordo_reply_open(&reader, written(&out), &fault), "%s", fault.text);
    cr_assert_eq(reader.head.code, ORDO_RESULT_MALFORMED);
    cr_assert(ordo_bytes_equal(reader.head.text, text("why")));
    cr_assert_eq(reader.head.retry_ms, 250);
    cr_assert_eq(reader.count, 0);
}

Test(reply, gives_back_random_results)
{
    struct random r = random_begin("reply/gives_back_random_results");
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_wire_fault fault;
    struct ordo_result sent[ORDO_WIRE_COMMANDS_MAX];
    struct ordo_writer out = begin_reply(ORDO_WIRE_COMMANDS_MAX);
    for (int i = 0; i < ORDO_WIRE_COMMANDS_MAX; i++) {
        sent[i] = (struct ordo_result){
            .seq = random_wide(&r),
            .version = (uint32_t)random_wide(&r),
            .code = (uint16_t)random_next(&r),
            .state = (uint8_t)random_next(&r),
            .disposition = (uint8_t)random_next(&r),
        };
        ordo_reply_result(&out, &sent[i]);
    }
    cr_assert(ordo_reply_open(&reader, written(&out), &fault), "%s", fault.text);
    cr_assert_eq(reader.request_id, 77);
    cr_assert_eq(reader.head.durable_seq, 1000);
    cr_assert_eq(reader.head.time_us, 1700000000000000);
    cr_assert_arr_eq(reader.head.node, node, 16);
    cr_assert_eq(reader.count, ORDO_WIRE_COMMANDS_MAX);
    for (int i = 0; i < ORDO_WIRE_COMMANDS_MAX; i++) {
        cr_assert(ordo_reply_next(&reader, &item, &fault), "%s", fault.text);
        cr_assert_eq(item.form, ORDO_REPLY_DECIDED);
        cr_assert(memcmp(&item.result, &sent[i], sizeof(sent[i])) == 0, "result %d", i);
    }
    cr_assert(ordo_mp_is_done(&reader.mp));
}

/* Puts one outcome of a query into a reply and opens its body. */
static struct ordo_mp_reader body_of(uint8_t kind, struct ordo_writer *outcome)
{
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_wire_fault fault;
    struct ordo_writer out = begin_reply(1);
    cr_assert(ordo_reply_outcome(&out, kind, 55, written(outcome)));
    cr_assert(ordo_reply_open(&reader, written(&out), &fault), "%s", fault.text);
    cr_assert(ordo_reply_next(&reader, &item, &fault), "%s", fault.text);
    cr_assert_eq(item.form, ORDO_REPLY_QUERY);
    cr_assert_eq(item.result.code, ORDO_RESULT_OK);
    cr_assert_eq(item.result.seq, 55);
    cr_assert(item.has_body);
    return item.body;
}

/* An outcome of a query up to its body. */
static struct ordo_writer begin_outcome(uint16_t code)
{
    struct ordo_writer out = ordo_writer_over(outcome_bytes, sizeof(outcome_bytes));
    ordo_result_encode(&(struct ordo_result){.code = code, .seq = 55}, 55, &out);
    return out;
}

static struct ordo_order_view random_order(struct random *r)
{
    struct ordo_order_view v = {
        .order_id = text("A-1001"),
        .buyer = {node, 16},
        .product = random_wide(r),
        .quantity = (uint32_t)random_wide(r),
        .amount = (int64_t)random_wide(r),
        .currency = 156,
        .state = 6,
        .flags = (uint32_t)random_wide(r),
        .version = (uint32_t)random_wide(r),
        .created_us = random_wide(r),
        .changed_us = random_wide(r),
        .deadline_us = random_wide(r),
        .paid = -(int64_t)(random_wide(r) >> 1),
        .refund_due = (int64_t)(random_wide(r) >> 1),
        .refunded = (int64_t)(random_wide(r) >> 1),
        .review = (int64_t)(random_wide(r) >> 1),
        .last_seq = random_wide(r),
        .card_count = (uint32_t)random_below(r, ORDO_CARDS_MAX + 1),
    };
    for (uint32_t i = 0; i < v.card_count; i++) {
        v.cards[i] = random_wide(r);
    }
    return v;
}

static void expect_order(const struct ordo_order_view *got, const struct ordo_order_view *sent)
{
    cr_assert(ordo_bytes_equal(got->order_id, sent->order_id));
    cr_assert(ordo_bytes_equal(got->buyer, sent->buyer));
    cr_assert_eq(got->product, sent->product);
    cr_assert_eq(got->quantity, sent->quantity);
    cr_assert_eq(got->amount, sent->amount);
    cr_assert_eq(got->currency, sent->currency);
    cr_assert_eq(got->state, sent->state);
    cr_assert_eq(got->flags, sent->flags);
    cr_assert_eq(got->version, sent->version);
    cr_assert_eq(got->created_us, sent->created_us);
    cr_assert_eq(got->changed_us, sent->changed_us);
    cr_assert_eq(got->deadline_us, sent->deadline_us);
    cr_assert_eq(got->paid, sent->paid);
    cr_assert_eq(got->refund_due, sent->refund_due);
    cr_assert_eq(got->refunded, sent->refunded);
    cr_assert_eq(got->review, sent->review);
    cr_assert_eq(got->last_seq, sent->last_seq);
    cr_assert_eq(got->card_count, sent->card_count);
    cr_assert_arr_eq(got->cards, sent->cards, sent->card_count * sizeof(sent->cards[0]));
}

Test(body, of_get_find_and_list_carries_orders)
{
    struct random r = random_begin("body/of_get_find_and_list_carries_orders");
    struct ordo_order_view got;
    for (int i = 0; i < 200; i++) {
        struct ordo_order_view sent = random_order(&r);
        struct ordo_writer outcome = begin_outcome(ORDO_RESULT_OK);
        ordo_order_view_encode(&sent, &outcome);
        struct ordo_mp_reader in = body_of(i % 2 == 0 ? ORDO_KIND_GET : ORDO_KIND_FIND, &outcome);
        ordo_body_order(&in, &got);
        cr_assert_null(in.error, "%s", in.error);
        expect_order(&got, &sent);
    }
    struct ordo_order_view sent[50];
    struct ordo_writer outcome = begin_outcome(ORDO_RESULT_OK);
    ordo_write_varint(&outcome, 50);
    ordo_write_varint(&outcome, 123456);
    for (int i = 0; i < 50; i++) {
        sent[i] = random_order(&r);
        ordo_order_view_encode(&sent[i], &outcome);
    }
    uint64_t next;
    struct ordo_mp_reader in = body_of(ORDO_KIND_LIST, &outcome);
    cr_assert_eq(ordo_body_list(&in, &next), 50);
    cr_assert_eq(next, 123456);
    for (int i = 0; i < 50; i++) {
        ordo_body_order(&in, &got);
        cr_assert_null(in.error, "%s", in.error);
        expect_order(&got, &sent[i]);
    }
}

Test(body, of_stock_head_and_cards_is_carried)
{
    struct ordo_stock_view stock = {9, 1990, 156, 3, 100, UINT64_MAX, 1, 2, 3, 4, 5, 6};
    struct ordo_stock_view got_stock;
    struct ordo_writer outcome = begin_outcome(ORDO_RESULT_OK);
    ordo_stock_view_encode(&stock, &outcome);
    struct ordo_mp_reader in = body_of(ORDO_KIND_STOCK, &outcome);
    ordo_body_stock(&in, &got_stock);
    cr_assert_null(in.error);
    cr_assert_eq(got_stock.available, UINT64_MAX);
    cr_assert_eq(got_stock.price, 1990);
    cr_assert_eq(got_stock.voided, 4);
    cr_assert_eq(got_stock.backorders, 5);
    cr_assert_eq(got_stock.waiting, 6);

    struct ordo_head_view head = {11, 22, 33, {0}, 44};
    struct ordo_head_view got_head;
    memcpy(head.stream_hash, hash, 16);
    outcome = begin_outcome(ORDO_RESULT_OK);
    ordo_head_view_encode(&head, &outcome);
    in = body_of(ORDO_KIND_HEAD, &outcome);
    ordo_body_head(&in, &got_head);
    cr_assert_null(in.error);
    cr_assert(memcmp(&got_head, &head, sizeof(head)) == 0);

    outcome = begin_outcome(ORDO_RESULT_OK);
    ordo_write_varint(&outcome, 2);
    ordo_write_varint(&outcome, 7001);
    ordo_write_bytes(&outcome, text("sealed one"));
    ordo_write_varint(&outcome, 7002);
    ordo_write_bytes(&outcome, text("sealed two"));
    in = body_of(ORDO_KIND_CARDS, &outcome);
    uint64_t number;
    struct ordo_bytes sealed;
    cr_assert_eq(ordo_body_cards(&in), 2);
    ordo_body_card(&in, &number, &sealed);
    ordo_body_card(&in, &number, &sealed);
    cr_assert_null(in.error);
    cr_assert_eq(number, 7002);
    cr_assert(ordo_bytes_equal(sealed, text("sealed two")));
}

Test(body, of_coupon_is_carried)
{
    struct ordo_coupon_view sent = {text("SPRING"), 9, 500, 1000, 7, 8, 2, 1, 10, 20};
    struct ordo_coupon_view got;
    struct ordo_writer outcome = begin_outcome(ORDO_RESULT_OK);
    ordo_coupon_view_encode(&sent, &outcome);
    struct ordo_mp_reader in = body_of(ORDO_KIND_COUPON, &outcome);
    ordo_body_coupon(&in, &got);
    cr_assert_null(in.error, "%s", in.error);
    cr_assert(ordo_bytes_equal(got.coupon, sent.coupon));
    cr_assert_eq(got.product, 9);
    cr_assert_eq(got.discount, 500);
    cr_assert_eq(got.discount_share, 1000);
    cr_assert_eq(got.uses_max, 7);
    cr_assert_eq(got.used, 8);
    cr_assert_eq(got.returned, 2);
    cr_assert_eq(got.overdrawn, 1);
    cr_assert_eq(got.valid_from_us, 10);
    cr_assert_eq(got.valid_until_us, 20);
}

Test(body, is_nil_when_the_query_found_nothing)
{
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_wire_fault fault;
    struct ordo_writer outcome = begin_outcome(ORDO_RESULT_ORDER_UNKNOWN);
    struct ordo_writer out = begin_reply(1);
    cr_assert(ordo_reply_outcome(&out, ORDO_KIND_GET, 55, written(&outcome)));
    cr_assert(ordo_reply_open(&reader, written(&out), &fault));
    cr_assert(ordo_reply_next(&reader, &item, &fault));
    cr_assert_eq(item.form, ORDO_REPLY_QUERY);
    cr_assert_eq(item.result.code, ORDO_RESULT_ORDER_UNKNOWN);
    cr_assert_not(item.has_body);
}

Test(reply, with_elements_of_a_later_version_is_read)
{
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_wire_fault fault;
    uint8_t bytes[256];
    struct ordo_bytes frame = bytes_of(
        "95 01 07 98 ID 05 06 00 a0 14 c3 9101 93 96 00 05 06 03 01 c0 94 02 00 a162 81a16101"
        "94 00 05 c0 c0 c2",
        bytes,
        sizeof(bytes));
    frame.data = bytes;
    cr_assert(ordo_reply_open(&reader, frame, &fault), "%s", fault.text);
    cr_assert_eq(reader.count, 3);
    cr_assert(ordo_reply_next(&reader, &item, &fault), "%s", fault.text);
    cr_assert_eq(item.result.state, 6);
    cr_assert(ordo_reply_next(&reader, &item, &fault), "%s", fault.text);
    cr_assert_eq(item.form, ORDO_REPLY_REFUSED);
    cr_assert(ordo_bytes_equal(item.text, text("b")));
    cr_assert(ordo_reply_next(&reader, &item, &fault), "%s", fault.text);
    cr_assert_eq(item.form, ORDO_REPLY_QUERY);
}

/* ---- stream ---- */

static struct ordo_update random_update(struct random *r, uint64_t update_seq)
{
    return (struct ordo_update){
        .update_seq = update_seq,
        .seq = random_wide(r),
        .time_us = random_wide(r),
        .shop = (uint32_t)random_wide(r),
        .order_id = text("12345678901234567890123456789012"),
        .version = (uint32_t)random_wide(r),
        .from = (uint8_t)random_next(r),
        .to = (uint8_t)random_next(r),
        .cause = (uint8_t)random_next(r),
        .disposition = (uint8_t)random_next(r),
        .flags = (uint32_t)random_wide(r),
    };
}

Test(stream, has_the_bytes_of_the_specification)
{
    uint8_t updates_bytes[256];
    struct ordo_writer updates = ordo_writer_over(updates_bytes, sizeof(updates_bytes));
    struct ordo_update update = {
        41, 999, 1700000000000000, 7, text("A-1001"), 3, 4, 6, ORDO_KIND_FACT, 1, 0};
    ordo_stream_update(&updates, &update);
    struct ordo_writer out = ordo_writer_over(frame_bytes, sizeof(frame_bytes));
    ordo_stream_updates(&out, node, 41, hash, 1, written(&updates));
    expect_documented(
        written(&out),
        "75 95 01 c4100102030405060708090a0b0c0d0e0f10 29 c410a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
        "91 9a cd03e7 cf00060a24181e4000 07 a6412d31303031 03 04 06 06 01 00");

    struct ordo_heartbeat heartbeat = {
        .update_seq = 41, .durable_seq = 1000, .time_us = 1700000000000000};
    memcpy(heartbeat.node, node, 16);
    memcpy(heartbeat.hash, hash, 16);
    out = ordo_writer_over(frame_bytes, sizeof(frame_bytes));
    ordo_stream_heartbeat(&out, &heartbeat);
    expect_documented(
        written(&out),
        "68 96 01 c4100102030405060708090a0b0c0d0e0f10 29 c410a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
        "cd03e8 cf00060a24181e4000");
}

Test(stream, gives_back_random_updates_within_their_bound)
{
    struct random r = random_begin("stream/gives_back_random_updates_within_their_bound");
    static uint8_t updates_bytes[ORDO_WIRE_STREAM_MAX];
    struct ordo_update sent[400];
    struct ordo_update got;
    struct ordo_stream_reader reader;
    struct ordo_wire_fault fault;
    struct ordo_writer updates = ordo_writer_over(updates_bytes, sizeof(updates_bytes));
    for (int i = 0; i < 400; i++) {
        size_t before = ordo_writer_size(&updates);
        sent[i] = random_update(&r, 1000 + (uint64_t)i);
        ordo_stream_update(&updates, &sent[i]);
        cr_assert(ordo_writer_size(&updates) - before <= ORDO_WIRE_UPDATE_MAX);
    }
    struct ordo_writer out = ordo_writer_over(frame_bytes, sizeof(frame_bytes));
    ordo_stream_updates(&out, node, 1000, hash, 400, written(&updates));
    cr_assert(ordo_stream_open(&reader, written(&out), &fault), "%s", fault.text);
    cr_assert_eq(reader.topic, ORDO_TOPIC_UPDATES);
    cr_assert_eq(reader.count, 400);
    cr_assert_eq(reader.first_update_seq, 1000);
    cr_assert_eq(reader.heartbeat.update_seq, 1399);
    cr_assert_arr_eq(reader.heartbeat.hash, hash, 16);
    for (int i = 0; i < 400; i++) {
        uint8_t a[ORDO_UPDATE_SIZE_MAX];
        uint8_t b[ORDO_UPDATE_SIZE_MAX];
        cr_assert(ordo_stream_next(&reader, &got, &fault), "%s", fault.text);
        size_t size = ordo_update_bytes(&sent[i], a);
        cr_assert_eq(ordo_update_bytes(&got, b), size);
        cr_assert_arr_eq(a, b, size);
    }
    for (uint32_t cut = 0; cut < 1000; cut++) {
        struct ordo_bytes frame = {frame_bytes, cut};
        cr_assert_not(ordo_stream_open(&reader, frame, &fault), "%u", cut);
    }
}

Test(stream, gives_back_a_heartbeat)
{
    struct ordo_stream_reader reader;
    struct ordo_wire_fault fault;
    struct ordo_heartbeat sent = {.update_seq = 1, .durable_seq = UINT64_MAX, .time_us = 5};
    memcpy(sent.node, node, 16);
    memcpy(sent.hash, hash, 16);
    struct ordo_writer out = ordo_writer_over(frame_bytes, sizeof(frame_bytes));
    ordo_stream_heartbeat(&out, &sent);
    struct ordo_bytes frame = written(&out);
    cr_assert(ordo_stream_open(&reader, frame, &fault), "%s", fault.text);
    cr_assert_eq(reader.topic, ORDO_TOPIC_HEARTBEAT);
    cr_assert(memcmp(&reader.heartbeat, &sent, sizeof(sent)) == 0);
    for (; frame.size > 0; frame.size--) {
        cr_assert_eq(
            ordo_stream_open(&reader, frame, &fault), frame.size == ordo_writer_size(&out));
    }
}
