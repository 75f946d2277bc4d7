/* `ordo coupon put|show CODE`: a discount, how often it may be used and how often it was. */
#include "cli.h"
#include "online.h"
#include "operator.h"
#include "order/result.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum {
    OPTION_SHARE = 0x200,
    OPTION_USES,
    OPTION_FROM,
    OPTION_UNTIL,
};

static const struct argp_option table[] = {
    {"discount", 'd', "AMOUNT", 0, "Taken off the order: 12.34, or an integer of minor units", 1},
    {"percent", OPTION_SHARE, "PERCENT", 0, "Of the order, taken off as well: 10, 12.5", 1},
    {"uses", OPTION_USES, "N", 0, "How often it may be used", 1},
    {"product", 'p', "N", 0, "Only for this product (default: every one of the shop)", 1},
    {"from", OPTION_FROM, "TIME", 0, "Valid from: 2026-11-11T20:00, ...Z for UTC, or +30m", 1},
    {"until", OPTION_UNTIL, "TIME", 0, "Valid until (default: open end)", 1},
    {0},
};

struct coupon {
    struct ordo_online online; /* first: the child's input */
    struct ordo_operator by;
    const char *action;
    const char *code;
    struct ordo_coupon_put put;
};

static error_t on_argument(const char *argument, struct argp_state *state)
{
    struct coupon *coupon = state->input;
    if (coupon->action == NULL) {
        coupon->action = argument;
        if (strcmp(argument, "put") != 0 && strcmp(argument, "show") != 0) {
            argp_error(state, "\"%s\" is neither put nor show", argument);
        }
        return 0;
    }
    struct ordo_bytes text = {(const uint8_t *)argument, (uint32_t)strlen(argument)};
    if (coupon->code != NULL || text.size > ORDO_COUPON_MAX || !ordo_text_is_valid(text)) {
        argp_error(
            state,
            "\"%s\" is no coupon code: 1-%d of A-Z a-z 0-9 _ . : -",
            argument,
            ORDO_COUPON_MAX);
    }
    coupon->code = argument;
    coupon->put.coupon = text;
    return 0;
}

