/* trace.h - what happened, line by line, for who replays a seed. */
#ifndef ORDO_TESTS_SIM_TRACE_H
#define ORDO_TESTS_SIM_TRACE_H

#include <stdbool.h>

extern bool trace_on;

/* One line behind step and time. */
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
