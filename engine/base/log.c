#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static _Atomic int level_min = ORDO_LOG_INFO;

void ordo_log_set_level(enum ordo_log_level level)
{
    atomic_store_explicit(&level_min, (int)level, memory_order_relaxed);
}

/* True when the line is to be folded into a count. Races between threads cost at most a line. */
static int over_limit(struct ordo_log_site *site, uint64_t second, uint32_t *folded)
{
    *folded = 0;
    if (atomic_load_explicit(&site->second, memory_order_relaxed) != second) {
        atomic_store_explicit(&site->second, second, memory_order_relaxed);
        atomic_store_explicit(&site->count, 0, memory_order_relaxed);
        *folded = atomic_exchange_explicit(&site->folded, 0, memory_order_relaxed);
    }
    if (atomic_fetch_add_explicit(&site->count, 1, memory_order_relaxed) >= ORDO_LOG_BURST) {
        (void)atomic_fetch_add_explicit(&site->folded, 1, memory_order_relaxed);
        return 1;
    }
    return 0;
}

void ordo_log_line(struct ordo_log_site *site, enum ordo_log_level level, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    static const char *const priorities[] = {"<7>", "<6>", "<4>", "<3>"};

    if ((int)level < atomic_load_explicit(&level_min, memory_order_relaxed)) {
        return;
    }
    struct timespec now;
    struct tm utc;
    uint32_t folded;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (over_limit(site, (uint64_t)now.tv_sec, &folded)) {
        return;
    }
    char line[LINE_MAX_BYTES];
    char stamp[32];
    (void)gmtime_r(&now.tv_sec, &utc);
    (void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    int size = snprintf(
        line,
        sizeof(line),
        "%s%s.%03ldZ %s ",
        isatty(STDERR_FILENO) ? "" : priorities[level],
        stamp,
        now.tv_nsec / 1000000,
        names[level]);
    va_list args;
    va_start(args, format);
    size += vsnprintf(line + size, sizeof(line) - (size_t)size - 32, format, args);
    va_end(args);
    if (size > (int)sizeof(line) - 32) {
        size = (int)sizeof(line) - 32;
    }
    if (folded != 0) {
        size += snprintf(line + size, sizeof(line) - (size_t)size, " folded=%u", folded);
    }
    line[size++] = '\n';
    (void)!write(
        STDERR_FILENO, line, (size_t)size); /* one call a line: lines of threads do not mix */
}
