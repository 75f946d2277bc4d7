/* Before the load: products are put on sale and their cards imported, sealed by the key file as a
 * shop's would be. A secret names the run, the product and its number, so that an opened card
 * proves where it belongs. Imports go out several a request and are waited for: they are no part of
 * the load.
 */
#include "cli.h"
#include "order/settings.h"
#include "sale.h"

#include <stdlib.h>
#include <string.h>

#define IMPORTS_PER_REQUEST 8
#define IMPORT_BYTES        32768 /* 256 sealed cards of this run are less */

struct demand { /* of one product */
    uint64_t orders;
    uint64_t units;
};

struct imports {
    struct ordo_command commands[IMPORTS_PER_REQUEST];
    uint8_t bytes[IMPORTS_PER_REQUEST][IMPORT_BYTES];
    uint32_t count;
};

static int refused(const char *what, const struct ordo_answer *answer)
{
    uint16_t code = answer->item.result.code;
    int exit_code = code == ORDO_RESULT_UNKNOWN || code == ORDO_RESULT_BUSY ? ORDO_EXIT_UNAVAILABLE
                                                                            : ORDO_EXIT_FAILED;
    return ordo_cli_fail(
        exit_code, "%s: %s: %s", what, ordo_result_name(code), ordo_result_text(code));
}

/* Sends the commands and waits; every one must be OK. */
static int
call_all(struct sale *sale, const char *what, struct ordo_command *commands, uint32_t count)
{
    const struct ordo_answer *answers = NULL;
    enum ordo_err err = ordo_client_call(
        sale->clients[0], commands, count, (uint32_t)sale->options.patience_ms, &answers);
    if (err != ORDO_OK) {
        return ordo_cli_fail(ordo_exit_of(err), "%s: %s", what, ordo_err_text(err));
    }
    for (uint32_t i = 0; i < count; i++) {
        if (answers[i].item.result.code != ORDO_RESULT_OK) {
            return refused(what, &answers[i]);
        }
        sale_ack_write(sale, &commands[i], &answers[i]);
    }
    return sale_ack_flush(sale) ? ORDO_EXIT_OK : ORDO_EXIT_IO;
}

/* ---- what is sold ---- */

struct goods {
    enum ordo_stock_mode mode;
    uint32_t options;
};

static const struct goods goods_table[SALE_GOODS_COUNT] = {
    [SALE_GOODS_AT_PAY] = {ORDO_STOCK_CARDS, ORDO_PRODUCT_HOLD_AT_PAY},
    [SALE_GOODS_LATE] = {ORDO_STOCK_CARDS, ORDO_PRODUCT_LATE_BACKORDER},
    [SALE_GOODS_STRICT] = {ORDO_STOCK_CARDS, ORDO_PRODUCT_LATE_REFUND},
    [SALE_GOODS_LOOP] = {ORDO_STOCK_LOOP, 0},
    [SALE_GOODS_COUNTED] = {ORDO_STOCK_COUNTED, 0},
    [SALE_GOODS_UNLIMITED] = {ORDO_STOCK_UNLIMITED, 0},
    [SALE_GOODS_MANUAL] = {ORDO_STOCK_CARDS, ORDO_PRODUCT_MANUAL},
    [SALE_GOODS_FREE] = {ORDO_STOCK_UNLIMITED, 0},
};

static enum sale_goods goods_of(const struct sale *sale, uint32_t product)
{
    uint32_t own = (uint32_t)sale->options.products;
    return product < own ? SALE_GOODS_SALE : (enum sale_goods)(product - own + 1);
}

/* How many cards must be there before the first order, of goods that `units` are asked for in all,
 * by `orders` orders. */
