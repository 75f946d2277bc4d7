/* What `ordo order get|find|list|cards` prints. Cards are opened here, at the edge that delivers
 * them: the node has sealed bytes only. A secret is printed and wiped.
 */
#include "cli.h"
#include "order.h"
#include "order/result.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define PAGE 256 /* orders of one query */

struct flag_name {
    uint32_t flag;
    const char *name;
};

static const struct flag_name flag_names[] = {
    {ORDO_FLAG_FROZEN, "FROZEN"},
    {ORDO_FLAG_REVIEW, "REVIEW"},
    {ORDO_FLAG_PARTIAL, "PARTIAL"},
    {ORDO_FLAG_LATE, "LATE"},
    {ORDO_FLAG_COUPON_OVERDRAWN, "COUPON_OVERDRAWN"},
    {ORDO_FLAG_QUERY_DUE, "QUERY_DUE"},
    {ORDO_FLAG_WAITING, "WAITING"},
};

#define FLAG_COUNT (sizeof(flag_names) / sizeof(flag_names[0]))

static json_t *flags_json(uint32_t flags)
{
    json_t *list = json_array();
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        if ((flags & flag_names[i].flag) != 0) {
            (void)json_array_append_new(list, json_string(flag_names[i].name));
        }
    }
    return list;
}

static void print_flags(uint32_t flags)
{
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        if ((flags & flag_names[i].flag) != 0) {
            (void)printf(" %s", flag_names[i].name);
        }
    }
}

/* What must come for the order to go on; "" when nothing must. */
static const char *waits_for(const struct ordo_order_view *view)
{
    bool frozen = (view->flags & ORDO_FLAG_FROZEN) != 0;
    bool asked = (view->flags & ORDO_FLAG_QUERY_DUE) != 0;
    switch (view->state) {
    case ORDO_STATE_NONE:
        return (view->flags & ORDO_FLAG_WAITING) != 0 ? "a free unit to hold" : "its create";
    case ORDO_STATE_PENDING:
        return asked ? "the gateway's answer to a query" : "a payment";
    case ORDO_STATE_PAYING:
        return asked ? "the gateway's answer to a query" : "the result of a payment attempt";
    case ORDO_STATE_PAY_FAILED:
        return asked ? "the gateway's answer to a query" : "another payment";
    case ORDO_STATE_PAID:
        return frozen ? "an operator to unfreeze it" : "an operator to issue it";
    case ORDO_STATE_BACKORDER:
        return "stock";
    case ORDO_STATE_ISSUING:
        return frozen ? "an operator to unfreeze it" : "the delivery's acknowledgement";
    case ORDO_STATE_REFUNDING:
        return "the refund of what is due";
    default:
        return frozen ? "an operator to unfreeze it" : "";
    }
}

static json_t *view_json(const struct ordo_online *online, const struct ordo_order_view *view)
{
    char buyer[2 * ORDO_ID_SIZE + 1] = "";
    json_t *cards = json_array();
    for (uint32_t i = 0; i < view->card_count; i++) {
        (void)json_array_append_new(cards, json_integer((json_int_t)view->cards[i]));
    }
    if (view->buyer.size == ORDO_ID_SIZE) {
        ordo_online_hex(view->buyer.data, ORDO_ID_SIZE, buyer);
    }
    json_t *root = json_pack(
        "{s:I, s:s%, s:s, s:o, s:I, s:s, s:I, s:I, s:I, s:I}",
        "shop",
        (json_int_t)online->shop,
        "order",
        (const char *)view->order_id.data,
        (size_t)view->order_id.size,
        "state",
        ordo_state_name(view->state),
        "flags",
        flags_json(view->flags),
        "version",
        (json_int_t)view->version,
        "buyer",
        buyer,
        "product",
        (json_int_t)view->product,
        "quantity",
        (json_int_t)view->quantity,
        "amount",
        (json_int_t)view->amount,
        "currency",
        (json_int_t)view->currency);
    json_t *rest = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:o}",
        "paid",
        (json_int_t)view->paid,
        "refund_due",
        (json_int_t)view->refund_due,
        "refunded",
        (json_int_t)view->refunded,
        "review",
        (json_int_t)view->review,
        "created_us",
        (json_int_t)view->created_us,
        "changed_us",
        (json_int_t)view->changed_us,
        "deadline_us",
        (json_int_t)view->deadline_us,
        "last_seq",
        (json_int_t)view->last_seq,
        "waits_for",
        waits_for(view),
        "cards",
        cards);
    if (root != NULL && rest != NULL) {
        (void)json_object_update(root, rest);
    }
    json_decref(rest);
    return root;
}

static void print_state(uint8_t state)
{
    (void)printf("%s", ordo_state_name(state));
    if (ordo_online_is_chinese()) {
        (void)printf(" %s", ordo_state_chinese(state));
    }
}

static void print_sum(const char *name, int64_t amount, uint32_t currency)
{
    char money[48];
    if (amount != 0) {
        (void)printf("%s %s\n", name, ordo_online_money(amount, currency, money, sizeof(money)));
    }
}

