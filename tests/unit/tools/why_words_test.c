/* `ordo why` has a word for everything: each code, disposition, event, command, flag, account and
 * state, in both languages; and each move of the machine's table is told as an event that makes it.
 */
#include "why/why_words.h"

#include <criterion/criterion.h>
#include <string.h>

static bool is_chinese(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((*text & 0x80) != 0) {
            return true;
        }
    }
    return false;
}

/* Both texts are there, English is ASCII, Chinese is not, neither has a line end. */
static void check(const char *what, const char *english, const char *chinese)
{
    cr_assert(english != NULL && english[0] != '\0', "%s has no English", what);
    cr_assert(chinese != NULL && chinese[0] != '\0', "%s has no Chinese", what);
    cr_assert(!is_chinese(english), "%s: %s", what, english);
    cr_assert(is_chinese(chinese), "%s: %s", what, chinese);
    cr_assert_null(strchr(english, '\n'));
    cr_assert_null(strchr(chinese, '\n'));
}

#define CHECK(what, function, number)                                                              \
    check(what, function(ORDO_ENGLISH, number), function(ORDO_CHINESE, number))

Test(why_words, are_there_for_every_result)
{
#define ONE(NAME, number, name, text) CHECK(name, ordo_why_result, number);
    ORDO_RESULTS(ONE)
#undef ONE
    cr_assert_null(ordo_why_result(ORDO_ENGLISH, 999));
    cr_assert_null(ordo_why_result(ORDO_CHINESE, 999));
}

Test(why_words, are_there_for_every_disposition_event_state_and_account)
{
    for (uint8_t i = 0; i < ORDO_DISPOSITION_COUNT; i++) {
        CHECK(ordo_disposition_name(i), ordo_why_disposition, i);
    }
    for (int i = 0; i < ORDO_EVENT_COUNT; i++) {
        CHECK(ordo_event_name((enum ordo_event)i), ordo_why_event, (enum ordo_event)i);
    }
    for (uint8_t i = 0; i < ORDO_STATE_COUNT; i++) {
        CHECK(ordo_state_name(i), ordo_why_waits, i);
        CHECK(ordo_state_name(i), ordo_why_state, i);
    }
    for (uint8_t i = 0; i < ORDO_ACCOUNT_COUNT; i++) {
        CHECK(ordo_account_name(i), ordo_why_account, i);
    }
    cr_assert_null(ordo_why_event(ORDO_ENGLISH, ORDO_EVENT_COUNT));
    cr_assert_null(ordo_why_disposition(ORDO_CHINESE, ORDO_DISPOSITION_COUNT));
}

Test(why_words, are_there_for_every_command_fact_and_flag)
{
    for (uint32_t i = 0; ordo_schema_at(i) != NULL; i++) {
        const struct ordo_command_schema *schema = ordo_schema_at(i);
        if (!ordo_kind_is_query(schema->kind)) {
            CHECK(schema->name, ordo_why_command, schema->kind);
        }
    }
    for (uint64_t i = ORDO_FACT_NONE; i <= ORDO_FACT_CHARGEBACK; i++) {
        CHECK("fact", ordo_why_fact, i);
    }
    for (uint64_t i = ORDO_VERIFIED_NONE; i <= ORDO_VERIFIED_MANUAL; i++) {
        CHECK("verified_by", ordo_why_verified, i);
    }
    for (uint32_t flag = ORDO_FLAG_FROZEN; flag <= ORDO_FLAG_WAITING; flag <<= 1) {
        CHECK(ordo_why_flag_name(flag), ordo_why_flag, flag);
    }
    cr_assert_null(ordo_why_flag_name(ORDO_FLAG_WAITING << 1), "a new flag needs its words");
}

/* The command that makes an event; a payment fact where none stands. */
static const uint8_t kinds[ORDO_EVENT_COUNT] = {
    [ORDO_EVENT_CREATE] = ORDO_KIND_CREATE,
    [ORDO_EVENT_CREATE_PAID] = ORDO_KIND_CREATE,
    [ORDO_EVENT_ATTEMPT] = ORDO_KIND_ATTEMPT,
    [ORDO_EVENT_MARK_PAID] = ORDO_KIND_MARK_PAID,
    [ORDO_EVENT_ACCEPT] = ORDO_KIND_ACCEPT,
    [ORDO_EVENT_REPLACE] = ORDO_KIND_REPLACE,
    [ORDO_EVENT_CANCEL] = ORDO_KIND_CANCEL,
    [ORDO_EVENT_RELEASE] = ORDO_KIND_RELEASE,
    [ORDO_EVENT_REFUND_DUE_ALL] = ORDO_KIND_REFUND,
    [ORDO_EVENT_DELIVERY_ACK] = ORDO_KIND_DELIVERY_ACK,
    [ORDO_EVENT_WAIT_OVER] = ORDO_KIND_TICK,
    [ORDO_EVENT_QUERY_DUE] = ORDO_KIND_TICK,
    [ORDO_EVENT_EXPIRE] = ORDO_KIND_TICK,
    [ORDO_EVENT_REDELIVER] = ORDO_KIND_TICK,
    [ORDO_EVENT_BACKORDER_OVER] = ORDO_KIND_TICK,
};

Test(why_words, name_the_event_of_every_move)
{
    uint32_t moves = 0;
    for (int i = 0; i < ORDO_EVENT_COUNT; i++) {
        enum ordo_event event = (enum ordo_event)i;
        for (uint8_t from = 0; from < ORDO_STATE_COUNT; from++) {
            const struct ordo_cell *cell = ordo_machine_cell(from, event);
            if (cell->action != ORDO_CELL_MOVE) {
                continue;
            }
            uint8_t kind = kinds[event] == 0 ? ORDO_KIND_FACT : kinds[event];
            struct ordo_why_step step = {from, cell->to, kind, cell->disposition, 0};
            bool other_amount = event == ORDO_EVENT_PAY_SHORT || event == ORDO_EVENT_PAY_OVER;
            step.amount_sign = !other_amount ? 0 : event == ORDO_EVENT_PAY_SHORT ? -1 : 1;
            enum ordo_event told = ordo_why_event_of(&step);
            /* PAY and PAY_QUEUED of an unpaid order, PAY and PAY_UNPLACED of a cancelled one: the
             * same to a person */
            bool same = told == event ||
                        (event == ORDO_EVENT_PAY_QUEUED && told == ORDO_EVENT_PAY) ||
                        (from == ORDO_STATE_CANCELLED && told == ORDO_EVENT_PAY_UNPLACED);
            cr_assert(
                same,
                "%s from %s is told as %s",
                ordo_event_name(event),
                ordo_state_name(from),
                ordo_event_name(told));
            moves++;
        }
    }
    cr_assert(moves > 60, "%u moves", moves);
}

Test(why_words, know_no_event_for_a_move_that_is_none)
{
    struct ordo_why_step step = {ORDO_STATE_COMPLETED, ORDO_STATE_PENDING, ORDO_KIND_CREATE, 0, 0};
    cr_assert_eq(ordo_why_event_of(&step), ORDO_EVENT_COUNT);
    step.to = 77;
    cr_assert_eq(ordo_why_event_of(&step), ORDO_EVENT_COUNT);
}
