/* log.h - one line a fact, logfmt, to stderr: time, level, what happened, then key=value pairs.
 *
 * Never on a hot path and never with card secrets or payloads: sequences, counts, names, paths.
 * Each call site is limited to ORDO_LOG_BURST lines a second; what was folded is counted on its
 * next line.
 */
#ifndef ORDO_BASE_LOG_H
#define ORDO_BASE_LOG_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdint.h>

#define ORDO_LOG_BURST 20

enum ordo_log_level { ORDO_LOG_DEBUG, ORDO_LOG_INFO, ORDO_LOG_WARN, ORDO_LOG_ERROR };

struct ordo_log_site {
    _Atomic uint64_t second; /* the second that count belongs to */
    _Atomic uint32_t count;
    _Atomic uint32_t folded;
};

/* Lines below the level are dropped. Starter thread only. */
void ordo_log_set_level(enum ordo_log_level level);

/* May block on stderr. Any thread but apply. */
void ordo_log_line(struct ordo_log_site *site, enum ordo_log_level level, const char *format, ...)
    ORDO_PRINTF(3, 4);

#define ORDO_LOG(level, ...)                                                                       \
    do {                                                                                           \
        static struct ordo_log_site ordo_log_site_;                                                \
        ordo_log_line(&ordo_log_site_, level, __VA_ARGS__);                                        \
    } while (0)

#define ORDO_LOG_DEBUG(...) ORDO_LOG(ORDO_LOG_DEBUG, __VA_ARGS__)
#define ORDO_LOG_INFO(...)  ORDO_LOG(ORDO_LOG_INFO, __VA_ARGS__)
#define ORDO_LOG_WARN(...)  ORDO_LOG(ORDO_LOG_WARN, __VA_ARGS__)
#define ORDO_LOG_ERROR(...) ORDO_LOG(ORDO_LOG_ERROR, __VA_ARGS__)

#endif
