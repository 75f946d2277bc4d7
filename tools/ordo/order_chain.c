/* `ordo order chain ORDER=PRODUCT[xN]...`: several orders of one buyer, all of them or none. Prices
 * are asked for first; between that and the chain they may change, then the node refuses the member
 * by its amount.
 */
#include "cli.h"
#include "order.h"
#include "order/result.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct member {
    char order_id[ORDO_ORDER_ID_MAX + 1];
    uint64_t product;
    uint64_t quantity;
};

/* "A-1=1001x2"; the error is printed. */
static bool read_member(const char *word, struct member *member)
{
    const char *equals = strchr(word, '=');
    char product[24] = "";
    struct ordo_bytes id;
    size_t size = equals == NULL ? 0 : (size_t)(equals - word);
    member->quantity = 1;
    if (size > 0 && size <= ORDO_ORDER_ID_MAX && strlen(equals + 1) < sizeof(product)) {
        memcpy(member->order_id, word, size);
        member->order_id[size] = '\0';
        (void)snprintf(product, sizeof(product), "%s", equals + 1);
        char *times = strchr(product, 'x');
        bool counted = true;
        if (times != NULL) {
            *times = '\0';
            counted = ordo_cli_number(times + 1, ORDO_QUANTITY_MAX, &member->quantity);
        }
        if (counted && ordo_cli_number(product, UINT32_MAX, &member->product)) {
            return ordo_online_order_id(member->order_id, &id);
        }
    }
    (void)ordo_cli_fail(
        ORDO_EXIT_USAGE, "\"%s\" is no member like ORDER=PRODUCT or ORDER=PRODUCTx2", word);
    return false;
}

static int add_member(
    struct order *order,
    const struct member *member,
    struct ordo_bytes buyer,
    struct ordo_writer *out)
{
    uint8_t second_key[ORDO_ID_SIZE];
    struct ordo_create create = {
        .order_id = order_bytes(member->order_id),
        .buyer = buyer,
        .product = member->product,
        .quantity = member->quantity,
        .hold_ttl_s = order->ttl_s,
        .coupon = order_bytes(order->coupon)};
    if (order->second_key != NULL) {
        ordo_online_buyer(order->second_key, second_key);
        create.second_key = (struct ordo_bytes){second_key, sizeof(second_key)};
    }
    int code =
        order_price(order, member->product, member->quantity, &create.amount, &create.currency);
    if (code == ORDO_EXIT_OK) {
        ordo_chain_member(&create, out);
    }
    return code;
}

/* ---- the result ---- */

static uint16_t code_of(const struct ordo_result *result, uint32_t index)
{
    bool its_own = result->code == ORDO_RESULT_OK || result->version == index + 1 ||
                   result->version == 0 || result->version > ORDO_CHAIN_MAX;
    return its_own ? result->code : ORDO_RESULT_LINKED_FAILED;
}

static int print_chain(
    const struct order *order, const struct member *members, const struct ordo_answer *answer)
{
    const struct ordo_result *result = &answer->item.result;
    bool ok = result->code == ORDO_RESULT_OK;
    json_t *list = json_array();
    for (uint32_t i = 0; i < order->word_count; i++) {
        uint16_t code = code_of(result, i);
        if (order->online.json) {
            (void)json_array_append_new(
                list,
                json_pack(
                    "{s:s, s:s}", "order", members[i].order_id, "result", ordo_result_name(code)));
        } else {
            (void)fprintf(
                ok ? stdout : stderr,
                "order %s: %s%s%s\n",
                members[i].order_id,
                ordo_result_name(code),
                code == ORDO_RESULT_OK ? "" : ": ",
                code == ORDO_RESULT_OK ? "" : ordo_result_text(code));
        }
    }
    if (order->online.json) {
        int printed = ordo_online_print_json(json_pack(
            "{s:b, s:s, s:i, s:I, s:o}",
            "ok",
            ok,
            "result",
            ordo_result_name(result->code),
            "code",
            (int)result->code,
            "seq",
            (json_int_t)result->seq,
            "members",
            list));
        return printed != ORDO_EXIT_OK || ok ? printed : ORDO_EXIT_FAILED;
    }
    json_decref(list);
    if (!ok) {
        return ordo_cli_fail(
            ORDO_EXIT_FAILED, "chain: %s: no order was created", ordo_result_name(result->code));
    }
    (void)printf(
        "chain of %u: ok (seq %llu)\n", order->word_count, (unsigned long long)result->seq);
    return ORDO_EXIT_OK;
}

int order_chain(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_CHAIN};
    struct member members[ORDO_CHAIN_MAX];
    uint8_t bytes[ORDO_CHAIN_MAX * (ORDO_MEMBER_MAX + 2)];
    uint8_t buyer[ORDO_ID_SIZE];
    struct ordo_writer out = ordo_writer_over(bytes, sizeof(bytes));
    const struct ordo_answer *answer = NULL;
    for (uint32_t i = 0; i < order->word_count; i++) {
        if (!read_member(order->words[i], &members[i])) {
            return ORDO_EXIT_USAGE;
        }
    }
    ordo_online_buyer(order->buyer == NULL ? members[0].order_id : order->buyer, buyer);
    for (uint32_t i = 0; i < order->word_count; i++) {
        struct ordo_bytes key = {buyer, sizeof(buyer)};
        int code = add_member(order, &members[i], key, &out);
        if (code != ORDO_EXIT_OK) {
            return code;
        }
    }
    command.chain.members.count = order->word_count;
    command.chain.members.raw = (struct ordo_bytes){bytes, (uint32_t)ordo_writer_size(&out)};
    int code = ordo_online_call(&order->online, &command, &answer);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    if (answer->item.form != ORDO_REPLY_DECIDED) {
        return ordo_online_refused(&order->online, "chain", answer);
    }
    return print_chain(order, members, answer);
}
