/* fuzz.h - what the targets share. A target is a program of libFuzzer over one decoder that sees
 * bytes from outside: it may refuse them, it may not crash, leak, hang or ask for memory that the
 * bytes do not pay for, and what it takes must have exactly one form: written again it is read as
 * the same. tests/README.md says how to run, repeat and add one.
 */
#ifndef ORDO_TESTS_FUZZ_H
#define ORDO_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise of the decoder under test; the input is kept by libFuzzer. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