static uint64_t cards_wanted(const struct sale *sale, uint32_t product, const struct demand *demand)
{
    switch (goods_of(sale, product)) {
    case SALE_GOODS_SALE:
        return sale->options.stock != 0 ? sale->options.stock : demand->units;
    case SALE_GOODS_CARDS:
        return 2 * demand->units + demand->orders; /* companions, and a card to replace one */
    case SALE_GOODS_AT_PAY:
        return demand->units == 0 ? 0 : sale->options.quantity_max;
    case SALE_GOODS_LOOP:
        return demand->units == 0 ? 0 : 1;
    case SALE_GOODS_WAIT:
    case SALE_GOODS_COUNTED:
    case SALE_GOODS_UNLIMITED:
    case SALE_GOODS_FREE:
        return 0;
    case SALE_GOODS_LATE:
    case SALE_GOODS_STRICT:
    case SALE_GOODS_SHARE:
    case SALE_GOODS_MANUAL:
    case SALE_GOODS_COUNT:
    default:
        return demand->units;
    }
}

static int put_product(struct sale *sale, uint32_t product, const struct demand *demand)
{
    struct ordo_command command = {.kind = ORDO_KIND_PRODUCT_PUT, .shop = sale->online.shop};
    struct ordo_product_put *put = &command.product_put;
    enum sale_goods goods = goods_of(sale, product);
    put->product = sale->options.product_first + product;
    put->price = sale_price_of(&sale->options, product);
    put->currency = ORDO_CURRENCY_CNY;
    put->stock_mode = goods_table[goods].mode;
    put->options = goods_table[goods].options;
    put->counted = goods == SALE_GOODS_COUNTED ? demand->units : 0;
    if (goods == SALE_GOODS_SHARE) {
        put->purchase_cap = SALE_HOARDER_CAP;
        put->held_share = 5000;
    }
    return call_all(sale, "putting a product", &command, 1);
}

static int put_settings(struct sale *sale)
{
    struct ordo_command command = {.kind = ORDO_KIND_SETTINGS, .shop = sale->online.shop};
    uint8_t bytes[64];
    struct ordo_writer out = ordo_writer_over(bytes, sizeof(bytes));
    const char *const names[] = {"buyer_quota", "second_key_quota"};
    if (sale->options.quota == 0) {
        return ORDO_EXIT_OK;
    }
    for (uint32_t i = 0; i < 2; i++) {
        ordo_write_varint(&out, ordo_setting_named(names[i])->key);
        ordo_write_zigzag(&out, (int64_t)sale->options.quota);
    }
    command.settings.pairs.count = 2;
    command.settings.pairs.raw = (struct ordo_bytes){bytes, (uint32_t)ordo_writer_size(&out)};
    return call_all(sale, "setting the quota", &command, 1);
}

static int put_channel(struct sale *sale)
{
    struct ordo_command command = {.kind = ORDO_KIND_CHANNEL_PUT, .shop = sale->online.shop};
    command.channel_put.channel = SALE_CHANNEL_QUERIED;
    command.channel_put.options = ORDO_CHANNEL_CONFIRM_BY_QUERY;
    return call_all(sale, "putting the channel", &command, 1);
}

/* Half of those who want it can have it. */
static int put_coupon(struct sale *sale, uint64_t wanted)
{
    struct ordo_command command = {.kind = ORDO_KIND_COUPON_PUT, .shop = sale->online.shop};
    command.coupon_put.coupon =
        (struct ordo_bytes){(const uint8_t *)sale->coupon, (uint32_t)strlen(sale->coupon)};
    command.coupon_put.discount = SALE_DISCOUNT;
    command.coupon_put.uses_max = (wanted + 1) / 2;
    return call_all(sale, "putting the coupon", &command, 1);
}

/* What the cases need beside goods. */
static int put_rules(struct sale *sale)
{
    uint64_t coupons = 0;
    uint64_t queried = 0;
    const struct sale_case *scripted;
    for (uint32_t i = 0; (scripted = sale_case_at(i)) != NULL; i++) {
        bool coupon = strncmp(scripted->name, "coupon", 6) == 0;
        coupons += coupon ? sale->cases[i].orders : 0;
        queried += strcmp(scripted->name, "unconfirmed") == 0 ? sale->cases[i].orders : 0;
    }
    (void)snprintf(sale->coupon, sizeof(sale->coupon), "C%.16s", sale->run_text);
    int code = put_settings(sale);
    if (code == ORDO_EXIT_OK && queried > 0) {
        code = put_channel(sale);
    }
    if (code == ORDO_EXIT_OK && coupons > 0) {
        code = put_coupon(sale, coupons);
    }
    return code;
}