static void check_line(const struct coupon *coupon, struct argp_state *state)
{
    if (coupon->code == NULL) {
        argp_error(state, "name what to do and the coupon, e.g. show SPRING");
        return;
    }
    bool has_discount = coupon->put.discount != 0 || coupon->put.discount_share != 0;
    if (strcmp(coupon->action, "put") == 0 && (!has_discount || coupon->put.uses_max == 0)) {
        argp_error(state, "put needs --discount or --percent, and --uses");
    }
}

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct coupon *coupon = state->input;
    struct ordo_coupon_put *put = &coupon->put;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &coupon->online;
        state->child_inputs[1] = &coupon->by;
        return 0;
    case ARGP_KEY_ARG:
        return on_argument(argument, state);
    case ARGP_KEY_END:
        check_line(coupon, state);
        return 0;
    case 'd':
        if (!ordo_cli_amount(argument, &put->discount) || put->discount > ORDO_AMOUNT_MAX) {
            argp_error(state, "--discount: \"%s\" is no amount like 12.34", argument);
        }
        return 0;
    case OPTION_SHARE:
        if (!ordo_cli_share(argument, &put->discount_share)) {
            argp_error(state, "--percent: \"%s\" is no share from 0 to 100", argument);
        }
        return 0;
    case OPTION_USES:
        if (!ordo_cli_number(argument, UINT32_MAX, &put->uses_max)) {
            argp_error(state, "--uses: \"%s\" is no number up to %u", argument, UINT32_MAX);
        }
        return 0;
    case 'p':
        if (!ordo_cli_number(argument, UINT32_MAX, &put->product)) {
            argp_error(state, "--product: \"%s\" is no number up to %u", argument, UINT32_MAX);
        }
        return 0;
    case OPTION_FROM:
    case OPTION_UNTIL:
        if (!ordo_online_read_time(
                argument, key == OPTION_FROM ? &put->valid_from_us : &put->valid_until_us)) {
            argp_error(state, "\"%s\" is no time like 2026-11-11T20:00", argument);
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int put_coupon(struct coupon *coupon)
{
    struct ordo_command command = {.kind = ORDO_KIND_COUPON_PUT, .coupon_put = coupon->put};
    const struct ordo_answer *answer = NULL;
    char what[64];
    command.coupon_put.operator_name = ordo_operator_name(&coupon->by);
    (void)snprintf(what, sizeof(what), "coupon %.32s", coupon->code);
    int code = ordo_online_call(&coupon->online, &command, &answer);
    return code == ORDO_EXIT_OK ? ordo_online_result(&coupon->online, what, &command, answer)
                                : code;
}

static int print_coupon(const struct coupon *coupon, const struct ordo_coupon_view *view)
{
    char from[48];
    char until[48];
    if (coupon->online.json) {
        return ordo_online_print_json(json_pack(
            "{s:b, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
            "ok",
            1,
            "coupon",
            coupon->code,
            "product",
            (json_int_t)view->product,
            "discount",
            (json_int_t)view->discount,
            "discount_share",
            (json_int_t)view->discount_share,
            "uses_max",
            (json_int_t)view->uses_max,
            "used",
            (json_int_t)view->used,
            "returned",
            (json_int_t)view->returned,
            "overdrawn",
            (json_int_t)view->overdrawn,
            "valid_from_us",
            (json_int_t)view->valid_from_us,
            "valid_until_us",
            (json_int_t)view->valid_until_us));
    }
    (void)printf("coupon     %s\n", coupon->code);
    if (view->product != 0) {
        (void)printf("product    %llu\n", (unsigned long long)view->product);
    }
    (void)printf(
        "discount   %lld.%02lld and %u.%02u %%\n"
        "uses       %llu of %llu (%llu used, %llu returned, %llu overdrawn)\n"
        "valid      %s to %s\n",
        (long long)(view->discount / 100),
        (long long)(view->discount % 100),
        view->discount_share / 100,
        view->discount_share % 100,
        (unsigned long long)(view->used - view->returned),
        (unsigned long long)view->uses_max,
        (unsigned long long)view->used,
        (unsigned long long)view->returned,
        (unsigned long long)view->overdrawn,
        ordo_online_time(view->valid_from_us, from, sizeof(from)),
        ordo_online_time(view->valid_until_us, until, sizeof(until)));
    return ORDO_EXIT_OK;
}

static int show_coupon(struct coupon *coupon)
{
    struct ordo_coupon_view view;
    const struct ordo_answer *answer = NULL;
    char what[64];
    (void)snprintf(what, sizeof(what), "coupon %.32s", coupon->code);
    int code = ordo_online_coupon(&coupon->online, coupon->code, &view, &answer);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    if (answer->item.result.code != ORDO_RESULT_OK) {
        return ordo_online_refused(&coupon->online, what, answer);
    }
    return print_coupon(coupon, &view);
}

int ordo_verb_coupon(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&ordo_online_parser, 0, "The node:", 9},
        {&ordo_operator_parser, 0, "For the record:", 8},
        {0}};
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .args_doc = "put CODE --discount AMOUNT --uses N\nshow CODE",
        .doc = "Make or change a coupon, or look at how often it was used. A put replaces every "
               "field; what was used stays.",
        .children = children,
    };
    struct coupon coupon;
    memset(&coupon, 0, sizeof(coupon));
    ordo_online_init(&coupon.online);
    ordo_operator_init(&coupon.by);
    int code = ordo_online_parse(&parser, argc, argv, &coupon);
    if (code == ORDO_EXIT_OK) {
        code = ordo_online_open(&coupon.online);
    }
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    code = strcmp(coupon.action, "put") == 0 ? put_coupon(&coupon) : show_coupon(&coupon);
    ordo_online_close(&coupon.online);
    return code;
}
