/* `ordo bench NAME`: hands over to bench/, where each benchmark is a file. */
#include "bench/bench.h"

#include "cli.h"

#include <stdio.h>
#include <string.h>

struct benchmark {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct benchmark benchmarks[] = {
    {"ring", ordo_bench_ring, "commands through the ring, by layout and wait strategy"},
    {"apply", ordo_bench_apply, "decisions a second of the engine alone"},
    {"codec", ordo_bench_codec, "reading and writing the wire, a command, a result, an update"},
    {"journal", ordo_bench_journal, "the journal against a plain writer on the same disk"},
    {"engine", ordo_bench_engine, "commands through apply and journal, durable, in process"},
    {"e2e", ordo_bench_e2e, "lifecycles from one client through the whole node, durable"},
    {"budget", ordo_bench_budget, "where the microseconds of a command go, stage by stage"},
    {"read", ordo_bench_read, "the status of orders, asked through the ring from one client"},
    {"snapshot", ordo_bench_snapshot, "commits beside a snapshot, and without one"},
    {"stream", ordo_bench_stream, "catching up with the status stream out of the files"},
    {"sweep", ordo_bench_sweep, "settings against load: latency, throughput and CPU, with plots"},
    {"tune", ordo_bench_tune, "the settings for this machine, and why; writes them"},
    {"flash", ordo_bench_flash, "a flash sale: a burst, a hot product, gateways as they are"},
};

#define BENCHMARK_COUNT (sizeof(benchmarks) / sizeof(benchmarks[0]))

static void print_help(FILE *out)
{
    (void)fputs("Usage: ordo bench NAME [OPTION...]\n\n", out);
    for (size_t i = 0; i < BENCHMARK_COUNT; i++) {
        (void)fprintf(out, "  %-8s %s\n", benchmarks[i].name, benchmarks[i].summary);
    }
    (void)fputs(
        "\nEach prints one JSON line on stdout and a table on stderr; `ordo bench NAME --help` has "
        "the options.\n",
        out);
}

int ordo_verb_bench(int argc, char **argv)
{
    const char *names[BENCHMARK_COUNT];

    if (argc < 2) {
        print_help(stderr);
        return ORDO_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0) {
        print_help(stdout);
        return ORDO_EXIT_OK;
    }
    for (size_t i = 0; i < BENCHMARK_COUNT; i++) {
        names[i] = benchmarks[i].name;
        if (strcmp(argv[1], names[i]) == 0) {
            return benchmarks[i].run(argc - 1, argv + 1);
        }
    }
    const char *nearest = ordo_cli_nearest(argv[1], names, BENCHMARK_COUNT);
    return ordo_cli_fail(
        ORDO_EXIT_USAGE,
        "there is no benchmark \"%s\"; %s%s",
        argv[1],
        nearest == NULL ? "`ordo bench --help` lists them" : "did you mean ",
        nearest == NULL ? "" : nearest);
}
