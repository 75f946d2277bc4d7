#include "readers.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct ordo_command *begin(struct shop *shop, uint8_t kind)
{
    return make_verb(shop, kind, "");
}

static uint16_t put(struct shop *shop, const char *name, uint64_t acked, bool reset)
{
    struct ordo_subscriber_put *p = &begin(shop, ORDO_KIND_SUBSCRIBER_PUT)->subscriber_put;
    p->subscriber = text(name);
    p->acked = acked;
    p->reset = reset ? 1 : 0;
    return shop_send(shop);
}

uint16_t put_subscriber(struct shop *shop, const char *name, uint64_t acked)
{
    return put(shop, name, acked, false);
}

uint16_t reset_subscriber(struct shop *shop, const char *name, uint64_t acked)
{
    return put(shop, name, acked, true);
}

uint16_t ack_updates(struct shop *shop, const char *name, uint64_t acked)
{
    struct ordo_subscriber_ack *ack = &begin(shop, ORDO_KIND_SUBSCRIBER_ACK)->subscriber_ack;
    ack->subscriber = text(name);
    ack->acked = acked;
    return shop_send(shop);
}

uint16_t park(struct shop *shop, const char *name, const char *order)
{
    struct ordo_park *p = &begin(shop, ORDO_KIND_PARK)->park;
    p->subscriber = text(name);
    p->order_shop = 7;
    p->order_id = text(order);
    p->first_update = 3;
    p->reason = text("no such \xe5\x95\x86\xe5\x93\x81");
    return shop_send(shop);
}

uint16_t unpark(struct shop *shop, const char *name, const char *order)
{
    struct ordo_unpark *p = &begin(shop, ORDO_KIND_UNPARK)->unpark;
    p->subscriber = text(name);
    p->order_shop = 7;
    p->order_id = text(order);
    return shop_send(shop);
}

uint16_t drop_subscriber(struct shop *shop, const char *name)
{
    struct ordo_subscriber_drop *drop = &begin(shop, ORDO_KIND_SUBSCRIBER_DROP)->subscriber_drop;
    drop->subscriber = text(name);
    drop->operator_name = text("wang");
    drop->reason = text("gone");
    return shop_send(shop);
}

struct ordo_subscriber_view subscriber(struct shop *shop, const char *name)
{
    struct ordo_subscriber_view view = {.acked = 0};
    begin(shop, ORDO_KIND_SUBSCRIBER)->subscriber.subscriber = text(name);
    if (shop_send(shop) == ORDO_RESULT_OK) {
        ordo_subscriber_view_decode(&shop->body, &view);
        cr_assert(ordo_reader_done(&shop->body));
    }
    return view;
}

void read_any(struct shop *shop, uint32_t number)
{
    static char name[8]; /* the command points to it */
    static char order[8];
    uint32_t how = number % 13;
    (void)snprintf(name, sizeof(name), "s%u", number / 13 % 11); /* some find no row */
    (void)snprintf(order, sizeof(order), "p%u", number / 143 % 40);
    if (how == 0) {
        (void)put_subscriber(shop, name, number % 90);
    } else if (how == 1) {
        (void)reset_subscriber(shop, name, number % 70);
    } else if (how == 2) {
        (void)drop_subscriber(shop, name);
    } else if (how < 5) {
        (void)ack_updates(shop, name, number % 300);
    } else if (how < 10) {
        (void)park(shop, name, order);
    } else {
        (void)unpark(shop, name, order);
    }
}
