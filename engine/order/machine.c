#include "order/machine.h"

#include "base/assert.h"

#include <stdio.h> /* tidy: allow pure-domain (snprintf into the caller's memory, for people) */
#include <string.h>

/* One block of lines for each event, one line for each state or group of states; a cell that no
 * line names is NONE, which a test does not allow. Groups: UNPAID holds units and waits for money;
 * HONOURED has been paid and keeps that.
 *
 * Cells that a guard cannot reach today (an unpaid order whose payment cannot be placed) are
 * defined by what is safe with money: it becomes due for refund. NONE is the placeholder of an
 * order that only payment facts have named.
 */

#define S(name) ORDO_STATE_##name

#define MOVE(to_state, with)                                                                       \
    {                                                                                              \
        ORDO_CELL_MOVE, S(to_state), ORDO_DISPOSITION_##with, ORDO_RESULT_OK                       \
    }
#define STAY(with)                                                                                 \
    {                                                                                              \
        ORDO_CELL_STAY, 0, ORDO_DISPOSITION_##with, ORDO_RESULT_OK                                 \
    }
#define REFUSE(with)                                                                               \
    {                                                                                              \
        ORDO_CELL_REFUSE, 0, 0, ORDO_RESULT_##with                                                 \
    }

#define UNPAID(...)                                                                                \
    [S(PENDING)] = __VA_ARGS__, [S(PAYING)] = __VA_ARGS__, [S(PAY_FAILED)] = __VA_ARGS__
#define HONOURED(...)                                                                              \
    [S(PAID)] = __VA_ARGS__, [S(BACKORDER)] = __VA_ARGS__, [S(ISSUING)] = __VA_ARGS__,             \
    [S(COMPLETED)] = __VA_ARGS__
#define CLOSED(...)   [S(EXPIRED)] = __VA_ARGS__, [S(CANCELLED)] = __VA_ARGS__
#define RETURNED(...) [S(REFUNDING)] = __VA_ARGS__, [S(REFUNDED)] = __VA_ARGS__

/* Refusals that name the state. */
#define REFUSE_UNPAID                                                                              \
    [S(PENDING)] = REFUSE(STATE_PENDING), [S(PAYING)] = REFUSE(STATE_PAYING),                      \
    [S(PAY_FAILED)] = REFUSE(STATE_PAY_FAILED)
#define REFUSE_ISSUED [S(ISSUING)] = REFUSE(STATE_ISSUING), [S(COMPLETED)] = REFUSE(STATE_COMPLETED)
#define REFUSE_CLOSED [S(EXPIRED)] = REFUSE(STATE_EXPIRED), [S(CANCELLED)] = REFUSE(STATE_CANCELLED)
#define REFUSED_BY_STATE_AFTER_PAY                                                                 \
    [S(PAID)] = REFUSE(STATE_PAID), [S(BACKORDER)] = REFUSE(STATE_BACKORDER),                      \
    [S(REFUNDING)] = REFUSE(STATE_REFUNDING), [S(REFUNDED)] = REFUSE(STATE_REFUNDED)

/* A payment of money that an order does not need any more. */
#define NOT_NEEDED                                                                                 \
    [S(NONE)] = STAY(ORPHAN), HONOURED(STAY(EXTRA_REFUND_DUE)),                                    \
    [S(CANCELLED)] = MOVE(REFUNDING, LATE_REFUND_DUE), RETURNED(STAY(EXTRA_REFUND_DUE))

#define EVERY(...)                                                                                 \
    [S(NONE)] = __VA_ARGS__, UNPAID(__VA_ARGS__), HONOURED(__VA_ARGS__), CLOSED(__VA_ARGS__),      \
    RETURNED(__VA_ARGS__)

/* An event of the engine's own that means something in one state alone. */
#define ONLY(paid, backorder, issuing)                                                             \
    {                                                                                              \
        [S(NONE)] = STAY(NONE), UNPAID(STAY(NONE)), [S(PAID)] = paid, [S(BACKORDER)] = backorder,  \
        [S(ISSUING)] = issuing, [S(COMPLETED)] = STAY(NONE), CLOSED(STAY(NONE)),                   \
        RETURNED(STAY(NONE))                                                                       \
    }

/* Whatever the state of an order that was created. */
#define KNOWN(...)                                                                                 \
    {                                                                                              \
        [S(NONE)] = REFUSE(ORDER_UNKNOWN), UNPAID(__VA_ARGS__), HONOURED(__VA_ARGS__),             \
        CLOSED(__VA_ARGS__), RETURNED(__VA_ARGS__)                                                 \
    }

