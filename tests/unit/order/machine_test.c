/* Goal: the table of states is whole and says what cases.md §7 and DESIGN §4 say.
 * Method: walk every cell; the rows that users complain about by name. */
#include "order/machine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(machine, every_cell_is_a_move_a_stay_or_a_refusal)
{
    for (enum ordo_event event = 0; event < ORDO_EVENT_COUNT; event++) {
        for (uint8_t state = 0; state < ORDO_STATE_COUNT; state++) {
            const struct ordo_cell *cell = ordo_machine_cell(state, event);
            const char *where = ordo_event_name(event);
            char text[64];
            cr_expect_neq(cell->action, ORDO_CELL_NONE, "%s in %s", where, ordo_state_name(state));
            bool refuses = cell->action == ORDO_CELL_REFUSE;
            cr_expect_eq(refuses, cell->code != ORDO_RESULT_OK, "%s, %u", where, state);
            if (cell->action == ORDO_CELL_MOVE) {
                cr_expect_neq(cell->to, ORDO_STATE_NONE, "%s, %u", where, state);
            }
            ordo_machine_cell_text(cell, text, sizeof(text));
            cr_expect(text[0] != 0 && strchr(text, '?') == NULL, "%s", text);
        }
    }
}

Test(machine, a_payment_fact_is_never_refused_and_always_disposed_of)
{
    static const enum ordo_event facts[] = {
        ORDO_EVENT_PAY,
        ORDO_EVENT_PAY_SHORT,
        ORDO_EVENT_PAY_OVER,
        ORDO_EVENT_PAY_QUEUED,
        ORDO_EVENT_PAY_UNPLACED,
        ORDO_EVENT_PAY_AGAIN,
        ORDO_EVENT_PAY_CONFLICT,
        ORDO_EVENT_PAY_MANUAL,
        ORDO_EVENT_FAIL,
        ORDO_EVENT_FAIL_ONE,
        ORDO_EVENT_FAIL_STRAY,
        ORDO_EVENT_REFUND_PART,
        ORDO_EVENT_REFUND_ALL,
        ORDO_EVENT_CHARGEBACK};
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        for (uint8_t state = 0; state < ORDO_STATE_COUNT; state++) {
            const struct ordo_cell *cell = ordo_machine_cell(state, facts[i]);
            cr_expect_neq(cell->action, ORDO_CELL_REFUSE);
            cr_expect_neq(cell->disposition, ORDO_DISPOSITION_NONE);
        }
    }
}

Test(machine, a_refusal_by_state_names_the_state)
{
    static const enum ordo_event events[] = {
        ORDO_EVENT_ATTEMPT, ORDO_EVENT_CANCEL, ORDO_EVENT_DELIVERY_ACK, ORDO_EVENT_ISSUE};
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        for (uint8_t state = ORDO_STATE_PENDING; state < ORDO_STATE_COUNT; state++) {
            const struct ordo_cell *cell = ordo_machine_cell(state, events[i]);
            char expected[64] = "order_is_";
            size_t at = strlen(expected);
            for (const char *p = ordo_state_name(state); *p != 0; p++) {
                expected[at++] = (char)(*p == '_' ? '_' : *p | 32);
            }
            if (cell->action == ORDO_CELL_REFUSE) {
                cr_expect_str_eq(ordo_result_name(cell->code), expected);
            }
        }
    }
}

Test(machine, issued_orders_never_expire_and_end_states_absorb)
{
    for (enum ordo_event event = 0; event < ORDO_EVENT_COUNT; event++) {
        const struct ordo_cell *done = ordo_machine_cell(ORDO_STATE_COMPLETED, event);
        bool by_people = event == ORDO_EVENT_REPLACE && done->to == ORDO_STATE_ISSUING;
        bool back_whole = done->to == ORDO_STATE_REFUNDED || done->to == ORDO_STATE_REFUNDING;
        cr_expect(done->action != ORDO_CELL_MOVE || by_people || back_whole);
        cr_expect_neq(ordo_machine_cell(ORDO_STATE_REFUNDED, event)->action, ORDO_CELL_MOVE);
        const struct ordo_cell *back = ordo_machine_cell(ORDO_STATE_REFUNDING, event);
        cr_expect(back->action != ORDO_CELL_MOVE || back->to == ORDO_STATE_REFUNDED);
    }
}

static uint32_t lines;
static uint32_t edges;

static void count_line(void *context, const char *text)
{
    (void)context;
    lines++;
    edges += strstr(text, " -> ") != NULL ? 1 : 0;
    cr_expect_lt(strlen(text), 400);
}

Test(machine, the_diagram_has_every_state_and_edge)
{
    bool pairs[ORDO_STATE_COUNT][ORDO_STATE_COUNT] = {{false}};
    uint32_t count = 0;
    for (enum ordo_event event = 0; event < ORDO_EVENT_COUNT; event++) {
        for (uint8_t state = 0; state < ORDO_STATE_COUNT; state++) {
            const struct ordo_cell *cell = ordo_machine_cell(state, event);
            bool *pair = &pairs[state][cell->to];
            count += cell->action == ORDO_CELL_MOVE && !*pair ? 1 : 0;
            *pair = *pair || cell->action == ORDO_CELL_MOVE;
        }
    }
    ordo_machine_dot(count_line, NULL);
    cr_expect_eq(edges, count);
    cr_expect_eq(lines, 3 + ORDO_STATE_COUNT + count);
}

static char readme[1u << 16];

static void expect_in_readme(void *context, const char *text)
{
    char whole[1100];
    (void)context;
    snprintf(whole, sizeof(whole), "\n%s\n", text);
    cr_expect(strstr(readme, whole) != NULL, "engine/order/README.md lacks the line\n%s", text);
    lines++;
}

Test(machine, the_page_of_rules_has_the_table)
{
    FILE *f = fopen(ORDO_RULES, "r");
    cr_assert_not_null(f, "no %s", ORDO_RULES);
    size_t size = fread(readme, 1, sizeof(readme) - 1, f);
    (void)fclose(f);
    cr_assert(size > 0 && size < sizeof(readme) - 1);
    lines = 0;
    ordo_machine_markdown(expect_in_readme, NULL);
    cr_expect_eq(lines, 2 + ORDO_EVENT_COUNT);
}
