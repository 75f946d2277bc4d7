/* `ordo sku put|show PRODUCT`: a product on sale, and how much of it there is. */
#include "base/clock.h"
#include "cli.h"
#include "online.h"
#include "order/result.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum {
    OPTION_TTL = 0x200,
    OPTION_CAP,
    OPTION_MODE,
    OPTION_COUNT,
    OPTION_FROM,
    OPTION_UNTIL,
    OPTION_CURRENCY,
    OPTION_FLAG, /* and one more for each product option */
    OPTION_SHARE = OPTION_FLAG + 32,
};

/* The key of an option that is a bit of the product's options. */
#define FLAG(name) (OPTION_FLAG + __builtin_ctz(ORDO_PRODUCT_##name))

static const struct argp_option table[] = {
    {"price", 'p', "AMOUNT", 0, "Price of a unit: 12.34, or an integer of minor units", 1},
    {"currency", OPTION_CURRENCY, "NAME", 0, "CNY (default), USD, ... or the ISO 4217 number", 1},
    {"mode", OPTION_MODE, "MODE", 0, "cards (default), loop, preselect, counted or unlimited", 1},
    {"count", OPTION_COUNT, "N", 0, "Units to add to a counted product", 1},
    {"ttl",
     OPTION_TTL,
     "DURATION",
     0,
     "How long an unpaid hold lives (default: the setting, 15m)",
     1},
    {"cap", OPTION_CAP, "N", 0, "Units a buyer may hold and have paid (default: no cap)", 1},
    {"held-share",
     OPTION_SHARE,
     "PERCENT",
     0,
     "Of what is for sale, how much may be held unpaid (default: all)",
     1},
    {"manual", FLAG(MANUAL), NULL, 0, "A person issues: a paid order waits for it", 2},
    {"hold-at-pay", FLAG(HOLD_AT_PAY), NULL, 0, "Units are taken by the payment, not before", 2},
    {"late-backorder",
     FLAG(LATE_BACKORDER),
     NULL,
     0,
     "A late payment without a free unit waits for one",
     2},
    {"late-refund", FLAG(LATE_REFUND), NULL, 0, "A late payment is never honoured", 2},
    {"closed", FLAG(CLOSED), NULL, 0, "No new orders; those there are go on", 2},
    {"duplicates", FLAG(DUPLICATES), NULL, 0, "An import may bring a card that is known", 2},
    {"from",
     OPTION_FROM,
     "TIME",
     0,
     "Begin of the sale: 2026-11-11T20:00, ...Z for UTC, or +30m",
     1},
    {"until", OPTION_UNTIL, "TIME", 0, "End of the sale", 1},
    {0},
};

static const char *const modes[] = {"cards", "loop", "preselect", "counted", "unlimited"};

struct sku {
    struct ordo_online online; /* first: the child's input */
    struct ordo_product_put put;
    const char *action;
    const char *product;
    bool has_price;
};

static error_t on_window(int key, char *argument, struct argp_state *state)
{
    struct sku *sku = state->input;
    bool from = key == OPTION_FROM;
    if (!ordo_online_read_time(argument, from ? &sku->put.sale_from_us : &sku->put.sale_until_us)) {
        argp_error(
            state,
            "--%s: \"%s\" is no time like 2026-11-11T20:00",
            from ? "from" : "until",
            argument);
    }
    return 0;
}

static error_t on_mode(const char *argument, struct argp_state *state)
{
    struct sku *sku = state->input;
    for (uint32_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(modes[i], argument) == 0) {
            sku->put.stock_mode = i;
            return 0;
        }
    }
    argp_error(
        state, "--mode: \"%s\" is none of cards, loop, preselect, counted, unlimited", argument);
    return 0;
}

static error_t on_share(const char *argument, struct argp_state *state)
{
    struct sku *sku = state->input;
    if (!ordo_cli_share(argument, &sku->put.held_share) || sku->put.held_share == 0) {
        argp_error(state, "--held-share: \"%s\" is no share from 0.01%% to 100%%", argument);
    }
    return 0;
}

