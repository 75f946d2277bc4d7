/* `ordo card add PRODUCT --file F`: seals one secret a line and loads them into a product's pool.
 * What an operator does with cards that are there is in card_ops.c.
 *
 * The whole file is checked before anything is sent, so a bad line leaves nothing half loaded.
 * Lines are sealed here and leave as sealed bytes; the file's bytes are wiped from memory at the
 * end. A repeated import, whole or after a break in its middle, loads nothing twice: equal secrets
 * seal to equal bytes, and the node knows them by their tags.
 */
#include "card.h"

#include "cli.h"
#include "order/result.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_SIZE_MAX (256u << 20) /* bytes of one card file */
#define READ_SIZE     (1u << 16)

/* One secret of the file; false at its end. */
struct line {
    size_t at; /* where to go on */
    uint64_t number;
    struct ordo_bytes secret;
};

static bool is_blank(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] != ' ' && text[i] != '\t') {
            return false;
        }
    }
    return true;
}

static bool next_line(const struct card *card, struct line *line)
{
    while (line->at < card->size) {
        const char *begin = card->text + line->at;
        const char *newline = memchr(begin, '\n', card->size - line->at);
        size_t size = newline == NULL ? card->size - line->at : (size_t)(newline - begin);
        line->at += size + (newline == NULL ? 0 : 1);
        line->number++;
        if (line->number == 1 && size >= 3 && memcmp(begin, "\xef\xbb\xbf", 3) == 0) {
            begin += 3; /* the mark that some editors put in front of UTF-8 */
            size -= 3;
        }
        if (size > 0 && begin[size - 1] == '\r') {
            size--;
        }
        if (!is_blank(begin, size)) {
            line->secret = (struct ordo_bytes){(const uint8_t *)begin, (uint32_t)size};
            return true;
        }
    }
    return false;
}

/* ---- the file ---- */

static bool grow(struct card *card)
{
    if (card->room - card->size >= READ_SIZE) {
        return true;
    }
    size_t room = card->room == 0 ? 4 * READ_SIZE : card->room * 2;
    char *grown = malloc(room);
    if (grown == NULL) {
        return false;
    }
    if (card->text != NULL) {
        memcpy(grown, card->text, card->size);
        ordo_secret_wipe(card->text, card->room);
        free(card->text);
    }
    card->text = grown;
    card->room = room;
    return true;
}

static int read_from(struct card *card, int fd)
{
    for (;;) {
        if (card->size > FILE_SIZE_MAX) {
            return ordo_cli_fail(
                ORDO_EXIT_FAILED, "%s has more than 256 MiB: split it", card->file);
        }
        if (!grow(card)) {
            return ordo_cli_fail(ORDO_EXIT_FAILED, "%s: out of memory", card->file);
        }
        ssize_t n = read(fd, card->text + card->size, READ_SIZE);
        if (n == 0) {
            return ORDO_EXIT_OK;
        }
        if (n < 0 && errno != EINTR) {
            return ordo_cli_fail(ORDO_EXIT_IO, "%s: %s", card->file, strerror(errno));
        }
        card->size += n > 0 ? (size_t)n : 0;
    }
}

