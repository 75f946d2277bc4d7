/* bench.h - the benchmarks behind `ordo bench`: each prints one JSON line on stdout and a readable
 * table on stderr.
 *
 * argv[0] is the benchmark's name; --help and --json as every verb. They return an exit code of
 * tools/ordo/cli.h.
 */
#ifndef ORDO_BENCH_BENCH_H
#define ORDO_BENCH_BENCH_H

int ordo_bench_ring(int argc, char **argv);
int ordo_bench_apply(int argc, char **argv);
int ordo_bench_codec(int argc, char **argv);
int ordo_bench_read(int argc, char **argv);
int ordo_bench_journal(int argc, char **argv);
int ordo_bench_budget(int argc, char **argv);
int ordo_bench_engine(int argc, char **argv);
int ordo_bench_e2e(int argc, char **argv);
int ordo_bench_snapshot(int argc, char **argv);
int ordo_bench_stream(int argc, char **argv);
int ordo_bench_sweep(int argc, char **argv);
int ordo_bench_tune(int argc, char **argv);
int ordo_bench_flash(int argc, char **argv);

#endif