static error_t on_argument(char *argument, struct argp_state *state)
{
    struct sku *sku = state->input;
    if (sku->action == NULL) {
        sku->action = argument;
        if (strcmp(argument, "put") != 0 && strcmp(argument, "show") != 0) {
            argp_error(state, "\"%s\" is neither put nor show", argument);
        }
        return 0;
    }
    if (sku->product != NULL || !ordo_cli_number(argument, UINT32_MAX, &sku->put.product) ||
        sku->put.product == 0) {
        argp_error(state, "\"%s\" is no product: a number from 1 to %u", argument, UINT32_MAX);
    }
    sku->product = argument;
    return 0;
}

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct sku *sku = state->input;
    uint64_t number = 0;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &sku->online;
        return 0;
    case ARGP_KEY_ARG:
        return on_argument(argument, state);
    case ARGP_KEY_END:
        if (sku->product == NULL) {
            argp_error(state, "name what to do and the product, e.g. put 1001");
        }
        if (strcmp(sku->action, "put") == 0 && !sku->has_price) {
            argp_error(state, "put needs --price");
        }
        return 0;
    case 'p':
        sku->has_price = ordo_cli_amount(argument, &sku->put.price);
        if (!sku->has_price || sku->put.price > ORDO_AMOUNT_MAX) {
            argp_error(state, "--price: \"%s\" is no amount like 12.34", argument);
        }
        return 0;
    case OPTION_CURRENCY:
        if (!ordo_online_currency(argument, &sku->put.currency)) {
            argp_error(state, "--currency: \"%s\" is no currency", argument);
        }
        return 0;
    case OPTION_MODE:
        return on_mode(argument, state);
    case OPTION_COUNT:
    case OPTION_CAP:
        if (!ordo_cli_number(argument, UINT32_MAX, &number)) {
            argp_error(state, "\"%s\" is no number up to %u", argument, UINT32_MAX);
        }
        *(key == OPTION_CAP ? &sku->put.purchase_cap : &sku->put.counted) = number;
        return 0;
    case OPTION_TTL:
        if (!ordo_cli_duration_us(argument, &number) || number > 604800 * ORDO_US_PER_S ||
            number < ORDO_US_PER_S) {
            argp_error(state, "--ttl: \"%s\" is no duration from 1s to 7d", argument);
        }
        sku->put.hold_ttl_s = number / ORDO_US_PER_S;
        return 0;
    case OPTION_SHARE:
        return on_share(argument, state);
    case OPTION_FROM:
    case OPTION_UNTIL:
        return on_window(key, argument, state);
    default:
        if (key >= OPTION_FLAG && key < OPTION_SHARE) {
            sku->put.options |= 1u << (key - OPTION_FLAG);
            return 0;
        }
        return ARGP_ERR_UNKNOWN;
    }
}

static int put_product(struct sku *sku)
{
    struct ordo_command command = {.kind = ORDO_KIND_PRODUCT_PUT, .product_put = sku->put};
    const struct ordo_answer *answer = NULL;
    char what[48];
    (void)snprintf(what, sizeof(what), "product %s", sku->product);
    int code = ordo_online_call(&sku->online, &command, &answer);
    return code == ORDO_EXIT_OK ? ordo_online_result(&sku->online, what, &command, answer) : code;
}

static json_t *units_json(uint64_t units)
{
    return units == UINT64_MAX ? json_null() : json_integer((json_int_t)units);
}

static int print_stock(const struct sku *sku, const struct ordo_stock_view *view)
{
    const char *mode = view->stock_mode < 5 ? modes[view->stock_mode] : "?";
    char price[48];
    if (sku->online.json) {
        return ordo_online_print_json(json_pack(
            "{s:b, s:I, s:I, s:I, s:I, s:s, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I}",
            "ok",
            1,
            "shop",
            (json_int_t)sku->online.shop,
            "product",
            (json_int_t)view->product,
            "price",
            (json_int_t)view->price,
            "currency",
            (json_int_t)view->currency,
            "mode",
            mode,
            "imported",
            (json_int_t)view->imported,
            "available",
            units_json(view->available),
            "held",
            (json_int_t)view->held,
            "bound",
            (json_int_t)view->bound,
            "revealed",
            (json_int_t)view->revealed,
            "void",
            (json_int_t)view->voided,
            "backorders",
            (json_int_t)view->backorders,
            "waiting",
            (json_int_t)view->waiting));
    }
    (void)printf(
        "product    %llu (%s)\nprice      %s\n",
        (unsigned long long)view->product,
        mode,
        ordo_online_money(view->price, view->currency, price, sizeof(price)));
    if (view->available == UINT64_MAX) {
        (void)printf("available  unlimited\n");
    } else {
        (void)printf("available  %llu\n", (unsigned long long)view->available);
    }
    (void)printf(
        "imported   %llu\nheld       %llu\nbound      %llu\nrevealed   %llu\nvoid       %llu\n"
        "backorders %llu\nwaiting    %llu\n",
        (unsigned long long)view->imported,
        (unsigned long long)view->held,
        (unsigned long long)view->bound,
        (unsigned long long)view->revealed,
        (unsigned long long)view->voided,
        (unsigned long long)view->backorders,
        (unsigned long long)view->waiting);
    return ORDO_EXIT_OK;
}

static int show_product(struct sku *sku)
{
    struct ordo_stock_view view;
    const struct ordo_answer *answer = NULL;
    char what[48];
    (void)snprintf(what, sizeof(what), "product %s", sku->product);
    int code = ordo_online_stock(&sku->online, (uint32_t)sku->put.product, &view, &answer);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    if (answer->item.result.code != ORDO_RESULT_OK) {
        return ordo_online_refused(&sku->online, what, answer);
    }
    return print_stock(sku, &view);
}

int ordo_verb_sku(int argc, char **argv)
{
    static const struct argp_child children[] = {{&ordo_online_parser, 0, "The node:", 9}, {0}};
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .args_doc = "put PRODUCT --price AMOUNT\nshow PRODUCT",
        .doc = "Put a product on sale or change it, or look at its stock.",
        .children = children,
    };
    struct sku sku;
    memset(&sku, 0, sizeof(sku));
    ordo_online_init(&sku.online);
    sku.put.currency = ORDO_CURRENCY_CNY;
    int code = ordo_online_parse(&parser, argc, argv, &sku);
    if (code == ORDO_EXIT_OK) {
        code = ordo_online_open(&sku.online);
    }
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    code = strcmp(sku.action, "put") == 0 ? put_product(&sku) : show_product(&sku);
    ordo_online_close(&sku.online);
    return code;
}
