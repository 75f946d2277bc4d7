/* `ordo sale`: drives a flash sale against a node and checks every answer (sale.h is the map). */
#include "sale.h"

#include "cli.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_FIRST = 0x200,
    OPTION_LAST = 0x2ff,
    OPTION_ACK_LOG,
    OPTION_VERIFY,
    OPTION_PATIENCE,
    OPTION_PRESET,
    OPTION_PRESETS,
    OPTION_CASE_FIRST = 0x400,
};

struct number_option {
    const char *name;
    const char *argument;
    size_t offset; /* in struct sale_options */
    uint64_t standard;
    uint64_t min;
    uint64_t max;
    const char *text;
};

#define AT(member) offsetof(struct sale_options, member)

static const struct number_option numbers[] = {
    {"orders", "N", AT(orders), 100000, 1, SALE_ORDERS_MAX, "Orders (default 100k)"},
    {"rate", "N", AT(rate), 50000, 0, 100000000, "Commands a second (default 50k; 0 = no limit)"},
    {"buyers", "N", AT(buyers), 20000, 1, UINT32_MAX, "Buyers (default 20k)"},
    {"products", "N", AT(products), 4, 1, SALE_PRODUCTS_MAX, "Products (default 4)"},
    {"product-first",
     "N",
     AT(product_first),
     9001,
     1,
     UINT32_MAX - SALE_PRODUCTS_MAX,
     "Number of the first product (default 9001)"},
    {"quantity-max",
     "N",
     AT(quantity_max),
     3,
     1,
     ORDO_QUANTITY_MAX,
     "An order has 1 to N units (default 3)"},
    {"stock",
     "N",
     AT(stock),
     0,
     0,
     100000000,
     "Cards of each product (default: as many as are asked for)"},
    {"duplicates",
     "%",
     AT(duplicates_pct),
     10,
     0,
     100,
     "Payments whose callback comes two or three times (default 10)"},
    {"late", "%", AT(late_pct), 2, 0, 100, "Payments after the hold has expired (default 2)"},
    {"never-paid", "%", AT(never_paid_pct), 5, 0, 100, "Orders that nobody pays (default 5)"},
    {"fail-first",
     "%",
     AT(fail_first_pct),
     3,
     0,
     100,
     "Payments that fail once before they succeed (default 3)"},
    {"out-of-order",
     "%",
     AT(out_of_order_pct),
     2,
     0,
     100,
     "Payments whose failure is told after the success (default 2)"},
    {"seed", "N", AT(seed), 1, 0, UINT64_MAX, "What happens to each order (default 1)"},
    {"connections", "N", AT(connections), 2, 1, ORDO_CLIENTS_MAX, "Connections (default 2)"},
    {"in-flight",
     "N",
     AT(in_flight),
     32,
     1,
     SALE_IN_FLIGHT_MAX,
     "Requests in flight on each (default 32)"},
    {"batch", "N", AT(batch), 128, 1, SALE_BATCH_MAX, "Commands of a request (default 128)"},
    {"quota",
     "N",
     AT(quota),
     0,
     0,
     1000000,
     "Set the node's buyer_quota and second_key_quota to N, for good (default: leave them)"},
};

#define NUMBER_COUNT (sizeof(numbers) / sizeof(numbers[0]))

_Static_assert(NUMBER_COUNT < OPTION_LAST - OPTION_FIRST, "keys of the options");

static uint64_t *value_of(struct sale *sale, size_t index)
{
    return (uint64_t *)(void *)((char *)&sale->options + numbers[index].offset);
}

static error_t
on_number(struct sale *sale, size_t index, const char *argument, struct argp_state *state)
{
    const struct number_option *option = &numbers[index];
    uint64_t value = 0;
    if (!ordo_cli_number(argument, option->max, &value) || value < option->min) {
        argp_error(
            state,
            "--%s: \"%s\" is no number from %llu to %llu",
            option->name,
            argument,
            (unsigned long long)option->min,
            (unsigned long long)option->max);
    }
    *value_of(sale, index) = value;
    return 0;
}

static error_t
on_case(struct sale *sale, uint32_t index, const char *argument, struct argp_state *state)
{
    if (!ordo_cli_number(argument, 100, &sale->options.case_pct[index])) {
        argp_error(state, "--%s: \"%s\" is no percentage", sale_case_at(index)->name, argument);
    }
    return 0;
}

