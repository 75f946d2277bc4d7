/* Before the load: products are put on sale and their cards imported, sealed by the key file as a
 * shop's would be. A secret names the run, the product and its number, so that an opened card
 * proves where it belongs. Imports go out several a request and are waited for: they are no part of
 * the load.
 */
#include "cli.h"
#include "sale.h"

#include <stdlib.h>
#include <string.h>

#define IMPORTS_PER_REQUEST 8
#define IMPORT_BYTES        32768 /* 256 sealed cards of this run are less */

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

static int put_products(struct sale *sale)
{
    for (uint32_t i = 0; i < sale->options.products; i++) {
        struct ordo_command command = {.kind = ORDO_KIND_PRODUCT_PUT, .shop = sale->online.shop};
        command.product_put.product = sale->options.product_first + i;
        command.product_put.price = sale_price_of(i);
        command.product_put.currency = ORDO_CURRENCY_CNY;
        command.product_put.stock_mode = ORDO_STOCK_CARDS;
        int code = call_all(sale, "putting a product", &command, 1);
        if (code != ORDO_EXIT_OK) {
            return code;
        }
    }
    return ORDO_EXIT_OK;
}

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
        char secret[64];
        int size = snprintf(
            secret,
            sizeof(secret),
            "%s-%u-%llu",
            sale->run_text,
            number,
            (unsigned long long)(first + i));
        struct ordo_bytes bytes = {(const uint8_t *)secret, (uint32_t)size};
        ordo_write_varint(&out, bytes.size + ORDO_SEAL_OVERHEAD);
        if (ordo_seal(&sale->key, sale->online.shop, number, bytes, &out) != ORDO_OK) {
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

int sale_setup(struct sale *sale)
{
    uint64_t units[SALE_PRODUCTS_MAX] = {0};
    for (uint64_t i = 0; i < sale->options.orders; i++) {
        struct sale_plan plan = sale_plan_of(&sale->options, i);
        units[plan.product] += plan.quantity;
        sale->planned_commands += sale_plan_commands(&plan);
    }
    int code = ordo_online_key(&sale->online, true, &sale->key);
    if (code == ORDO_EXIT_OK) {
        code = put_products(sale);
    }
    struct imports *imports = calloc(1, sizeof(*imports));
    if (imports == NULL) {
        return ordo_cli_fail(ORDO_EXIT_FAILED, "out of memory");
    }
    for (uint32_t i = 0; i < sale->options.products && code == ORDO_EXIT_OK; i++) {
        uint64_t wanted = sale->options.stock != 0 ? sale->options.stock : units[i];
        code = import_cards(sale, imports, i, wanted);
    }
    free(imports);
    return code;
}
