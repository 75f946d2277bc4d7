/* `ordo why ORDER`: the life of one order, out of the journal alone.
 *
 * One pass over the records of the folder, oldest first, takes what concerns the order; the walk
 * backwards by prev_seq would need the newest record, which only a running node knows, and would
 * miss what names the order without an effect. Most records are left after a search for the bytes
 * of the order's number, so the pass costs little more than reading. It takes no lock and writes
 * nothing: it works on a live folder and on what a crash has left.
 */
#include "cli.h"
#include "config.h"
#include "online.h"
#include "why_tell.h"

#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

enum { OPTION_DATA = 0x100, OPTION_CONFIG, OPTION_LANG };

struct options {
    const char *order;
    const char *trade;
    const char *config_file;
    struct ordo_config_flag data; /* key NULL: not given */
    enum ordo_language language;
    uint32_t shop;
    bool json;
};

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    uint64_t number;

    switch (key) {
    case OPTION_DATA:
        options->data = (struct ordo_config_flag){"node.data", argument};
        return 0;
    case OPTION_CONFIG:
        options->config_file = argument;
        return 0;
    case OPTION_LANG:
        if (strcmp(argument, "en") != 0 && strcmp(argument, "zh") != 0) {
            argp_error(state, "--lang is en or zh, not \"%s\"", argument);
        }
        options->language = strcmp(argument, "zh") == 0 ? ORDO_CHINESE : ORDO_ENGLISH;
        return 0;
    case 's':
        if (!ordo_cli_number(argument, UINT32_MAX, &number)) {
            argp_error(state, "--shop: \"%s\" is no number up to %u", argument, UINT32_MAX);
        }
        options->shop = (uint32_t)number;
        return 0;
    case 't':
        options->trade = argument;
        return 0;
    case 'j':
        options->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (options->order != NULL) {
            argp_error(state, "one order at a time");
        }
        options->order = argument;
        return 0;
    case ARGP_KEY_END:
        if ((options->order == NULL) == (options->trade == NULL)) {
            argp_error(state, "name an order, or a payment with --trade");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- one pass ---- */

/* Takes a record; ORDO_ERR_EXISTS ends the pass early and is no error. */
typedef enum ordo_err
visit_record(void *context, const struct ordo_record *record, struct ordo_fail *fail);

static enum ordo_err
pass(const char *dir, visit_record *visit, void *context, struct ordo_fail *fail)
{
    struct ordo_journal_reader *reader;
    struct ordo_record record;
    enum ordo_err err = ordo_journal_reader_open(dir, 0, &reader, fail);

    if (err != ORDO_OK) {
        return err;
    }
    while (err == ORDO_OK) {
        err = ordo_journal_reader_next(reader, &record, fail);
        if (err == ORDO_OK) {
            err = visit(context, &record, fail);
        }
    }
    ordo_journal_reader_close(reader);
    return err == ORDO_ERR_EMPTY || err == ORDO_ERR_EXISTS ? ORDO_OK : err;
}

static bool has(struct ordo_bytes bytes, struct ordo_bytes part)
{
    return bytes.size >= part.size && memmem(bytes.data, bytes.size, part.data, part.size) != NULL;
}

/* ---- an order of a payment ---- */

struct search {
    struct ordo_bytes trade_no;
    uint32_t shop;
    char order[ORDO_ORDER_ID_MAX + 1]; /* of the first fact with this number */
    struct ordo_record_view view;
};

static enum ordo_err
find_trade(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    struct search *search = context;
    const struct ordo_fact *fact = &search->view.command.fact;

    if (record->command.data[0] != ORDO_KIND_FACT || !has(record->command, search->trade_no)) {
        return ORDO_OK;
    }
    enum ordo_err err = ordo_record_decode(record, &search->view, fail);
    if (err != ORDO_OK) {
        return err;
    }
    if (search->view.command.shop != search->shop ||
        !ordo_bytes_equal(fact->trade_no, search->trade_no)) {
        return ORDO_OK;
    }
    memcpy(search->order, fact->order_id.data, fact->order_id.size);
    search->order[fact->order_id.size] = '\0';
    return ORDO_ERR_EXISTS;
}

/* ---- the order ---- */

struct walk {
    struct ordo_why why;
    struct ordo_record_view view;
};

static enum ordo_err tell(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    struct walk *walk = context;
    bool is_fact = record->command.data[0] == ORDO_KIND_FACT; /* one may bring its trade_no alone */

    walk->why.seq = record->seq;
    walk->why.time_us = record->time_us;
    if (!is_fact && !has(record->command, walk->why.order_id) &&
        !has(record->outcome, walk->why.order_id)) {
        return ORDO_OK;
    }
    enum ordo_err err = ordo_record_decode(record, &walk->view, fail);
    if (err == ORDO_OK && !ordo_why_add(&walk->why, &walk->view)) {
        return ordo_fail_set(
            fail, ORDO_ERR_DAMAGED, "seq %" PRIu64 " could not be told", record->seq);
    }
    return err;
}

static int unknown(const struct options *options, const char *dir, const struct ordo_why *why)
{
    char when[64];

    if (why->in_other_shop) {
        return ordo_cli_fail(
            ORDO_EXIT_FAILED,
            "no order %s in shop %u; shop %u has one: --shop %u",
            options->order,
            options->shop,
            why->other_shop,
            why->other_shop);
    }
    return ordo_cli_fail(
        ORDO_EXIT_FAILED,
        "no order %s in shop %u: nothing in %s names it up to seq %" PRIu64 " (%s)",
        options->order,
        options->shop,
        dir,
        why->seq,
        ordo_online_time(why->time_us, when, sizeof(when)));
}

static int print(const struct options *options, const char *dir, const struct ordo_why *why)
{
    if (json_array_size(why->records) == 0) {
        return unknown(options, dir, why);
    }
    if (options->json) {
        return ordo_online_print_json(ordo_why_json(why));
    }
    ordo_why_print(why, stdout);
    return ferror(stdout) ? ordo_cli_fail(ORDO_EXIT_IO, "stdout cannot be written") : ORDO_EXIT_OK;
}

/* Finds options->order by options->trade. ORDO_EXIT_OK, or the exit code with the error printed. */
static int find_order(struct options *options, const char *dir, struct search *search)
{
    struct ordo_fail fail;

    search->shop = options->shop;
    search->trade_no =
        (struct ordo_bytes){(const uint8_t *)options->trade, (uint32_t)strlen(options->trade)};
    if (search->trade_no.size > ORDO_TRADE_NO_MAX || !ordo_text_is_valid(search->trade_no)) {
        return ordo_cli_fail(
            ORDO_EXIT_USAGE,
            "\"%.80s\" is no gateway's number: 1-%d of A-Z a-z 0-9 _ . : -",
            options->trade,
            ORDO_TRADE_NO_MAX);
    }
    if (pass(dir, find_trade, search, &fail) != ORDO_OK) {
        return ordo_cli_fail_with(&fail);
    }
    if (search->order[0] == '\0') {
        return ordo_cli_fail(
            ORDO_EXIT_FAILED,
            "no payment %s in shop %u: no fact in %s has this trade_no",
            options->trade,
            options->shop,
            dir);
    }
    options->order = search->order;
    return ORDO_EXIT_OK;
}

static int run(struct options *options, const char *dir)
{
    static struct walk walk; /* both hold a command and an outcome: too much for the stack */
    static struct search search;
    struct ordo_bytes order_id;
    struct ordo_fail fail;

    if (options->trade != NULL) {
        int code = find_order(options, dir, &search);
        if (code != ORDO_EXIT_OK) {
            return code;
        }
    }
    if (!ordo_online_order_id(options->order, &order_id)) {
        return ORDO_EXIT_USAGE;
    }
    if (!ordo_why_begin(&walk.why, options->language, options->shop, order_id)) {
        return ordo_cli_fail(ORDO_EXIT_FAILED, "out of memory");
    }
    enum ordo_err err = pass(dir, tell, &walk, &fail);
    int code = ORDO_EXIT_OK;
    if (err == ORDO_OK || json_array_size(walk.why.records) > 0) {
        code = print(options, dir, &walk.why); /* what was found before a damage is worth seeing */
    }
    ordo_why_end(&walk.why);
    return err == ORDO_OK ? code : ordo_cli_fail_with(&fail);
}

int ordo_verb_why(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"data", OPTION_DATA, "DIR", 0, "The data folder (default: ./data)", 0},
        {"config", OPTION_CONFIG, "FILE", 0, "Read the folder's name from this INI file", 0},
        {"shop", 's', "N", 0, "The shop's number (default 0)", 0},
        {"trade", 't', "NO", 0, "The order of the payment with this number of the gateway", 0},
        {"lang", OPTION_LANG, "en|zh", 0, "The language (default: that of the locale)", 0},
        {"json", 'j', NULL, 0, "The order's life as one JSON object", 0},
        {0},
    };
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .args_doc = "ORDER\n--trade NO",
        .doc = "Tell the life of an order from the journal: every command that touched it or was "
               "refused, who sent it, what was decided and why, and what the order waits for now. "
               "Only reads; works beside a running node and on what a crash has left.",
    };
    static struct ordo_config config;
    struct ordo_fail fail;
    struct options options = {
        .language = ordo_online_is_chinese() ? ORDO_CHINESE : ORDO_ENGLISH,
    };

    if (argp_parse(&parser, argc, argv, 0, NULL, &options) != 0) {
        return ORDO_EXIT_USAGE;
    }
    uint32_t flag_count = options.data.key == NULL ? 0 : 1;
    if (ordo_config_load(&config, options.config_file, &options.data, flag_count, &fail) !=
        ORDO_OK) {
        return ordo_cli_fail_with(&fail);
    }
    return run(&options, config.data);
}
