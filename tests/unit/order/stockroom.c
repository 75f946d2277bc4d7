#include "stockroom.h"

#include "order/parts.h"

#include <criterion/criterion.h>

static void begin(struct shop *shop, uint8_t kind)
{
    memset(&shop->command, 0, sizeof(shop->command));
    shop->command.kind = kind;
}

uint16_t
put_pool(struct shop *shop, uint32_t product, uint8_t mode, uint32_t options, uint32_t counted)
{
    begin(shop, ORDO_KIND_PRODUCT_PUT);
    shop->command.product_put.product = product;
    shop->command.product_put.price = PRICE;
    shop->command.product_put.currency = CNY;
    shop->command.product_put.stock_mode = mode;
    shop->command.product_put.options = options;
    shop->command.product_put.counted = counted;
    return shop_send(shop);
}

uint16_t add_same_card(struct shop *shop, uint32_t product, uint32_t number, uint32_t count)
{
    struct ordo_writer w = ordo_writer_over(shop->buffer, sizeof(shop->buffer));
    uint8_t card[ORDO_CARD_SIZE_MIN] = {0};
    ordo_put_le32(card, number);
    for (uint32_t i = 0; i < count; i++) {
        ordo_write_bytes(&w, (struct ordo_bytes){card, sizeof(card)});
    }
    begin(shop, ORDO_KIND_CARD_IMPORT);
    shop->command.card_import.product = product;
    shop->command.card_import.cards.raw =
        (struct ordo_bytes){shop->buffer, (uint32_t)ordo_writer_size(&w)};
    shop->command.card_import.cards.count = count;
    return shop_send(shop);
}

static struct ordo_create *
make_want(struct shop *shop, uint32_t product, const char *order, uint32_t quantity)
{
    struct ordo_bytes name = text(order);
    uint32_t buyer = (uint32_t)ordo_hash64(name.data, name.size, 1); /* each order has its own */
    struct ordo_create *create = make_create(shop, order, buyer, quantity);
    create->product = product;
    return create;
}

uint16_t want(struct shop *shop, uint32_t product, const char *order, uint32_t quantity)
{
    (void)make_want(shop, product, order, quantity);
    return shop_send(shop);
}

uint16_t want_or_wait(struct shop *shop, uint32_t product, const char *order, uint32_t quantity)
{
    make_want(shop, product, order, quantity)->wait_s = 3600;
    return shop_send(shop);
}

uint16_t want_card(struct shop *shop, uint32_t product, const char *order, uint64_t card)
{
    make_want(shop, product, order, 1)->card = card;
    return shop_send(shop);
}

const char *numbered(uint32_t number)
{
    static char names[8][16];
    static uint32_t next;
    char *name = names[next++ % 8];
    (void)snprintf(name, sizeof(names[0]), "o%u", number);
    return name;
}

uint8_t pay_whole(struct shop *shop, const char *order)
{
    return pay(shop, order, order, get(shop, order).amount); /* the order's number is the trade's */
}

void pay_back(struct shop *shop, const char *order)
{
    uint8_t disposition = refund(shop, order, order, get(shop, order).amount);
    cr_assert_eq(disposition, ORDO_DISPOSITION_REFUND_ECHO);
}

uint16_t issue(struct shop *shop, const char *order, bool partial)
{
    begin(shop, ORDO_KIND_ISSUE);
    shop->command.issue.order_id = text(order);
    shop->command.issue.partial = partial;
    shop->command.issue.operator_name = text("ann");
    shop->command.issue.reason = text("asked for it");
    return shop_send(shop);
}

uint16_t replace(struct shop *shop, const char *order, uint64_t card)
{
    begin(shop, ORDO_KIND_REPLACE);
    shop->command.replace.order_id = text(order);
    shop->command.replace.card = card;
    shop->command.replace.operator_name = text("ann");
    shop->command.replace.reason = text("does not work");
    return shop_send(shop);
}

uint16_t recall(struct shop *shop, uint64_t card)
{
    begin(shop, ORDO_KIND_RECALL);
    shop->command.recall.card = card;
    shop->command.recall.operator_name = text("ann");
    shop->command.recall.reason = text("stolen");
    return shop_send(shop);
}

uint16_t card_void(struct shop *shop, uint32_t product, uint64_t first, uint64_t last)
{
    begin(shop, ORDO_KIND_CARD_VOID);
    shop->command.card_void.product = product;
    shop->command.card_void.first = first;
    shop->command.card_void.last = last;
    shop->command.card_void.operator_name = text("ann");
    shop->command.card_void.reason = text("a bad batch");
    return shop_send(shop);
}

uint16_t go_on(struct shop *shop)
{
    begin(shop, ORDO_KIND_CONTINUE);
    return shop_send(shop);
}

void set_frozen(struct shop *shop, const char *order, bool frozen)
{
    uint32_t row = ordo_order_find(shop->state, 0, text(order));
    cr_assert_neq(row, 0);
    if (frozen) {
        ordo_order_flag(shop->state, row, ORDO_FLAG_FROZEN);
    } else {
        ordo_order_unflag(shop->state, row, ORDO_FLAG_FROZEN);
    }
}

uint32_t cards_of(struct shop *shop, const char *order, uint64_t cards[ORDO_CARDS_MAX])
{
    begin(shop, ORDO_KIND_CARDS);
    shop->command.cards.order_id = text(order);
    if (shop_send(shop) != ORDO_RESULT_OK) {
        return 0;
    }
    uint32_t count = (uint32_t)ordo_read_varint(&shop->body);
    cr_assert_leq(count, ORDO_CARDS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        cards[i] = ordo_read_varint(&shop->body);
        (void)ordo_read_bytes(&shop->body, ORDO_SEALED_MAX);
    }
    cr_assert(ordo_reader_done(&shop->body));
    return count;
}
