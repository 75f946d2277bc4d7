/* redis_template.h - a request to Redis as bytes in which only an order's number is patched, so
 * that the client takes little of the machine that it shares with the server. Any thread; nothing
 * blocks. */
#ifndef ORDO_BENCH_COMPARE_REDIS_TEMPLATE_H
#define ORDO_BENCH_COMPARE_REDIS_TEMPLATE_H

#include <stdint.h>

#define ORDO_REDIS_TEMPLATE_SIZE 512u
#define ORDO_REDIS_PLACES_MAX    4u
#define ORDO_REDIS_DIGITS        15u /* of an order's number */
#define ORDO_REDIS_SHA_SIZE      40u

/* One command as bytes, with the places of what differs between orders. */
struct ordo_redis_template {
    char bytes[ORDO_REDIS_TEMPLATE_SIZE];
    uint32_t size;
    uint32_t numbers[ORDO_REDIS_PLACES_MAX]; /* offsets of the digits of the order's number */
    uint32_t number_count;
    uint32_t products[ORDO_REDIS_PLACES_MAX]; /* offsets of two digits */
    uint32_t product_count;
    char expected; /* the digit of the answer; 0 = an array */
};

/* words: "%N" in one stands for the order's number, "%P" for its product of two digits. script: the
 * digits of an EVALSHA's script, or NULL for a plain command. */
void ordo_redis_template_build(
    struct ordo_redis_template *t, const char *script, const char *const *words, uint32_t count);

/* Writes t->size bytes. */
void ordo_redis_template_write(
    const struct ordo_redis_template *t, char *to, uint64_t number, uint32_t product);

#endif