static int read_file(struct card *card)
{
    bool is_stdin = strcmp(card->file, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(card->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return ordo_cli_fail(ORDO_EXIT_IO, "%s: %s", card->file, strerror(errno));
    }
    int code = read_from(card, fd);
    if (!is_stdin) {
        (void)close(fd);
    }
    return code;
}

static int check_lines(const struct card *card, uint64_t *count)
{
    struct line line = {0};
    *count = 0;
    while (next_line(card, &line)) {
        if (line.secret.size > ORDO_SECRET_MAX) {
            return ordo_cli_fail(
                ORDO_EXIT_FAILED,
                "%s:%llu: a secret of %u bytes: at most %d are taken; nothing was loaded",
                card->file,
                (unsigned long long)line.number,
                line.secret.size,
                ORDO_SECRET_MAX);
        }
        if (memchr(line.secret.data, 0, line.secret.size) != NULL) {
            return ordo_cli_fail(
                ORDO_EXIT_FAILED,
                "%s:%llu: a zero byte: is it a text file with one secret a line? Nothing was "
                "loaded",
                card->file,
                (unsigned long long)line.number);
        }
        (*count)++;
    }
    if (*count == 0) {
        return ordo_cli_fail(
            ORDO_EXIT_FAILED, "%s holds no card: one secret a line is expected", card->file);
    }
    return ORDO_EXIT_OK;
}

/* ---- the import ---- */

#define IMPORT_SIZE_MAX (ORDO_COMMAND_SIZE_MAX - 256) /* kind, id, shop, product, count, stamps */

/* Seals lines into one import until it is full or the file ends; returns how many. */
static uint32_t
seal_batch(const struct card *card, struct line *line, struct ordo_writer *out, bool *more)
{
    uint32_t count = 0;
    *more = true;
    while (count < ORDO_IMPORT_MAX) {
        struct line next = *line;
        if (!next_line(card, &next)) {
            *more = false;
            break;
        }
        size_t size = next.secret.size + ORDO_SEAL_OVERHEAD;
        if (ordo_writer_size(out) + size + 2 > IMPORT_SIZE_MAX) {
            break;
        }
        ordo_write_varint(out, size);
        enum ordo_err err =
            ordo_seal(&card->key, card->online.shop, (uint32_t)card->number, next.secret, out);
        if (err != ORDO_OK) {
            break; /* the lines were checked and there is room */
        }
        *line = next;
        count++;
    }
    return count;
}

static int import_all(struct card *card)
{
    static uint8_t buffer[ORDO_COMMAND_SIZE_MAX];
    struct line line = {0};
    bool more = true;
    while (more) {
        struct ordo_command command = {.kind = ORDO_KIND_CARD_IMPORT};
        struct ordo_writer out = ordo_writer_over(buffer, sizeof(buffer));
        const struct ordo_answer *answer = NULL;
        uint64_t first = line.number + 1;
        uint32_t count = seal_batch(card, &line, &out, &more);
        if (count == 0) {
            break;
        }
        command.card_import.product = card->number;
        command.card_import.cards.count = count;
        command.card_import.cards.raw =
            (struct ordo_bytes){buffer, (uint32_t)ordo_writer_size(&out)};
        int code = ordo_online_call(&card->online, &command, &answer);
        if (code != ORDO_EXIT_OK) {
            return code;
        }
        if (answer->item.result.code != ORDO_RESULT_OK) {
            char what[ORDO_ONLINE_PATH_MAX];
            (void)snprintf(
                what,
                sizeof(what),
                "lines %llu to %llu of %s",
                (unsigned long long)first,
                (unsigned long long)line.number,
                card->file);
            return ordo_online_refused(&card->online, what, answer);
        }
    }
    return ORDO_EXIT_OK;
}

static int ask_stock(struct card *card, struct ordo_stock_view *view)
{
    const struct ordo_answer *answer = NULL;
    char what[48];
    int code = ordo_online_stock(&card->online, (uint32_t)card->number, view, &answer);
    if (code == ORDO_EXIT_OK && answer->item.result.code != ORDO_RESULT_OK) {
        (void)snprintf(what, sizeof(what), "product %llu", (unsigned long long)card->number);
        return ordo_online_refused(&card->online, what, answer);
    }
    return code;
}

static int report(
    const struct card *card,
    uint64_t lines,
    const struct ordo_stock_view *before,
    const struct ordo_stock_view *after)
{
    uint64_t loaded = after->imported - before->imported;
    loaded = loaded > lines ? lines : loaded; /* somebody else may have loaded cards meanwhile */
    if (card->online.json) {
        return ordo_online_print_json(json_pack(
            "{s:b, s:I, s:I, s:I, s:I, s:I}",
            "ok",
            1,
            "product",
            (json_int_t)card->number,
            "cards",
            (json_int_t)lines,
            "imported",
            (json_int_t)loaded,
            "duplicate",
            (json_int_t)(lines - loaded),
            "available",
            (json_int_t)after->available));
    }
    (void)printf(
        "product %llu: %llu cards imported, %llu were there already; %llu are available\n",
        (unsigned long long)card->number,
        (unsigned long long)loaded,
        (unsigned long long)(lines - loaded),
        (unsigned long long)after->available);
    return ORDO_EXIT_OK;
}

static int add_cards(struct card *card)
{
    struct ordo_stock_view before;
    struct ordo_stock_view after;
    uint64_t lines = 0;
    int code = read_file(card);
    if (code == ORDO_EXIT_OK) {
        code = check_lines(card, &lines);
    }
    if (code == ORDO_EXIT_OK) {
        code = ordo_online_open(&card->online);
    }
    if (code == ORDO_EXIT_OK) {
        code = ask_stock(card, &before);
    }
    if (code == ORDO_EXIT_OK) {
        code = ordo_online_key(&card->online, true, &card->key);
    }
    if (code == ORDO_EXIT_OK) {
        code = import_all(card);
    }
    if (code == ORDO_EXIT_OK) {
        code = ask_stock(card, &after);
    }
    return code == ORDO_EXIT_OK ? report(card, lines, &before, &after) : code;
}

/* ---- the line ---- */

enum {
    OPTION_FIRST = 0x200,
    OPTION_LAST,
};

static const struct {
    const char *name;
    const char *takes;
    int (*run)(struct card *card);
    uint64_t max; /* of the number that it takes */
} actions[] = {
    {"add", "product", add_cards, UINT32_MAX},
    {"void", "product", card_void, UINT32_MAX},
    {"recall", "card", card_recall, UINT64_MAX},
};

#define ACTION_COUNT (sizeof(actions) / sizeof(actions[0]))

static int find_action(const char *name)
{
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        if (strcmp(actions[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static error_t on_argument(struct card *card, const char *argument, struct argp_state *state)
{
    if (card->action == NULL) {
        card->action = argument;
        if (find_action(argument) < 0) {
            argp_error(state, "\"%s\" is none of add, void, recall", argument);
        }
        return 0;
    }
    int action = find_action(card->action);
    if (card->number != 0 || !ordo_cli_number(argument, actions[action].max, &card->number) ||
        card->number == 0) {
        argp_error(
            state,
            "\"%s\" is no %s: a number from 1 to %llu",
            argument,
            actions[action].takes,
            (unsigned long long)actions[action].max);
    }
    return 0;
}

static void check_line(struct card *card, struct argp_state *state)
{
    if (card->action == NULL || card->number == 0) {
        argp_error(state, "say what to do with what, e.g. add 1001 --file cards.txt");
        return;
    }
    bool adds = strcmp(card->action, "add") == 0;
    if (adds && card->file == NULL) {
        argp_error(state, "add needs --file, e.g. add 1001 --file cards.txt");
    }
    if (strcmp(card->action, "void") == 0 && card->first == 0) {
        argp_error(state, "void needs --first, and --last for more than one card");
    }
    if (!adds && !ordo_operator_is_there(&card->by, card->action)) {
        exit(ORDO_EXIT_USAGE); /* the line above said why */
    }
}

static void read_card(const char *argument, uint64_t *number, struct argp_state *state)
{
    if (!ordo_cli_number(argument, UINT64_MAX, number) || *number == 0) {
        argp_error(state, "\"%s\" is no card number", argument);
    }
}

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct card *card = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &card->online;
        state->child_inputs[1] = &card->by;
        return 0;
    case 'f':
        card->file = argument;
        return 0;
    case OPTION_FIRST:
        read_card(argument, &card->first, state);
        return 0;
    case OPTION_LAST:
        read_card(argument, &card->last, state);
        return 0;
    case ARGP_KEY_ARG:
        return on_argument(card, argument, state);
    case ARGP_KEY_END:
        check_line(card, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int ordo_verb_card(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"file", 'f', "FILE", 0, "add: one secret a line; \"-\" is standard input", 1},
        {"first", OPTION_FIRST, "N", 0, "void: the first card", 1},
        {"last", OPTION_LAST, "N", 0, "void: the last one (default: the first), 256 at most", 1},
        {0},
    };
    static const struct argp_child children[] = {
        {&ordo_online_parser, 0, "The node:", 9},
        {&ordo_operator_parser, 0, "An operator's verbs:", 8},
        {0}};
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .args_doc = "add PRODUCT --file FILE\nvoid PRODUCT --first N [--last N] --reason TEXT\n"
                    "recall CARD --reason TEXT",
        .doc = "add: seal the secrets of a file and load them into a product's pool. Blank lines "
               "are skipped; a card that is there already is not loaded again. void: take free "
               "cards out of the pool. recall: take one card back wherever it is; an order that "
               "has it gets another.",
        .children = children,
    };
    struct card card;
    memset(&card, 0, sizeof(card));
    ordo_online_init(&card.online);
    ordo_operator_init(&card.by);
    int code = ordo_online_parse(&parser, argc, argv, &card);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    code = actions[find_action(card.action)].run(&card);
    ordo_online_close(&card.online);
    ordo_key_wipe(&card.key);
    if (card.text != NULL) {
        ordo_secret_wipe(card.text, card.room);
        free(card.text);
    }
    return code;
}
