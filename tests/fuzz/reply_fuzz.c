/* A reply as a client reads it, with the body of every kind of query. The first byte chooses the
 * body that is read, because a reply does not say what was asked. */
#include "fuzz.h"
#include "net/service.h"

static void read_list(struct ordo_mp_reader body)
{
    struct ordo_order_view view;
    uint64_t next;
    uint32_t count = ordo_body_list(&body, &next);
    for (uint32_t i = 0; i < count && body.error == NULL; i++) {
        ordo_body_order(&body, &view);
        FUZZ_CHECK(body.error != NULL || view.card_count <= ORDO_CARDS_MAX);
    }
}

static void read_cards(struct ordo_mp_reader body)
{
    struct ordo_bytes sealed;
    uint64_t number;
    uint32_t count = ordo_body_cards(&body);
    for (uint32_t i = 0; i < count && body.error == NULL; i++) {
        ordo_body_card(&body, &number, &sealed);
    }
}

static void read_settings(struct ordo_mp_reader body)
{
    uint64_t key;
    int64_t value;
    uint32_t count = ordo_body_settings(&body);
    for (uint32_t i = 0; i < count && body.error == NULL; i++) {
        ordo_body_setting(&body, &key, &value);
    }
}

static void read_subscribers(struct ordo_mp_reader body, bool parks)
{
    struct ordo_subscriber_view subscriber;
    struct ordo_park_view park;
    uint64_t next;
    uint32_t count = ordo_body_list(&body, &next);
    for (uint32_t i = 0; i < count && body.error == NULL; i++) {
        if (parks) {
            ordo_body_park(&body, &park);
        } else {
            ordo_body_subscriber(&body, &subscriber);
        }
    }
}

static void read_waited(struct ordo_mp_reader body)
{
    struct ordo_waited_view view;
    uint32_t count = ordo_body_waited(&body);
    for (uint32_t i = 0; i < count && body.error == NULL; i++) {
        ordo_body_waited_order(&body, &view);
    }
}

static void read_fetch(struct ordo_mp_reader body)
{
    struct ordo_fetch_head head;
    struct ordo_update update;
    uint32_t count = ordo_body_fetch(&body, &head);
    for (uint32_t i = 0; i < count && body.error == NULL; i++) {
        ordo_body_fetch_update(&body, &update);
        FUZZ_CHECK(body.error != NULL || update.order_id.size <= ORDO_ORDER_ID_MAX);
    }
}

static void read_history(struct ordo_mp_reader body)
{
    struct ordo_history_entry entry;
    uint64_t next;
    uint32_t count = ordo_body_history(&body, &next);
    for (uint32_t i = 0; i < count && body.error == NULL; i++) {
        ordo_body_history_entry(&body, &entry);
        FUZZ_CHECK(body.error != NULL || entry.change_count <= ORDO_TRANSITIONS_MAX);
    }
}

static void read_stats(struct ordo_mp_reader body)
{
    struct ordo_bytes name;
    uint64_t value;
    uint32_t count = ordo_body_stats(&body);
    for (uint32_t i = 0; i < count && body.error == NULL; i++) {
        ordo_body_stat(&body, &name, &value);
    }
}

static void read_page(uint8_t which, struct ordo_mp_reader body)
{
    switch (which) {
    case 0:
        read_subscribers(body, false);
        break;
    case 1:
        read_subscribers(body, true);
        break;
    case 2:
        read_waited(body);
        break;
    case 3:
        read_fetch(body);
        break;
    case 4:
        read_history(body);
        break;
    default:
        read_stats(body);
        break;
    }
}

static void read_body(uint8_t which, struct ordo_mp_reader body)
{
    struct ordo_order_view order;
    struct ordo_stock_view stock;
    struct ordo_coupon_view coupon;
    struct ordo_head_view head;
    if (which >= 128) {
        read_page(which % 6, body);
        return;
    }
    switch (which % 7) {
    case 0:
        ordo_body_order(&body, &order);
        break;
    case 1:
        ordo_body_stock(&body, &stock);
        break;
    case 2:
        ordo_body_coupon(&body, &coupon);
        break;
    case 3:
        ordo_body_head(&body, &head);
        break;
    case 4:
        read_list(body);
        break;
    case 5:
        read_cards(body);
        break;
    default:
        read_settings(body);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ordo_reply_reader reader;
    struct ordo_wire_fault fault;
    if (size < 1) {
        return 0;
    }
    struct ordo_bytes bytes = {data + 1, (uint32_t)size - 1};
    if (!ordo_reply_open(&reader, bytes, &fault)) {
        return 0;
    }
    while (reader.next < reader.count) {
        struct ordo_reply_item item;
        if (!ordo_reply_next(&reader, &item, &fault)) {
            return 0;
        }
        if (item.has_body) {
            read_body(data[0], item.body);
        }
        FUZZ_CHECK(item.text.size == 0 || item.text.data >= bytes.data);
        FUZZ_CHECK(item.text.size <= bytes.size);
    }
    return 0;
}
