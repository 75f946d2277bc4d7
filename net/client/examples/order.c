/* order.c - sells one unit: creates an order, tells its payment, opens and prints the card.
 *
 *   example_order ipc:///path/data/ordo.ipc /path/data.key PRODUCT PRICE ORDER_ID
 *
 * Before: `ordo sku put PRODUCT --price ...` and `ordo card add PRODUCT ...`. A program that is
 * killed and started again with the same arguments sells nothing twice: its ids are made of the
 * order number.
 */
#include <ordo/ordo.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CNY 156

/* Ids of ours: the same for the same thing, so that it can always be asked again. Real shops have
 * 16 random bytes in the row of the order. */
static void id_of(const char *order_id, char what, uint8_t id[16])
{
    memset(id, what, 16);
    for (size_t i = 0; order_id[i] != '\0'; i++) {
        id[i % 16] = (uint8_t)(id[i % 16] * 31 + order_id[i]);
    }
}

/* Asks until it is known what became of it; exits when it was refused. */
static const struct ordo_end *must(struct ordo *node, struct ordo_cmd *cmd, const char *what)
{
    const struct ordo_end *end = NULL;
    do {
        int code = ordo_call(node, cmd, &end);
        if (code != ORDO_E_OK) {
            fprintf(stderr, "%s: not sent (%d)\n", what, code);
            exit(1);
        }
    } while (end->verdict == ORDO_VERDICT_UNKNOWN);
    if (end->verdict == ORDO_VERDICT_REJECTED && end->code != ORDO_CODE_EXISTS) {
        fprintf(stderr, "%s: %s: %s\n", what, ordo_code_name(end->code), end->text);
        exit(1);
    }
    printf("%s: %s\n", what, ordo_code_name(end->code));
    return end;
}

static void
deliver(struct ordo *node, const struct ordo_keys *keys, uint32_t product, const char *order_id)
{
    struct ordo_cmd cards = {.kind = ORDO_CMD_CARDS, .of.order.order_id = order_id};
    const struct ordo_end *end = must(node, &cards, "cards");
    for (uint32_t i = 0; i < end->card_count; i++) {
        uint8_t secret[ORDO_CARD_SECRET_MAX];
        uint32_t size = 0;
        if (ordo_card_open(keys, 0, product, end->cards[i], secret, &size) != ORDO_E_OK) {
            fprintf(stderr, "card %llu: another key\n", (unsigned long long)end->cards[i]->card);
            exit(1);
        }
        printf("%.*s\n", (int)size, (const char *)secret);
    }
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: %s URL KEYFILE PRODUCT PRICE ORDER_ID\n", argv[0]);
        return 64;
    }
    const char *order_id = argv[5];
    uint32_t product = (uint32_t)strtoul(argv[3], NULL, 10);
    int64_t price = strtoll(argv[4], NULL, 10); /* in the smallest unit of money */
    struct ordo_options options = {.url = argv[1]};
    struct ordo_error error;
    struct ordo_keys *keys = NULL;
    struct ordo *node = NULL;
    if (ordo_keys_load(argv[2], &keys, &error) != ORDO_E_OK ||
        ordo_open(&options, &node, &error) != ORDO_E_OK ||
        ordo_connect(node, 2000, &error) != ORDO_E_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }

    struct ordo_cmd create = {.kind = ORDO_CMD_CREATE};
    create.of.create = (struct ordo_cmd_create){
        .order_id = order_id,
        .buyer = "buyer-of-example",
        .product = product,
        .quantity = 1,
        .amount = price,
        .currency = CNY};
    id_of(order_id, 'c', create.id);
    must(node, &create, "create");

    /* A gateway's callback, its signature checked: the fact has no id, its content decides. */
    struct ordo_cmd paid = {.kind = ORDO_CMD_FACT};
    paid.of.fact = (struct ordo_cmd_fact){
        .told = ORDO_TOLD_PAY,
        .proof = ORDO_PROOF_SIGNATURE,
        .channel = 1,
        .merchant = "example",
        .order_id = order_id,
        .trade_no = order_id,
        .amount = price,
        .currency = CNY};
    const struct ordo_end *end = must(node, &paid, "pay");
    printf(
        "order %s is %s, its money %s\n",
        order_id,
        ordo_status_name(end->status),
        ordo_money_name(end->money));

    deliver(node, keys, product, order_id);
    struct ordo_cmd seen = {.kind = ORDO_CMD_DELIVERY_ACK, .of.order.order_id = order_id};
    id_of(order_id, 'd', seen.id);
    must(node, &seen, "delivery-ack");

    ordo_close(node);
    ordo_keys_free(keys);
    return 0;
}