/* ---- cards ---- */

/* Seals cards first..first+count-1 of a product into one import. */
static bool fill_import(
    const struct sale *sale,
    struct imports *imports,
    uint32_t product,
    uint64_t first,
    uint32_t count)
{
    struct ordo_command *command = &imports->commands[imports->count];
    struct ordo_writer out = ordo_writer_over(imports->bytes[imports->count], IMPORT_BYTES);
    uint32_t number = (uint32_t)(sale->options.product_first + product);
    for (uint32_t i = 0; i < count; i++) {
        if (!sale_seal(sale, product, first + i, &out)) {
            return false;
        }
    }
    memset(command, 0, sizeof(*command));
    command->kind = ORDO_KIND_CARD_IMPORT;
    command->shop = sale->online.shop;
    command->card_import.product = number;
    command->card_import.cards.count = count;
    command->card_import.cards.raw =
        (struct ordo_bytes){imports->bytes[imports->count], (uint32_t)ordo_writer_size(&out)};
    imports->count++;
    return !out.failed;
}

static int
import_cards(struct sale *sale, struct imports *imports, uint32_t product, uint64_t units)
{
    int code = ORDO_EXIT_OK;
    for (uint64_t first = 0; first < units && code == ORDO_EXIT_OK;) {
        uint64_t rest = units - first;
        uint32_t count = rest < ORDO_IMPORT_MAX ? (uint32_t)rest : ORDO_IMPORT_MAX;
        if (!fill_import(sale, imports, product, first, count)) {
            return ordo_cli_fail(ORDO_EXIT_FAILED, "a card could not be sealed");
        }
        first += count;
        if (imports->count == IMPORTS_PER_REQUEST || first == units) {
            code = call_all(sale, "importing cards", imports->commands, imports->count);
            imports->count = 0;
        }
    }
    return code;
}

static void plan_demand(struct sale *sale, struct demand *demand)
{
    for (uint64_t i = 0; i < sale->options.orders; i++) {
        struct sale_plan plan = sale_plan_of(&sale->options, i);
        demand[plan.product].units += plan.quantity;
        demand[plan.product].orders++;
        sale->planned_commands += sale_plan_commands(&plan);
        if (plan.scripted != NULL) {
            sale->cases[plan.case_index].orders++;
        }
    }
}

static int fill_shelves(struct sale *sale, const struct demand *demand, struct imports *imports)
{
    uint32_t own = (uint32_t)sale->options.products;
    int code = ORDO_EXIT_OK;
    for (uint32_t i = 0; i < own + SALE_GOODS_COUNT - 1 && code == ORDO_EXIT_OK; i++) {
        if (i >= own && demand[i].units == 0) {
            continue;
        }
        code = put_product(sale, i, &demand[i]);
        if (code == ORDO_EXIT_OK) {
            code = import_cards(sale, imports, i, cards_wanted(sale, i, &demand[i]));
        }
    }
    return code;
}

int sale_setup(struct sale *sale)
{
    struct demand demand[SALE_PRODUCTS_MAX + SALE_GOODS_COUNT] = {{0}};
    plan_demand(sale, demand);
    int code = ordo_online_key(&sale->online, true, &sale->key);
    if (code == ORDO_EXIT_OK) {
        code = put_rules(sale);
    }
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    struct imports *imports = calloc(1, sizeof(*imports));
    if (imports == NULL) {
        return ordo_cli_fail(ORDO_EXIT_FAILED, "out of memory");
    }
    code = fill_shelves(sale, demand, imports);
    free(imports);
    return code;
}
