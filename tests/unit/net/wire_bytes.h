/* wire_bytes.h - bytes written as hex in tests: the examples of net/README.md are compared so. */
#ifndef ORDO_TESTS_NET_WIRE_BYTES_H
#define ORDO_TESTS_NET_WIRE_BYTES_H

#include "base/bytes.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* Hex digits with spaces between; "ID" stands for a bin 16 of 0x11. */
static inline struct ordo_bytes bytes_of(const char *hex, uint8_t *out, size_t room)
{
    size_t size = 0;
    while (*hex != 0) {
        unsigned value;
        if (*hex == ' ') {
            hex++;
            continue;
        }
        if (strncmp(hex, "ID", 2) == 0) {
            cr_assert(size + 18 <= room);
            out[size] = 0xc4;
            out[size + 1] = 16;
            memset(out + size + 2, 0x11, 16);
            size += 18;
            hex += 2;
            continue;
        }
        cr_assert_eq(sscanf(hex, "%2x", &value), 1, "not hex: %s", hex);
        cr_assert(size < room);
        out[size++] = (uint8_t)value;
        hex += 2;
    }
    return (struct ordo_bytes){out, (uint32_t)size};
}

static inline void expect_bytes(struct ordo_bytes got, const char *hex)
{
    uint8_t expected[2048];
    char text[4096] = "";
    struct ordo_bytes e = bytes_of(hex, expected, sizeof(expected));
    for (uint32_t i = 0; i < got.size && i < 1000; i++) {
        snprintf(text + strlen(text), 4, "%02x", got.data[i]);
    }
    cr_assert(ordo_bytes_equal(got, e), "the bytes are %s", text);
}

/* The specification without its spaces and line breaks. */
static inline const char *readme_squeezed(void)
{
    static char text[1u << 16];
    size_t size = 0;
    FILE *f = fopen(ORDO_README, "r");
    cr_assert_not_null(f, "no %s", ORDO_README);
    for (int c = getc(f); c != EOF; c = getc(f)) {
        if (c != ' ' && c != '\n') {
            cr_assert(size < sizeof(text) - 1);
            text[size++] = (char)c;
        }
    }
    (void)fclose(f);
    text[size] = 0;
    return text;
}

/* The bytes are those of `hex`, and the specification has them as an example. */
static inline void expect_documented(struct ordo_bytes got, const char *hex)
{
    char squeezed[4096];
    size_t size = 0;
    expect_bytes(got, hex);
    for (; *hex != 0; hex++) {
        if (*hex != ' ') {
            squeezed[size++] = *hex;
        }
    }
    squeezed[size] = 0;
    cr_assert_not_null(strstr(readme_squeezed(), squeezed), "%s lacks %s", ORDO_README, squeezed);
}

#endif
