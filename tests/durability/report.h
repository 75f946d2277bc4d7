/* report.h - what the durability programs share: options, the seed and how to replay it, the
 * closing line. */
#ifndef ORDO_TESTS_DURABILITY_REPORT_H
#define ORDO_TESTS_DURABILITY_REPORT_H

#include <inttypes.h>
#include <ordo_version.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXIT_SKIPPED 77

struct report {
    const char *id;
    uint64_t seed;
    uint64_t cases_wanted;
    uint64_t cases;
    uint64_t fails;
    const char *dir;
    const char *backend;
    time_t begin;
};

/* NAME [--seed N] [--cases N] [--dir DIR] [--backend NAME]; the environment variables
 * ORDO_SEED and ORDO_CASES_<id> do the same. */
static inline struct report report_begin(const char *id, uint64_t cases, int argc, char **argv)
{
    struct report r = {.id = id, .cases_wanted = cases, .begin = time(NULL), .backend = "auto"};
    char name[32];
    (void)snprintf(name, sizeof(name), "ORDO_CASES_%s", id);
    const char *wanted = getenv(name);
    const char *seed = getenv("ORDO_SEED");
    r.seed = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)r.begin;
    r.dir = getenv("ORDO_TEST_DIR");
    r.cases_wanted = wanted != NULL ? strtoull(wanted, NULL, 10) : cases;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0) {
            r.seed = strtoull(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--cases") == 0) {
            r.cases_wanted = strtoull(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--dir") == 0) {
            r.dir = argv[i + 1];
        } else if (strcmp(argv[i], "--backend") == 0) {
            r.backend = argv[i + 1];
        } else {
            (void)fprintf(stderr, "%s: no option %s\n", argv[0], argv[i]);
            exit(64);
        }
    }
    printf(
        "seed=%" PRIu64 " (replay: %s --seed %" PRIu64 " --cases %" PRIu64 ")\n",
        r.seed,
        argv[0],
        r.seed,
        r.cases_wanted);
    (void)fflush(stdout);
    return r;
}

/* One failure, in words. */
__attribute__((format(printf, 2, 3))) static inline void
report_fail(struct report *r, const char *format, ...)
{
    va_list rest;
    va_start(rest, format);
    r->fails++;
    if (r->fails <= 20) {
        printf("%s FAILED: ", r->id);
        (void)vprintf(format, rest);
        printf("\n");
    }
    va_end(rest);
}

/* The closing line with more behind it; the exit code. */
static inline int report_end(const struct report *r, const char *more)
{
    bool ok = r->fails == 0 && r->cases > 0;
    printf(
        "RELIABILITY %s %s cases=%" PRIu64 " fails=%" PRIu64 " %s%sseed=%" PRIu64
        " commit=%s wall=%llds\n",
        r->id,
        ok ? "ok" : "FAILED",
        r->cases,
        r->fails,
        more,
        *more != 0 ? " " : "",
        r->seed,
        ORDO_COMMIT,
        (long long)(time(NULL) - r->begin));
    return ok ? 0 : 1;
}

static inline int report_skip(const struct report *r, const char *reason)
{
    printf("RELIABILITY %s SKIP %s\n", r->id, reason);
    return EXIT_SKIPPED;
}

#endif
