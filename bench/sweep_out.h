/* sweep_out.h - what a sweep leaves: sweep.csv with a row a point, plots.gp and three pictures.
 *
 * One thread; blocks.
 */
#ifndef ORDO_BENCH_SWEEP_OUT_H
#define ORDO_BENCH_SWEEP_OUT_H

#include "bench/visit.h"

#include <stdio.h>

/* The head line and a row a point: its values, state (measured, refused, failed, unvisited),
 * visits, then median, least and most of each metric, and the reason when it has no figures. */
void ordo_sweep_write_csv(
    const struct ordo_axes *axes, const struct ordo_tried *tried, uint32_t count, FILE *out);

/* A gnuplot script with its figures inside: latency against load, throughput against batch, CPU
 * against strategy, as SVG in the folder where gnuplot runs. */
void ordo_sweep_write_script(
    const struct ordo_axes *axes, const struct ordo_tried *tried, uint32_t count, FILE *out);

/* Writes both files into dir (made when missing), runs gnuplot there. IO names what could not be
 * written; UNAVAILABLE: there is no gnuplot, and the files are there. */
enum ordo_err ordo_sweep_write(
    const struct ordo_axes *axes,
    const struct ordo_tried *tried,
    uint32_t count,
    const char *dir,
    bool draw,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