static void print_waits(const struct ordo_order_view *view)
{
    char when[48];
    const char *what = waits_for(view);
    bool review = (view->flags & ORDO_FLAG_REVIEW) != 0;
    if (what[0] != '\0') {
        (void)printf("waits for  %s", what);
        if (view->deadline_us != 0) {
            (void)printf(", until %s", ordo_online_time(view->deadline_us, when, sizeof(when)));
        }
        (void)printf("\n");
    }
    if (review) {
        (void)printf("review     a person must look at it\n");
    }
}

static void print_view(const struct ordo_online *online, const struct ordo_order_view *view)
{
    char money[48];
    char when[48];
    (void)printf("order      %.*s", (int)view->order_id.size, (const char *)view->order_id.data);
    (void)printf(" (shop %u)\nstate      ", online->shop);
    print_state(view->state);
    print_flags(view->flags);
    (void)printf(
        "\nproduct    %llu x %u\namount     %s\n",
        (unsigned long long)view->product,
        view->quantity,
        ordo_online_money(view->amount, view->currency, money, sizeof(money)));
    (void)printf(
        "paid       %s\n", ordo_online_money(view->paid, view->currency, money, sizeof(money)));
    print_sum("refund due", view->refund_due, view->currency);
    print_sum("refunded  ", view->refunded, view->currency);
    print_sum("in review ", view->review, view->currency);
    (void)printf("created    %s\n", ordo_online_time(view->created_us, when, sizeof(when)));
    (void)printf("changed    %s\n", ordo_online_time(view->changed_us, when, sizeof(when)));
    print_waits(view);
    if (view->card_count > 0) {
        (void)printf("cards     ");
        for (uint32_t i = 0; i < view->card_count; i++) {
            (void)printf(" #%llu", (unsigned long long)view->cards[i]);
        }
        (void)printf("\n");
    }
    (void)printf(
        "version    %u (last seq %llu)\n", view->version, (unsigned long long)view->last_seq);
}

static int show(
    struct ordo_online *online,
    const char *what,
    const struct ordo_order_view *view,
    const struct ordo_answer *answer)
{
    if (answer->item.result.code != ORDO_RESULT_OK) {
        return ordo_online_refused(online, what, answer);
    }
    if (online->json) {
        json_t *root = view_json(online, view);
        if (root != NULL) {
            (void)json_object_set_new(root, "ok", json_true());
        }
        return ordo_online_print_json(root);
    }
    print_view(online, view);
    return ORDO_EXIT_OK;
}

int order_get(struct order *order)
{
    struct ordo_order_view view;
    const struct ordo_answer *answer = NULL;
    char what[64];
    (void)snprintf(what, sizeof(what), "order %.32s", order->order_id);
    int code = ordo_online_order(&order->online, order->order_id, &view, &answer);
    return code == ORDO_EXIT_OK ? show(&order->online, what, &view, answer) : code;
}

int order_find(struct order *order)
{
    struct ordo_order_view view;
    struct ordo_find find = {
        .trade_no = order_bytes(order->words[0]),
        .channel = order->has_channel ? order->channel : 0,
        .merchant = order_bytes(order->merchant)};
    const struct ordo_answer *answer = NULL;
    char what[96];
    (void)snprintf(what, sizeof(what), "payment %.64s", order->words[0]);
    int code = ordo_online_find(&order->online, &find, &view, &answer);
    return code == ORDO_EXIT_OK ? show(&order->online, what, &view, answer) : code;
}

/* ---- list ---- */

static void print_row(const struct ordo_order_view *view)
{
    char money[48];
    char when[48];
    (void)printf(
        "%-32.*s %-10s %5llu x %-2u %16s  %s",
        (int)view->order_id.size,
        (const char *)view->order_id.data,
        ordo_state_name(view->state),
        (unsigned long long)view->product,
        view->quantity,
        ordo_online_money(view->amount, view->currency, money, sizeof(money)),
        ordo_online_time(view->changed_us, when, sizeof(when)));
    print_flags(view->flags);
    (void)printf("\n");
}

/* Prints one page, at most `most` orders, or appends it to `orders`; *next is 0 at the end. */
static int list_page(
    struct ordo_online *online,
    const struct ordo_list *query,
    json_t *orders,
    uint64_t *next,
    uint64_t *count)
{
    struct ordo_command command = {.kind = ORDO_KIND_LIST, .list = *query};
    const struct ordo_answer *answer = NULL;
    int code = ordo_online_call(online, &command, &answer);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    if (answer->item.result.code != ORDO_RESULT_OK) {
        return ordo_online_refused(online, "list", answer);
    }
    struct ordo_mp_reader body = answer->item.body;
    uint32_t rows = ordo_body_list(&body, next);
    for (uint32_t i = 0; i < rows && body.error == NULL; i++) {
        struct ordo_order_view view;
        ordo_body_order(&body, &view);
        if (body.error != NULL) {
            break;
        }
        (*count)++;
        if (orders != NULL) {
            (void)json_array_append_new(orders, view_json(online, &view));
        } else {
            print_row(&view);
        }
    }
    if (body.error != NULL) {
        return ordo_cli_fail(ORDO_EXIT_UNAVAILABLE, "the list cannot be read: %s", body.error);
    }
    return ORDO_EXIT_OK;
}