static const struct ordo_cell cells[ORDO_EVENT_COUNT][ORDO_STATE_COUNT] = {
    [ORDO_EVENT_CREATE] =
        {[S(NONE)] = MOVE(PENDING, NONE),
         UNPAID(REFUSE(ORDER_EXISTS)),
         HONOURED(REFUSE(ORDER_EXISTS)),
         CLOSED(REFUSE(ORDER_EXISTS)),
         RETURNED(REFUSE(ORDER_EXISTS))},
    [ORDO_EVENT_CREATE_PAID] =
        {[S(NONE)] = MOVE(PAID, NONE),
         UNPAID(REFUSE(ORDER_EXISTS)),
         HONOURED(REFUSE(ORDER_EXISTS)),
         CLOSED(REFUSE(ORDER_EXISTS)),
         RETURNED(REFUSE(ORDER_EXISTS))},
    [ORDO_EVENT_WAIT] =
        {[S(NONE)] = STAY(NONE),
         UNPAID(REFUSE(ORDER_EXISTS)),
         HONOURED(REFUSE(ORDER_EXISTS)),
         CLOSED(REFUSE(ORDER_EXISTS)),
         RETURNED(REFUSE(ORDER_EXISTS))},
    [ORDO_EVENT_WAIT_OVER] =
        {[S(NONE)] = MOVE(EXPIRED, NONE),
         UNPAID(STAY(NONE)),
         HONOURED(STAY(NONE)),
         CLOSED(STAY(NONE)),
         RETURNED(STAY(NONE))},
    [ORDO_EVENT_EXTEND] =
        {[S(NONE)] = REFUSE(ORDER_UNKNOWN),
         UNPAID(STAY(NONE)),
         REFUSE_ISSUED,
         REFUSE_CLOSED,
         REFUSED_BY_STATE_AFTER_PAY},
    [ORDO_EVENT_ATTEMPT] =
        {[S(NONE)] = REFUSE(ORDER_UNKNOWN),
         [S(PENDING)] = MOVE(PAYING, NONE),
         [S(PAYING)] = STAY(NONE),
         [S(PAY_FAILED)] = MOVE(PAYING, NONE),
         [S(ISSUING)] = REFUSE(STATE_ISSUING),
         [S(COMPLETED)] = REFUSE(STATE_COMPLETED),
         [S(EXPIRED)] = REFUSE(STATE_EXPIRED),
         [S(CANCELLED)] = REFUSE(STATE_CANCELLED),
         REFUSED_BY_STATE_AFTER_PAY},
    [ORDO_EVENT_PAY] =
        {UNPAID(MOVE(PAID, APPLIED)), [S(EXPIRED)] = MOVE(PAID, LATE_APPLIED), NOT_NEEDED},
    [ORDO_EVENT_PAY_SHORT] =
        {UNPAID(STAY(SHORT)), [S(EXPIRED)] = MOVE(REFUNDING, LATE_REFUND_DUE), NOT_NEEDED},
    [ORDO_EVENT_PAY_OVER] =
        {UNPAID(MOVE(PAID, OVER_APPLIED)),
         [S(EXPIRED)] = MOVE(REFUNDING, LATE_REFUND_DUE),
         NOT_NEEDED},
    [ORDO_EVENT_PAY_QUEUED] =
        {UNPAID(MOVE(PAID, APPLIED)), [S(EXPIRED)] = MOVE(PAID, LATE_BACKORDER), NOT_NEEDED},
    [ORDO_EVENT_PAY_UNPLACED] =
        {UNPAID(MOVE(REFUNDING, LATE_REFUND_DUE)),
         [S(EXPIRED)] = MOVE(REFUNDING, LATE_REFUND_DUE),
         NOT_NEEDED},
    [ORDO_EVENT_PAY_UNCONFIRMED] =
        {[S(NONE)] = STAY(NONE),
         UNPAID(MOVE(PAYING, NONE)),
         HONOURED(STAY(NONE)),
         CLOSED(STAY(NONE)),
         RETURNED(STAY(NONE))},
    [ORDO_EVENT_PAY_AGAIN] = {EVERY(STAY(DUPLICATE))},
    [ORDO_EVENT_PAY_CONFLICT] = {EVERY(STAY(CONFLICT))},
    [ORDO_EVENT_PAY_MANUAL] = {EVERY(STAY(BOUND_MANUAL))},
    [ORDO_EVENT_MARK_PAID] =
        {[S(NONE)] = REFUSE(ORDER_UNKNOWN),
         UNPAID(MOVE(PAID, NONE)),
         [S(EXPIRED)] = MOVE(PAID, NONE),
         [S(CANCELLED)] = REFUSE(STATE_CANCELLED),
         REFUSE_ISSUED,
         REFUSED_BY_STATE_AFTER_PAY},
    [ORDO_EVENT_ACCEPT] =
        {[S(NONE)] = REFUSE(ORDER_UNKNOWN),
         UNPAID(MOVE(PAID, NONE)),
         [S(EXPIRED)] = MOVE(PAID, NONE),
         [S(CANCELLED)] = REFUSE(STATE_CANCELLED),
         HONOURED(STAY(NONE)),
         [S(REFUNDING)] = REFUSE(STATE_REFUNDING),
         [S(REFUNDED)] = REFUSE(STATE_REFUNDED)},
    [ORDO_EVENT_NO_STOCK] = ONLY(MOVE(BACKORDER, NONE), STAY(NONE), STAY(NONE)),
    [ORDO_EVENT_STOCKED] = ONLY(STAY(NONE), MOVE(PAID, NONE), STAY(NONE)),
    [ORDO_EVENT_BACKORDER_OVER] = ONLY(STAY(NONE), MOVE(REFUNDING, NONE), STAY(NONE)),
    [ORDO_EVENT_REDELIVER] = ONLY(STAY(NONE), STAY(NONE), MOVE(ISSUING, NONE)),
    [ORDO_EVENT_REPLACE] =
        {[S(NONE)] = REFUSE(ORDER_UNKNOWN),
         REFUSE_UNPAID,
         [S(ISSUING)] = MOVE(ISSUING, NONE),
         [S(COMPLETED)] = MOVE(ISSUING, NONE),
         REFUSE_CLOSED,
         REFUSED_BY_STATE_AFTER_PAY},
    [ORDO_EVENT_ISSUE] =
        {[S(NONE)] = REFUSE(ORDER_UNKNOWN),
         [S(PENDING)] = REFUSE(STATE_PENDING),
         [S(PAYING)] = REFUSE(STATE_PAYING),
         [S(PAY_FAILED)] = REFUSE(STATE_PAY_FAILED),
         [S(PAID)] = MOVE(ISSUING, NONE),
         [S(BACKORDER)] = MOVE(ISSUING, NONE),
         [S(ISSUING)] = STAY(NONE),
         [S(COMPLETED)] = STAY(NONE),
         [S(EXPIRED)] = REFUSE(STATE_EXPIRED),
         [S(CANCELLED)] = REFUSE(STATE_CANCELLED),
         [S(REFUNDING)] = REFUSE(STATE_REFUNDING),
         [S(REFUNDED)] = REFUSE(STATE_REFUNDED)},
    [ORDO_EVENT_FAIL] =
        {[S(NONE)] = STAY(ORPHAN),
         [S(PENDING)] = STAY(STALE),
         [S(PAYING)] = MOVE(PAY_FAILED, APPLIED),
         [S(PAY_FAILED)] = STAY(STALE),
         HONOURED(STAY(STALE)),
         CLOSED(STAY(STALE)),
         RETURNED(STAY(STALE))},
    [ORDO_EVENT_FAIL_ONE] =
        {[S(NONE)] = STAY(ORPHAN),
         [S(PENDING)] = STAY(STALE),
         [S(PAYING)] = STAY(APPLIED),
         [S(PAY_FAILED)] = STAY(STALE),
         HONOURED(STAY(STALE)),
         CLOSED(STAY(STALE)),
         RETURNED(STAY(STALE))},
    [ORDO_EVENT_FAIL_STRAY] =
        {[S(NONE)] = STAY(ORPHAN),
         UNPAID(STAY(STALE)),
         HONOURED(STAY(STALE)),
         CLOSED(STAY(STALE)),
         RETURNED(STAY(STALE))},
    [ORDO_EVENT_REFUND_PART] = {EVERY(STAY(REFUND_ECHO))},
    [ORDO_EVENT_REFUND_ALL] =
        {[S(NONE)] = STAY(REFUND_ECHO),
         UNPAID(STAY(REFUND_ECHO)),
         HONOURED(MOVE(REFUNDED, REFUND_ECHO)),
         CLOSED(STAY(REFUND_ECHO)),
         [S(REFUNDING)] = MOVE(REFUNDED, REFUND_ECHO),
         [S(REFUNDED)] = STAY(REFUND_ECHO)},
    [ORDO_EVENT_REFUND_DUE] = {EVERY(STAY(NONE))},
    [ORDO_EVENT_REFUND_DUE_ALL] =
        {[S(NONE)] = STAY(NONE),
         UNPAID(STAY(NONE)),
         HONOURED(MOVE(REFUNDING, NONE)),
         CLOSED(STAY(NONE)),
         RETURNED(STAY(NONE))},
    [ORDO_EVENT_CHARGEBACK] = {EVERY(STAY(APPLIED))},
    [ORDO_EVENT_CANCEL] =
        {[S(NONE)] = REFUSE(ORDER_UNKNOWN),
         UNPAID(MOVE(CANCELLED, NONE)),
         [S(ISSUING)] = REFUSE(STATE_ISSUING),
         [S(COMPLETED)] = REFUSE(STATE_COMPLETED),
         [S(EXPIRED)] = REFUSE(STATE_EXPIRED),
         [S(CANCELLED)] = STAY(NONE),
         REFUSED_BY_STATE_AFTER_PAY},
    [ORDO_EVENT_RELEASE] =
        {[S(NONE)] = MOVE(CANCELLED, NONE),
         UNPAID(MOVE(CANCELLED, NONE)),
         REFUSE_ISSUED,
         CLOSED(STAY(NONE)),
         REFUSED_BY_STATE_AFTER_PAY},
    [ORDO_EVENT_QUERY_DUE] =
        {[S(NONE)] = STAY(NONE),
         [S(PENDING)] = MOVE(PENDING, NONE),
         [S(PAYING)] = MOVE(PAYING, NONE),
         [S(PAY_FAILED)] = MOVE(PAY_FAILED, NONE),
         HONOURED(STAY(NONE)),
         CLOSED(STAY(NONE)),
         RETURNED(STAY(NONE))},
    [ORDO_EVENT_FREEZE] = KNOWN(STAY(NONE)),
    [ORDO_EVENT_UNFREEZE] = KNOWN(STAY(NONE)),
    [ORDO_EVENT_NOTE] = {EVERY(STAY(NONE))},
    [ORDO_EVENT_EXPIRE] =
        {[S(NONE)] = STAY(NONE),
         UNPAID(MOVE(EXPIRED, NONE)),
         HONOURED(STAY(NONE)),
         CLOSED(STAY(NONE)),
         RETURNED(STAY(NONE))},
    [ORDO_EVENT_DELIVERY_ACK] =
        {[S(NONE)] = REFUSE(ORDER_UNKNOWN),
         [S(PENDING)] = REFUSE(STATE_PENDING),
         [S(PAYING)] = REFUSE(STATE_PAYING),
         [S(PAY_FAILED)] = REFUSE(STATE_PAY_FAILED),
         [S(ISSUING)] = MOVE(COMPLETED, NONE),
         [S(COMPLETED)] = STAY(NONE),
         [S(EXPIRED)] = REFUSE(STATE_EXPIRED),
         [S(CANCELLED)] = REFUSE(STATE_CANCELLED),
         REFUSED_BY_STATE_AFTER_PAY},
};

