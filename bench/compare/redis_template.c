#include "redis_template.h"

#include "base/assert.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* N puts the order's number there, P the product's two digits: "B%N" is a name of an order. */
static void put_word(struct ordo_redis_template *t, const char *word, uint32_t length)
{
    char text[ORDO_REDIS_TEMPLATE_SIZE];
    uint32_t size = 0;
    uint32_t number_at = UINT32_MAX;
    uint32_t product_at = UINT32_MAX;
    for (uint32_t i = 0; i < length; i++) {
        bool marked = word[i] == '%' && i + 1 < length;
        if (marked && word[i + 1] == 'N') {
            number_at = size;
            memset(text + size, '0', ORDO_REDIS_DIGITS);
            size += ORDO_REDIS_DIGITS;
            i++;
        } else if (marked && word[i + 1] == 'P') {
            product_at = size;
            memset(text + size, '0', 2);
            size += 2;
            i++;
        } else {
            text[size++] = word[i];
        }
    }
    t->size +=
        (uint32_t)snprintf(t->bytes + t->size, ORDO_REDIS_TEMPLATE_SIZE - t->size, "$%u\r\n", size);
    ORDO_ASSERT(t->size + size + 2 < ORDO_REDIS_TEMPLATE_SIZE);
    if (number_at != UINT32_MAX) {
        t->numbers[t->number_count++] = t->size + number_at;
    }
    if (product_at != UINT32_MAX) {
        t->products[t->product_count++] = t->size + product_at;
    }
    memcpy(t->bytes + t->size, text, size);
    memcpy(t->bytes + t->size + size, "\r\n", 2);
    t->size += size + 2;
}

void ordo_redis_template_build(
    struct ordo_redis_template *t, const char *script, const char *const *words, uint32_t count)
{
    uint32_t all = count + (script == NULL ? 0 : 2);
    t->size = (uint32_t)snprintf(t->bytes, ORDO_REDIS_TEMPLATE_SIZE, "*%u\r\n", all);
    if (script != NULL) {
        put_word(t, "EVALSHA", 7);
        put_word(t, script, ORDO_REDIS_SHA_SIZE);
    }
    for (uint32_t i = 0; i < count; i++) {
        put_word(t, words[i], (uint32_t)strlen(words[i]));
    }
}

static void put_digits(char *to, uint64_t value, uint32_t digits)
{
    while (digits > 0) {
        to[--digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

void ordo_redis_template_write(
    const struct ordo_redis_template *t, char *to, uint64_t number, uint32_t product)
{
    memcpy(to, t->bytes, t->size);
    for (uint32_t i = 0; i < t->number_count; i++) {
        put_digits(to + t->numbers[i], number, ORDO_REDIS_DIGITS);
    }
    for (uint32_t i = 0; i < t->product_count; i++) {
        put_digits(to + t->products[i], product, 2);
    }
}
