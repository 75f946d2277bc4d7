/* `ordo states`: the order's state machine, printed from the very table that decides
 * (order/machine.h). */
#include "order/machine.h"

#include "cli.h"

#include <argp.h>
#include <jansson.h>
#include <stdio.h>

struct options {
    bool dot;
    bool markdown;
    bool json;
};

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case 'd':
        options->dot = true;
        return 0;
    case 'm':
        options->markdown = true;
        return 0;
    case 'j':
        options->json = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\" is too much", argument);
        return 0;
    case ARGP_KEY_END:
        if (options->dot + options->markdown + options->json > 1) {
            argp_error(state, "one of --dot, --markdown, --json");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_text(void)
{
    char text[80];

    for (uint8_t state = 0; state < ORDO_STATE_COUNT; state++) {
        (void)printf("%s %s\n", ordo_state_name(state), ordo_state_chinese(state));
        for (int event = 0; event < ORDO_EVENT_COUNT; event++) {
            const struct ordo_cell *cell = ordo_machine_cell(state, (enum ordo_event)event);
            ordo_machine_cell_text(cell, text, sizeof(text));
            (void)printf("  %-16s %s\n", ordo_event_name((enum ordo_event)event), text);
        }
        (void)putchar('\n');
    }
    (void)puts("Events");
    for (int event = 0; event < ORDO_EVENT_COUNT; event++) {
        (void)printf(
            "  %-16s %s\n",
            ordo_event_name((enum ordo_event)event),
            ordo_event_text((enum ordo_event)event));
    }
}

static void print_line(void *context, const char *text)
{
    (void)context;
    (void)puts(text);
}

static json_t *cell_json(const struct ordo_cell *cell, enum ordo_event event)
{
    json_t *object = json_pack("{s:s}", "event", ordo_event_name(event));

    if (cell->action == ORDO_CELL_MOVE) {
        json_object_set_new(object, "to", json_string(ordo_state_name(cell->to)));
    } else if (cell->action == ORDO_CELL_REFUSE) {
        json_object_set_new(object, "refused", json_string(ordo_result_name(cell->code)));
    } else {
        json_object_set_new(object, "stays", json_true());
    }
    if (cell->disposition != ORDO_DISPOSITION_NONE) {
        json_object_set_new(
            object, "disposition", json_string(ordo_disposition_name(cell->disposition)));
    }
    return object;
}

static int print_json(void)
{
    json_t *states = json_array();
    json_t *events = json_array();

    for (uint8_t state = 0; state < ORDO_STATE_COUNT; state++) {
        json_t *cells = json_array();
        for (int event = 0; event < ORDO_EVENT_COUNT; event++) {
            const struct ordo_cell *cell = ordo_machine_cell(state, (enum ordo_event)event);
            json_array_append_new(cells, cell_json(cell, (enum ordo_event)event));
        }
        json_array_append_new(
            states,
            json_pack(
                "{s:i, s:s, s:s, s:o}",
                "number",
                (int)state,
                "name",
                ordo_state_name(state),
                "chinese",
                ordo_state_chinese(state),
                "cells",
                cells));
    }
    for (int event = 0; event < ORDO_EVENT_COUNT; event++) {
        json_array_append_new(
            events,
            json_pack(
                "{s:s, s:s}",
                "name",
                ordo_event_name((enum ordo_event)event),
                "text",
                ordo_event_text((enum ordo_event)event)));
    }
    json_t *root = json_pack("{s:o, s:o}", "states", states, "events", events);
    bool bad = root == NULL || json_dumpf(root, stdout, 0) != 0;
    json_decref(root);
    (void)putchar('\n');
    return bad ? ordo_cli_fail(ORDO_EXIT_IO, "could not write the JSON to stdout") : ORDO_EXIT_OK;
}

int ordo_verb_states(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"dot", 'd', NULL, 0, "The moves as a diagram in Graphviz' language", 0},
        {"markdown", 'm', NULL, 0, "The table of engine/order/README.md", 0},
        {"json", 'j', NULL, 0, "Every cell as one JSON object", 0},
        {0},
    };
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .doc = "Print the states of an order and what every event does in each: a move, a stay or "
               "a refusal. `ordo states --dot | dot -Tsvg` draws it.",
    };
    struct options options = {.json = false};

    if (argp_parse(&parser, argc, argv, 0, NULL, &options) != 0) {
        return ORDO_EXIT_USAGE;
    }
    if (options.json) {
        return print_json();
    }
    if (options.markdown) {
        ordo_machine_markdown(print_line, NULL);
    } else if (options.dot) {
        ordo_machine_dot(print_line, NULL);
    } else {
        print_text();
    }
    return ferror(stdout) ? ordo_cli_fail(ORDO_EXIT_IO, "stdout cannot be written") : ORDO_EXIT_OK;
}