static const char *const names[] = {
#define EVENT_NAME(NAME, name, text) name,
    ORDO_EVENTS(EVENT_NAME)
#undef EVENT_NAME
};

static const char *const texts[] = {
#define EVENT_TEXT(NAME, name, text) text,
    ORDO_EVENTS(EVENT_TEXT)
#undef EVENT_TEXT
};

const struct ordo_cell *ordo_machine_cell(uint8_t state, enum ordo_event event)
{
    ORDO_ASSERT(state < ORDO_STATE_COUNT);
    ORDO_ASSERT(event < ORDO_EVENT_COUNT);
    return &cells[event][state];
}

const char *ordo_event_name(enum ordo_event event)
{
    return event < ORDO_EVENT_COUNT ? names[event] : "?";
}

const char *ordo_event_text(enum ordo_event event)
{
    return event < ORDO_EVENT_COUNT ? texts[event] : "?";
}

void ordo_machine_cell_text(const struct ordo_cell *cell, char *text, size_t size)
{
    const char *with = cell->disposition == 0 ? "" : ordo_disposition_name(cell->disposition);
    const char *comma = cell->disposition == 0 ? "" : ", ";
    if (cell->action == ORDO_CELL_MOVE) {
        (void)snprintf(text, size, "-> %s%s%s", ordo_state_name(cell->to), comma, with);
    } else if (cell->action == ORDO_CELL_STAY) {
        (void)snprintf(text, size, "stays%s%s", comma, with);
    } else {
        (void)snprintf(text, size, "%s", ordo_result_name(cell->code));
    }
}