/* "extra=30": an option without its dashes. */
static void on_preset_option(struct sale *sale, const char *word, struct argp_state *state)
{
    const struct sale_case *scripted;
    const char *equals = strchr(word, '=');
    ORDO_ASSERT(equals != NULL);
    size_t size = (size_t)(equals - word);
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        if (strlen(numbers[i].name) == size && memcmp(numbers[i].name, word, size) == 0) {
            (void)on_number(sale, i, equals + 1, state);
            return;
        }
    }
    for (uint32_t i = 0; (scripted = sale_case_at(i)) != NULL; i++) {
        if (strlen(scripted->name) == size && memcmp(scripted->name, word, size) == 0) {
            (void)on_case(sale, i, equals + 1, state);
            return;
        }
    }
    ORDO_ASSERT(false); /* the presets are our own */
}

static error_t on_preset(struct sale *sale, const char *name, struct argp_state *state)
{
    char text[256];
    char *rest = NULL;
    const struct sale_preset *preset = sale_preset_named(name);
    if (preset == NULL) {
        argp_error(state, "--case: there is no case \"%s\"; --cases lists them", name);
        return 0;
    }
    if (preset->options == NULL) {
        argp_error(state, "--case: no load shows %s: %s", name, preset->text);
        return 0;
    }
    (void)snprintf(text, sizeof(text), "%s", preset->options);
    for (char *word = strtok_r(text, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        on_preset_option(sale, word, state);
    }
    return 0;
}

static void check_line(struct sale *sale, struct argp_state *state)
{
    if (sale->options.never_paid_pct + sale->options.late_pct > 100) {
        argp_error(state, "--never-paid and --late are more than 100 %% together");
    }
    for (uint32_t i = 0; sale_case_at(i) != NULL; i++) {
        sale->options.cases_pct += sale->options.case_pct[i];
    }
    if (sale->options.cases_pct > 100) {
        argp_error(state, "the cases are more than 100 %% together");
    }
}

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct sale *sale = state->input;
    uint64_t patience_us = 0;
    if (key >= OPTION_CASE_FIRST && key < OPTION_CASE_FIRST + SALE_CASES_MAX) {
        return on_case(sale, (uint32_t)(key - OPTION_CASE_FIRST), argument, state);
    }
    if (key >= OPTION_FIRST && key < OPTION_FIRST + (int)NUMBER_COUNT) {
        return on_number(sale, (size_t)(key - OPTION_FIRST), argument, state);
    }
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &sale->online;
        return 0;
    case OPTION_ACK_LOG:
        sale->options.ack_log = argument;
        return 0;
    case OPTION_VERIFY:
        sale->options.verify = argument;
        return 0;
    case OPTION_PRESET:
        return on_preset(sale, argument, state);
    case OPTION_PRESETS:
        sale->options.list_cases = true;
        return 0;
    case OPTION_PATIENCE:
        if (!ordo_cli_duration_us(argument, &patience_us) || patience_us < 1000000 ||
            patience_us > 86400000000) {
            argp_error(state, "--patience: \"%s\" is no duration from 1s to 1d", argument);
        }
        sale->options.patience_ms = patience_us / 1000;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\" is too much", argument);
        return 0;
    case ARGP_KEY_END:
        check_line(sale, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* argp's table is made of the numbers above, so that each is named once. */
static void fill_table(struct argp_option *table)
{
    size_t at = 0;
    for (; at < NUMBER_COUNT; at++) {
        table[at] = (struct argp_option){
            .name = numbers[at].name,
            .key = OPTION_FIRST + (int)at,
            .arg = numbers[at].argument,
            .doc = numbers[at].text,
            .group = 1};
    }
    table[at++] = (struct argp_option){
        .name = "patience",
        .key = OPTION_PATIENCE,
        .arg = "DURATION",
        .doc = "How long a command is tried, also while the node is down (default 30s)",
        .group = 2};
    table[at++] = (struct argp_option){
        .name = "ack-log",
        .key = OPTION_ACK_LOG,
        .arg = "FILE",
        .doc = "Append every acknowledged command and its result",
        .group = 2};
    table[at++] = (struct argp_option){
        .name = "verify",
        .key = OPTION_VERIFY,
        .arg = "FILE",
        .doc = "No sale: send the commands of an ack log again; each must give the same bytes",
        .group = 2};
    table[at++] = (struct argp_option){
        .name = "case",
        .key = OPTION_PRESET,
        .arg = "AC-NN",
        .doc = "Set the options that show this case of the catalogue",
        .group = 3};
    table[at++] = (struct argp_option){
        .name = "cases", .key = OPTION_PRESETS, .doc = "No sale: list the catalogue", .group = 3};
    const struct sale_case *scripted;
    for (uint32_t i = 0; (scripted = sale_case_at(i)) != NULL; i++) {
        table[at++] = (struct argp_option){
            .name = scripted->name,
            .key = OPTION_CASE_FIRST + (int)i,
            .arg = "%",
            .doc = scripted->text,
            .group = 4};
    }
    table[at] = (struct argp_option){0};
}

static int parse(struct sale *sale, int argc, char **argv)
{
    static const struct argp_child children[] = {{&ordo_online_parser, 0, "The node:", 9}, {0}};
    static struct argp_option table[NUMBER_COUNT + 6 + SALE_CASES_MAX];
    const struct argp parser = {
        .options = table,
        .parser = on_option,
        .doc =
            "Drive a flash sale against a node: create, attempt, pay (also twice, late, never, "
            "failing first), acknowledge. Every answer is checked against what must hold, and "
            "every order is looked at once more in the end. The options of the last group turn a "
            "share "
            "of the orders into a case each, by default none. Exit code 3 when anything was wrong, "
            "1 when a command or an order has no known end.",
        .children = children,
    };
    fill_table(table);
    ordo_online_init(&sale->online);
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        *value_of(sale, i) = numbers[i].standard;
    }
    sale->options.patience_ms = ORDO_CLIENT_PATIENCE_MS;
    return ordo_online_parse(&parser, argc, argv, sale);
}

