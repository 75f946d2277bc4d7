/* vectors_json.h - the conformance vectors of tests/conformance as values of C. README.md of net,
 * section Conformance, has the forms: {"hex"} is bytes, {"int"} a long integer, {"repeat", "of"} an
 * element many times. What is made lives in a pool until the next vectors_reset(). */
#ifndef ORDO_TESTS_NET_VECTORS_JSON_H
#define ORDO_TESTS_NET_VECTORS_JSON_H

#include "base/bytes.h"
#include "net/mp.h"
#include "order/outcome.h"
#include "order/schema.h"

struct json_t;

/* The array `key` of a file; the caller owns the file's root, which it gives back in *root. */
struct json_t *vectors_load(const char *file, const char *key, struct json_t **root);
void vectors_reset(void);

uint64_t vectors_uint(const struct json_t *value);
int64_t vectors_int(const struct json_t *value);
struct ordo_bytes vectors_bytes(const struct json_t *value); /* of a text or {"hex"} */
struct ordo_bytes vectors_frame(const struct json_t *value);

/* Its members by name; 0 or empty when there is none. */
uint64_t vectors_member_uint(const struct json_t *value, const char *name);
struct ordo_bytes vectors_member_bytes(const struct json_t *value, const char *name);

/* The fields of an object into the struct that the schema describes. */
void vectors_fields(
    const struct json_t *fields, const struct ordo_command_schema *schema, uint8_t *base);
struct ordo_update vectors_update(const struct json_t *value);

/* Reads one msgpack value and fails the test where it is not the expected one. */
void vectors_expect(struct ordo_mp_reader *in, const struct json_t *value, const char *name);

#endif