static bool is_same(const struct ordo_cell *a, const struct ordo_cell *b)
{
    return a->action == b->action && a->to == b->to && a->disposition == b->disposition &&
           a->code == b->code;
}

/* A refusal that only names the state: all of them read alike. */
static bool names_state(const struct ordo_cell *cell)
{
    return cell->action == ORDO_CELL_REFUSE && cell->code >= ORDO_RESULT_STATE_PENDING &&
           cell->code <= ORDO_RESULT_STATE_PAY_FAILED;
}

/* The states from `first` on that have its cell, and what the cell says. */
static void add_group(
    char *text, size_t size, enum ordo_event event, uint8_t first, bool done[ORDO_STATE_COUNT])
{
    const struct ordo_cell *cell = &cells[event][first];
    char what[96];
    for (uint8_t state = first; state < ORDO_STATE_COUNT; state++) {
        const struct ordo_cell *other = &cells[event][state];
        if (is_same(cell, other) || (names_state(cell) && names_state(other))) {
            size_t at = strlen(text);
            (void)snprintf(text + at, size - at, "%s ", ordo_state_name(state));
            done[state] = true;
        }
    }
    ordo_machine_cell_text(cell, what, sizeof(what));
    size_t at = strlen(text);
    (void)snprintf(text + at, size - at, "%s; ", names_state(cell) ? "order_is_..." : what);
}