static int open_log(struct sale *sale)
{
    if (sale->options.ack_log == NULL) {
        return ORDO_EXIT_OK;
    }
    sale->acks = fopen(sale->options.ack_log, "ae");
    if (sale->acks == NULL) {
        return ordo_cli_fail(ORDO_EXIT_IO, "%s: %s", sale->options.ack_log, strerror(errno));
    }
    return ORDO_EXIT_OK;
}

static void name_run(struct sale *sale)
{
    uint8_t id[ORDO_ID_SIZE];
    ordo_client_id(sale->clients[0], id);
    memcpy(sale->run, id, sizeof(sale->run));
    ordo_online_hex(sale->run, sizeof(sale->run), sale->run_text);
}

static int sell(struct sale *sale)
{
    int code = open_log(sale);
    if (code == ORDO_EXIT_OK) {
        code = sale_open(sale);
    }
    if (code == ORDO_EXIT_OK) {
        name_run(sale);
        code = sale_setup(sale);
    }
    if (code == ORDO_EXIT_OK) {
        code = sale_run(sale);
    }
    if (code == ORDO_EXIT_OK) {
        code = sale_final(sale);
    }
    if (code == ORDO_EXIT_OK) {
        code = sale_report(sale);
    }
    if (sale->acks != NULL && fclose(sale->acks) != 0 && code == ORDO_EXIT_OK) {
        code = ordo_cli_fail(ORDO_EXIT_IO, "%s: %s", sale->options.ack_log, strerror(errno));
    }
    sale_close(sale);
    ordo_key_wipe(&sale->key);
    return code;
}

int ordo_verb_sale(int argc, char **argv)
{
    struct sale *sale = calloc(1, sizeof(*sale));
    if (sale == NULL) {
        return ordo_cli_fail(ORDO_EXIT_FAILED, "out of memory");
    }
    sale->clock = ordo_clock_system();
    int code = parse(sale, argc, argv);
    if (code == ORDO_EXIT_OK) {
        code = sale->options.list_cases       ? sale_list_cases(sale)
               : sale->options.verify != NULL ? sale_verify(sale)
                                              : sell(sale);
    }
    free(sale);
    return code;
}
