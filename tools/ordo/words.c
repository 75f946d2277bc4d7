/* The words of the online verbs: what a person types and reads for currencies, channels, buyers,
 * amounts and times.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "cli.h"
#include "online.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct word {
    const char *name;
    uint64_t number;
};

/* ISO 4217; only those with two digits behind the point, because that is how amounts are typed. */
static const struct word currencies[] = {
    {"CNY", ORDO_CURRENCY_CNY},
    {"RMB", ORDO_CURRENCY_CNY},
    {"USD", 840},
    {"EUR", 978},
    {"GBP", 826},
    {"HKD", 344},
    {"TWD", 901},
    {"SGD", 702},
    {"MYR", 458},
};

/* Channel numbers of this program; a shop may use others by number. */
static const struct word channels[] = {
    {"alipay", 1},
    {"wechat", 2},
    {"unionpay", 3},
    {"epay", 4},
    {"stripe", 5},
    {"paypal", 6},
    {"usdt", 7},
};

static bool
find_word(const struct word *words, size_t count, const char *text, uint64_t max, uint64_t *value)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(words[i].name, text) == 0) {
            *value = words[i].number;
            return true;
        }
    }
    return ordo_cli_number(text, max, value);
}

bool ordo_online_currency(const char *text, uint64_t *currency)
{
    return find_word(currencies, sizeof(currencies) / sizeof(currencies[0]), text, 9999, currency);
}

bool ordo_online_channel(const char *text, uint64_t *channel)
{
    return find_word(channels, sizeof(channels) / sizeof(channels[0]), text, 255, channel);
}

const char *ordo_online_channel_name(uint64_t channel)
{
    for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++) {
        if (channels[i].number == channel) {
            return channels[i].name;
        }
    }
    return NULL;
}

const char *ordo_online_currency_name(uint32_t currency)
{
    for (size_t i = 0; i < sizeof(currencies) / sizeof(currencies[0]); i++) {
        if (currencies[i].number == currency) {
            return currencies[i].name;
        }
    }
    return NULL;
}

bool ordo_online_order_id(const char *text, struct ordo_bytes *id)
{
    size_t size = strlen(text);
    *id = (struct ordo_bytes){(const uint8_t *)text, (uint32_t)size};
    if (size <= ORDO_ORDER_ID_MAX && ordo_text_is_valid(*id)) {
        return true;
    }
    (void)ordo_cli_fail(
        ORDO_EXIT_USAGE,
        "\"%.64s\" is no order number: 1-%d of A-Z a-z 0-9 _ . : -",
        text,
        ORDO_ORDER_ID_MAX);
    return false;
}

void ordo_online_buyer(const char *text, uint8_t buyer[ORDO_ID_SIZE])
{
    if (ordo_online_unhex(text, buyer, ORDO_ID_SIZE)) {
        return;
    }
    struct ordo_hash128 hash = ordo_hash128(text, strlen(text), 0);
    ordo_put_le64(buyer, hash.low);
    ordo_put_le64(buyer + 8, hash.high);
}

const char *ordo_online_money(int64_t minor, uint32_t currency, char *out, size_t size)
{
    uint64_t value = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;
    const char *name = ordo_online_currency_name(currency);
    char number[16];
    (void)snprintf(number, sizeof(number), "(%u)", currency);
    (void)snprintf(
        out,
        size,
        "%s%llu.%02llu %s",
        minor < 0 ? "-" : "",
        (unsigned long long)(value / 100),
        (unsigned long long)(value % 100),
        name == NULL ? number : name);
    return out;
}

const char *ordo_online_time(uint64_t time_us, char *out, size_t size)
{
    struct tm when;
    char second[32];
    time_t seconds = (time_t)(time_us / ORDO_US_PER_S);
    if (time_us == 0 || localtime_r(&seconds, &when) == NULL ||
        strftime(second, sizeof(second), "%Y-%m-%d %H:%M:%S", &when) == 0) {
        (void)snprintf(out, size, "-");
        return out;
    }
    (void)snprintf(out, size, "%s.%06llu", second, (unsigned long long)(time_us % ORDO_US_PER_S));
    return out;
}

bool ordo_online_is_chinese(void)
{
    const char *locale = setlocale(LC_MESSAGES, "");
    if (locale == NULL || strcmp(locale, "C") == 0) {
        /* the locale may be named without being installed */
        locale = getenv("LC_ALL");
        locale = locale != NULL && locale[0] != '\0' ? locale : getenv("LC_MESSAGES");
        locale = locale != NULL && locale[0] != '\0' ? locale : getenv("LANG");
    }
    return locale != NULL && strncmp(locale, "zh", 2) == 0;
}

void ordo_online_hex(const uint8_t *bytes, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * size] = '\0';
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool ordo_online_unhex(const char *text, uint8_t *out, size_t size)
{
    if (strlen(text) != 2 * size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (digit_of(text[2 * i]) < 0 || digit_of(text[2 * i + 1]) < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(digit_of(text[2 * i]) << 4 | digit_of(text[2 * i + 1]));
    }
    return true;
}
