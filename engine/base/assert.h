/* assert.h - assertions that are on in every build.
 *
 * ORDO_ASSERT states what the program itself guarantees; it has no side effects and one condition.
 * Input from outside (bytes, files, peers) is never asserted: it gives an error. ORDO_DASSERT is
 * for costly checks and is compiled in where ORDO_DEBUG_CHECKS is set (Debug, Asan, Tsan,
 * Coverage).
 */
#ifndef ORDO_BASE_ASSERT_H
#define ORDO_BASE_ASSERT_H

/* Prints file, line and condition, then what the crash hook adds, and aborts. Any thread. */
_Noreturn void ordo_assert_failed(const char *file, int line, const char *condition);

/* Called once before the abort to print the sequences of the process; async-signal-safe code only.
 * Set before threads start. */
void ordo_assert_set_hook(void (*hook)(void *), void *context);

#define ORDO_ASSERT(condition)                                                                     \
    (__builtin_expect(!!(condition), 1) ? (void)0                                                  \
                                        : ordo_assert_failed(__FILE__, __LINE__, #condition))

/* A place that our own logic never reaches; text says which. */
#define ORDO_UNREACHABLE(text) ordo_assert_failed(__FILE__, __LINE__, "unreachable: " text)

#ifdef ORDO_DEBUG_CHECKS
#define ORDO_DASSERT(condition) ORDO_ASSERT(condition)
#else
#define ORDO_DASSERT(condition) ((void)0)
#endif

#define ORDO_LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define ORDO_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#endif