void ordo_machine_markdown(void (*line)(void *context, const char *text), void *context)
{
    char text[1024];
    line(context, "| event | when | in which states what happens |");
    line(context, "|---|---|---|");
    for (enum ordo_event event = 0; event < ORDO_EVENT_COUNT; event++) {
        bool done[ORDO_STATE_COUNT] = {false};
        (void)snprintf(text, sizeof(text), "| %s | %s | ", names[event], texts[event]);
        for (uint8_t state = 0; state < ORDO_STATE_COUNT; state++) {
            if (!done[state]) {
                add_group(text, sizeof(text), event, state, done);
            }
        }
        size_t at = strlen(text) - 2; /* over the last "; " */
        (void)snprintf(text + at, sizeof(text) - at, " |");
        line(context, text);
    }
}

static void add_name(char *text, size_t size, enum ordo_event event)
{
    size_t at = strlen(text);
    (void)snprintf(text + at, size - at, "%s%s", at == 0 ? "" : "\\n", names[event]);
}

void ordo_machine_dot(void (*line)(void *context, const char *text), void *context)
{
    char text[512];
    line(context, "digraph order {");
    line(context, "  rankdir=LR; node [shape=box, style=rounded];");
    for (uint8_t state = ORDO_STATE_NONE; state < ORDO_STATE_COUNT; state++) {
        (void)snprintf(
            text,
            sizeof(text),
            "  %s [label=\"%s\\n%s\"];",
            ordo_state_name(state),
            ordo_state_name(state),
            ordo_state_chinese(state));
        line(context, text);
    }
    for (uint32_t pair = 0; pair < ORDO_STATE_COUNT * ORDO_STATE_COUNT; pair++) {
        uint8_t from = (uint8_t)(pair / ORDO_STATE_COUNT);
        uint8_t to = (uint8_t)(pair % ORDO_STATE_COUNT);
        char events[256] = "";
        for (enum ordo_event event = 0; event < ORDO_EVENT_COUNT; event++) {
            const struct ordo_cell *cell = &cells[event][from];
            if (cell->action == ORDO_CELL_MOVE && cell->to == to) {
                add_name(events, sizeof(events), event);
            }
        }
        if (events[0] != 0) {
            (void)snprintf(
                text,
                sizeof(text),
                "  %s -> %s [label=\"%s\"];",
                ordo_state_name(from),
                ordo_state_name(to),
                events);
            line(context, text);
        }
    }
    line(context, "}");
}