int order_list(struct order *order)
{
    struct ordo_online *online = &order->online;
    uint8_t state = order->state;
    uint64_t limit = order->limit;
    json_t *orders = online->json ? json_array() : NULL;
    uint64_t count = 0;
    uint64_t after = 0;
    int code = ORDO_EXIT_OK;
    while (code == ORDO_EXIT_OK && count < limit) {
        uint64_t next = 0;
        struct ordo_list query = {
            .state = state,
            .after = after,
            .limit = limit - count < PAGE ? limit - count : PAGE,
            .until_us = order->until_us};
        code = list_page(online, &query, orders, &next, &count);
        if (next == 0 || next == after) {
            break; /* a page that does not go on would never end */
        }
        after = next;
    }
    if (code != ORDO_EXIT_OK) {
        json_decref(orders);
        return code;
    }
    if (online->json) {
        return ordo_online_print_json(
            json_pack("{s:b, s:I, s:o}", "ok", 1, "count", (json_int_t)count, "orders", orders));
    }
    if (count == 0) {
        (void)fprintf(stderr, "ordo: no such order in shop %u\n", online->shop);
    }
    return ORDO_EXIT_OK;
}

/* ---- cards ---- */

static int open_card(
    const struct ordo_online *online,
    const struct ordo_key *key,
    uint32_t product,
    struct ordo_mp_reader *body,
    json_t *list)
{
    uint8_t secret[ORDO_SECRET_MAX];
    uint32_t size = 0;
    uint64_t number = 0;
    struct ordo_bytes sealed = {NULL, 0};
    ordo_body_card(body, &number, &sealed);
    if (body->error != NULL) {
        return ordo_cli_fail(ORDO_EXIT_UNAVAILABLE, "the cards cannot be read: %s", body->error);
    }
    if (ordo_open_sealed(key, online->shop, product, sealed, secret, &size) != ORDO_OK) {
        return ordo_cli_fail(
            ORDO_EXIT_VERIFY,
            "card #%llu does not open with the key file %s: it was sealed with another key, or for "
            "another shop or product",
            (unsigned long long)number,
            online->key);
    }
    if (list == NULL) {
        (void)printf("%.*s\n", (int)size, (const char *)secret);
    } else {
        (void)json_array_append_new(
            list,
            json_pack(
                "{s:I, s:s%}",
                "card",
                (json_int_t)number,
                "secret",
                (const char *)secret,
                (size_t)size));
    }
    ordo_secret_wipe(secret, sizeof(secret));
    return ORDO_EXIT_OK;
}

static int open_cards(
    struct ordo_online *online,
    const char *order_id,
    const struct ordo_order_view *view,
    struct ordo_mp_reader *body)
{
    struct ordo_key key;
    json_t *list = online->json ? json_array() : NULL;
    uint32_t product = (uint32_t)view->product;
    uint32_t count = ordo_body_cards(body);
    int code = ordo_online_key(online, false, &key);
    for (uint32_t i = 0; i < count && code == ORDO_EXIT_OK; i++) {
        code = open_card(online, &key, product, body, list);
    }
    ordo_key_wipe(&key);
    if (code != ORDO_EXIT_OK) {
        json_decref(list);
        return code;
    }
    if (online->json) {
        return ordo_online_print_json(
            json_pack("{s:b, s:s, s:o}", "ok", 1, "order", order_id, "cards", list));
    }
    return ORDO_EXIT_OK;
}

int order_cards(struct order *order)
{
    struct ordo_online *online = &order->online;
    const char *order_id = order->order_id;
    struct ordo_order_view view;
    struct ordo_command command = {.kind = ORDO_KIND_CARDS};
    const struct ordo_answer *answer = NULL;
    char what[64];
    (void)snprintf(what, sizeof(what), "order %.32s", order_id);
    int code = ordo_online_order(online, order_id, &view, &answer);
    if (code == ORDO_EXIT_OK && answer->item.result.code != ORDO_RESULT_OK) {
        return ordo_online_refused(online, what, answer);
    }
    if (code != ORDO_EXIT_OK || !ordo_online_order_id(order_id, &command.cards.order_id)) {
        return code;
    }
    code = ordo_online_call(online, &command, &answer);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    if (answer->item.result.code != ORDO_RESULT_OK) {
        return ordo_online_refused(online, what, answer);
    }
    struct ordo_mp_reader body = answer->item.body;
    struct ordo_mp_reader look = answer->item.body;
    if (ordo_body_cards(&look) == 0 && look.error == NULL) {
        return ordo_cli_fail(
            ORDO_EXIT_FAILED, "%s is %s and has no card yet", what, ordo_state_name(view.state));
    }
    return open_cards(online, order_id, &view, &body);
}
