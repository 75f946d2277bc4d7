/* machine.h - what a figure was measured on. Any thread; reads /proc and does not fail: what cannot
 * be read is "unknown". */
#ifndef ORDO_BENCH_MACHINE_H
#define ORDO_BENCH_MACHINE_H

#include <stdint.h>

#define ORDO_MACHINE_TEXT 96

struct ordo_machine {
    char cpu[ORDO_MACHINE_TEXT];
    char kernel[ORDO_MACHINE_TEXT];
    char disk[ORDO_MACHINE_TEXT];        /* what is mounted where the folder lies */
    char file_system[ORDO_MACHINE_TEXT]; /* and its type */
    uint32_t cores;                      /* this process may use */
    uint32_t memory_gib;                 /* rounded */
    double load;                         /* average of the last minute */
};

/* dir: the folder whose disk counts; NULL is the current one. */
void ordo_machine_read(struct ordo_machine *machine, const char *dir);

#endif
