/* What the verbs share. Numbers are read digit by digit: strtoull takes signs, blanks and overlong
 * input, and a sale must not be started with a number that nobody wrote.
 */
#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORD_SIZE_MAX 64 /* longer words get no suggestion */

int ordo_exit_of(enum ordo_err err)
{
    switch (err) {
    case ORDO_ERR_OK:
        return ORDO_EXIT_OK;
    case ORDO_ERR_INVALID:
    case ORDO_ERR_LIMIT:
        return ORDO_EXIT_USAGE;
    case ORDO_ERR_DAMAGED:
    case ORDO_ERR_DIVERGED:
        return ORDO_EXIT_VERIFY;
    case ORDO_ERR_IN_USE:
    case ORDO_ERR_UNAVAILABLE:
    case ORDO_ERR_UNSUPPORTED:
    case ORDO_ERR_TIMEOUT:
    case ORDO_ERR_CLOSED:
        return ORDO_EXIT_UNAVAILABLE;
    case ORDO_ERR_IO:
    case ORDO_ERR_NO_SPACE:
        return ORDO_EXIT_IO;
    case ORDO_ERR_CONFIG:
    case ORDO_ERR_VERSION:
        return ORDO_EXIT_CONFIG;
    case ORDO_ERR_FULL:
    case ORDO_ERR_EMPTY:
    case ORDO_ERR_NOT_FOUND:
    case ORDO_ERR_EXISTS:
    case ORDO_ERR_NO_MEMORY:
    case ORDO_ERR_COUNT:
        break;
    }
    return ORDO_EXIT_FAILED;
}

int ordo_cli_fail(int exit_code, const char *format, ...)
{
    char text[ORDO_FAIL_TEXT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)fflush(stdout);
    (void)fprintf(stderr, "ordo: %s\n", text);
    return exit_code;
}

int ordo_cli_fail_with(const struct ordo_fail *fail)
{
    return ordo_cli_fail(ordo_exit_of(fail->err), "%s", fail->text);
}

/* The leading digits of *text, which is moved past them; false when there are none or they pass 64
 * bits. */
static bool read_digits(const char **text, uint64_t *value)
{
    const char *at = *text;
    uint64_t sum = 0;

    if (*at < '0' || *at > '9') {
        return false;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(sum, 10u, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*at - '0'), &sum)) {
            return false;
        }
    }
    *text = at;
    *value = sum;
    return true;
}

struct unit {
    const char *suffix;
    uint64_t factor;
};

static bool
read_with_unit(const char *text, const struct unit *units, size_t unit_count, uint64_t *value)
{
    uint64_t number;

    if (!read_digits(&text, &number)) {
        return false;
    }
    for (size_t i = 0; i < unit_count; i++) {
        if (strcmp(text, units[i].suffix) == 0) {
            return !__builtin_mul_overflow(number, units[i].factor, value);
        }
    }
    return false;
}

bool ordo_cli_number(const char *text, uint64_t max, uint64_t *value)
{
    static const struct unit units[] = {
        {"", 1},
        {"k", 1000},
        {"m", 1000000},
        {"g", 1000000000},
        {"Ki", 1ull << 10},
        {"Mi", 1ull << 20},
        {"Gi", 1ull << 30},
    };
    uint64_t number;

    if (!read_with_unit(text, units, sizeof(units) / sizeof(units[0]), &number) || number > max) {
        return false;
    }
    *value = number;
    return true;
}

bool ordo_cli_duration_us(const char *text, uint64_t *value_us)
{
    static const struct unit units[] = {
        {"", 1000000},
        {"us", 1},
        {"ms", 1000},
        {"s", 1000000},
        {"m", 60000000},
        {"h", 3600000000},
        {"d", 86400000000},
    };
    uint64_t number;

    if (!read_with_unit(text, units, sizeof(units) / sizeof(units[0]), &number)) {
        return false;
    }
    *value_us = number;
    return true;
}

bool ordo_cli_amount(const char *text, int64_t *minor)
{
    uint64_t whole;
    uint64_t cents = 0;

    if (!read_digits(&text, &whole)) {
        return false;
    }
    if (*text == '.') {
        const char *point = text++;
        if (!read_digits(&text, &cents) || text - point != 3 ||
            __builtin_mul_overflow(whole, 100u, &whole) ||
            __builtin_add_overflow(whole, cents, &whole)) {
            return false;
        }
    }
    if (*text != '\0' || whole > INT64_MAX) {
        return false;
    }
    *minor = (int64_t)whole;
    return true;
}

bool ordo_cli_share(const char *text, uint64_t *share)
{
    uint64_t whole;
    uint64_t parts = 0;

    if (!read_digits(&text, &whole) || whole > 100) {
        return false;
    }
    if (*text == '.') {
        const char *point = text++;
        if (!read_digits(&text, &parts) || text - point > 3) {
            return false;
        }
        parts *= text - point == 2 ? 10 : 1;
    }
    text += *text == '%' ? 1 : 0;
    whole = whole * 100 + parts;
    if (*text != '\0' || whole > 10000) {
        return false;
    }
    *share = whole;
    return true;
}

bool ordo_cli_progress(void)
{
    return isatty(STDERR_FILENO) == 1;
}

/* The fewest letters to insert, drop or change to make b of a (Levenshtein, one row at a time). */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[WORD_SIZE_MAX + 1];
    size_t b_size = strlen(b);

    for (size_t j = 0; j <= b_size; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            size_t drop = row[j] + 1;
            size_t insert = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = change < drop ? change : drop;
            row[j] = row[j] < insert ? row[j] : insert;
        }
    }
    return row[b_size];
}

const char *ordo_cli_nearest(const char *word, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    size_t best = strlen(word) / 3 + 2; /* farther than this is another word, not a slip */

    if (strlen(word) > WORD_SIZE_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (strlen(words[i]) > WORD_SIZE_MAX) {
            continue;
        }
        size_t distance = edit_distance(word, words[i]);
        if (distance < best && distance < strlen(words[i])) {
            best = distance;
            nearest = words[i];
        }
    }
    return nearest;
}
