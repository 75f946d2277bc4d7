/* `ordo subscriber ACTION ...`: the cursors that those who read the status stream have left at the
 * node, and the orders that they have set aside. */
#include "cli.h"
#include "online.h"
#include "operator.h"
#include "order/result.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum {
    OPTION_ACKED = 0x200,
    OPTION_RESET,
    OPTION_ORDER_SHOP,
    OPTION_FIRST,
};

#define PAGE 256 /* rows of one query */

static const struct argp_option table[] = {
    {"acked",
     OPTION_ACKED,
     "N",
     0,
     "put: everything up to this update counts as worked off; \"head\" is the newest (default 0)",
     1},
    {"reset", OPTION_RESET, NULL, 0, "put: also of one that exists, back or forward", 1},
    {"order-shop",
     OPTION_ORDER_SHOP,
     "N",
     0,
     "park, unpark: the order's shop (default: the subscriber's)",
     1},
    {"first", OPTION_FIRST, "N", 0, "park: the first update that is not worked off", 1},
    {0},
};

struct subscriber {
    struct ordo_online online; /* first: the child's input */
    struct ordo_operator by;
    const char *action;
    const char *name;
    const char *order_id;
    uint64_t acked;
    uint64_t first;
    uint64_t order_shop;
    bool has_order_shop;
    bool reset;
};

static int list_subscribers(struct subscriber *s);
static int show_subscriber(struct subscriber *s);
static int put_subscriber(struct subscriber *s);
static int drop_subscriber(struct subscriber *s);
static int list_parks(struct subscriber *s);
static int park_order(struct subscriber *s);
static int unpark_order(struct subscriber *s);

static const struct {
    const char *name;
    int (*run)(struct subscriber *s);
    int words; /* behind the action: a name, an order */
    bool by_operator;
} actions[] = {
    {"ls", list_subscribers, 0, false},
    {"show", show_subscriber, 1, false},
    {"put", put_subscriber, 1, false},
    {"drop", drop_subscriber, 1, true},
    {"parks", list_parks, 1, false},
    {"park", park_order, 2, false},
    {"unpark", unpark_order, 2, false},
};

#define ACTION_COUNT (sizeof(actions) / sizeof(actions[0]))

static int find_action(const char *name)
{
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        if (name != NULL && strcmp(actions[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- the line ---- */

static error_t on_argument(struct subscriber *s, const char *argument, struct argp_state *state)
{
    if (s->action == NULL) {
        s->action = argument;
    } else if (s->name == NULL) {
        s->name = argument;
    } else if (s->order_id == NULL) {
        s->order_id = argument;
    } else {
        argp_error(state, "\"%s\" is one word too many", argument);
    }
    return 0;
}

static void check_line(const struct subscriber *s, struct argp_state *state)
{
    int action = find_action(s->action);
    int words = s->order_id != NULL ? 2 : s->name != NULL ? 1 : 0;
    if (action < 0) {
        argp_error(state, "say what to do: ls, show, put, drop, parks, park or unpark");
    } else if (words != actions[action].words) {
        static const char *const wants[] = {"nothing", "a subscriber", "a subscriber and an order"};
        argp_error(state, "%s takes %s", s->action, wants[actions[action].words]);
    }
}

static void
read_number(const char *name, char *argument, uint64_t max, uint64_t *out, struct argp_state *state)
{
    if (!ordo_cli_number(argument, max, out)) {
        argp_error(state, "--%s: \"%s\" is no number up to %llu", name, argument, (long long)max);
    }
}

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct subscriber *s = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &s->online;
        state->child_inputs[1] = &s->by;
        return 0;
    case ARGP_KEY_ARG:
        return on_argument(s, argument, state);
    case ARGP_KEY_END:
        check_line(s, state);
        return 0;
    case OPTION_ACKED:
        s->acked = UINT64_MAX;
        if (strcmp(argument, "head") != 0) {
            read_number("acked", argument, INT64_MAX, &s->acked, state);
        }
        return 0;
    case OPTION_RESET:
        s->reset = true;
        return 0;
    case OPTION_ORDER_SHOP:
        s->has_order_shop = true;
        read_number("order-shop", argument, UINT32_MAX, &s->order_shop, state);
        return 0;
    case OPTION_FIRST:
        read_number("first", argument, INT64_MAX, &s->first, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static struct ordo_bytes bytes_of(const char *text)
{
    return (struct ordo_bytes){(const uint8_t *)text, text == NULL ? 0 : (uint32_t)strlen(text)};
}

/* ---- what is changed ---- */

static int decide(struct subscriber *s, struct ordo_command *command)
{
    const struct ordo_answer *answer = NULL;
    char what[96];
    (void)snprintf(what, sizeof(what), "subscriber %.32s", s->name);
    int code = ordo_online_call(&s->online, command, &answer);
    return code == ORDO_EXIT_OK ? ordo_online_result(&s->online, what, command, answer) : code;
}

static int put_subscriber(struct subscriber *s)
{
    struct ordo_command command = {.kind = ORDO_KIND_SUBSCRIBER_PUT};
    command.subscriber_put.subscriber = bytes_of(s->name);
    command.subscriber_put.acked = s->acked;
    command.subscriber_put.reset = s->reset ? 1 : 0;
    command.subscriber_put.operator_name = ordo_operator_name(&s->by);
    return decide(s, &command);
}

static int drop_subscriber(struct subscriber *s)
{
    struct ordo_command command = {.kind = ORDO_KIND_SUBSCRIBER_DROP};
    command.subscriber_drop.subscriber = bytes_of(s->name);
    command.subscriber_drop.operator_name = ordo_operator_name(&s->by);
    command.subscriber_drop.reason = ordo_operator_reason(&s->by);
    return decide(s, &command);
}

static int park_order(struct subscriber *s)
{
    struct ordo_command command = {.kind = ORDO_KIND_PARK};
    if (!ordo_online_order_id(s->order_id, &command.park.order_id)) {
        return ORDO_EXIT_USAGE;
    }
    command.park.subscriber = bytes_of(s->name);
    command.park.order_shop = s->has_order_shop ? s->order_shop : s->online.shop;
    command.park.first_update = s->first;
    command.park.reason = ordo_operator_reason(&s->by);
    return decide(s, &command);
}

static int unpark_order(struct subscriber *s)
{
    struct ordo_command command = {.kind = ORDO_KIND_UNPARK};
    if (!ordo_online_order_id(s->order_id, &command.unpark.order_id)) {
        return ORDO_EXIT_USAGE;
    }
    command.unpark.subscriber = bytes_of(s->name);
    command.unpark.order_shop = s->has_order_shop ? s->order_shop : s->online.shop;
    command.unpark.operator_name = ordo_operator_name(&s->by);
    return decide(s, &command);
}

/* ---- what is shown ---- */

static json_t *subscriber_json(const struct ordo_subscriber_view *view)
{
    return json_pack(
        "{s:s%, s:I, s:I, s:I, s:I}",
        "subscriber",
        (const char *)view->subscriber.data,
        (size_t)view->subscriber.size,
        "acked",
        (json_int_t)view->acked,
        "acked_us",
        (json_int_t)view->acked_us,
        "created_us",
        (json_int_t)view->created_us,
        "parks",
        (json_int_t)view->parks);
}

static void print_subscriber(const struct ordo_subscriber_view *view)
{
    char when[48];
    (void)printf(
        "%-32.*s acked %-12llu %s  %llu parked\n",
        (int)view->subscriber.size,
        (const char *)view->subscriber.data,
        (unsigned long long)view->acked,
        ordo_online_time(view->acked_us, when, sizeof(when)),
        (unsigned long long)view->parks);
}

static void show_one(struct ordo_mp_reader *body, json_t *list)
{
    struct ordo_subscriber_view view;
    ordo_body_subscriber(body, &view);
    if (body->error != NULL) {
        return;
    }
    if (list == NULL) {
        print_subscriber(&view);
    } else {
        (void)json_array_append_new(list, subscriber_json(&view));
    }
}

static void show_park(struct ordo_mp_reader *body, json_t *list)
{
    struct ordo_park_view view;
    char when[48];
    ordo_body_park(body, &view);
    if (body->error != NULL) {
        return;
    }
    if (list == NULL) {
        (void)printf(
            "%-32.*s shop %-6u from update %-10llu %s  %.*s\n",
            (int)view.order_id.size,
            (const char *)view.order_id.data,
            view.order_shop,
            (unsigned long long)view.first_update,
            ordo_online_time(view.parked_us, when, sizeof(when)),
            (int)view.reason.size,
            (const char *)view.reason.data);
        return;
    }
    json_t *park = json_pack(
        "{s:s%, s:I, s:I, s:I}",
        "order",
        (const char *)view.order_id.data,
        (size_t)view.order_id.size,
        "order_shop",
        (json_int_t)view.order_shop,
        "first_update",
        (json_int_t)view.first_update,
        "parked_us",
        (json_int_t)view.parked_us);
    json_t *reason = json_stringn((const char *)view.reason.data, view.reason.size);
    (void)json_object_set_new(park, "reason", reason == NULL ? json_string("?") : reason);
    (void)json_array_append_new(list, park);
}

/* All pages of a query; `after` is the query's field. */
static int show_pages(
    struct subscriber *s,
    const struct ordo_command *query,
    uint64_t *after,
    void (*show)(struct ordo_mp_reader *body, json_t *list),
    json_t *list)
{
    uint64_t count = 0;
    do {
        struct ordo_command command = *query;
        const struct ordo_answer *answer = NULL;
        int code = ordo_online_call(&s->online, &command, &answer);
        if (code != ORDO_EXIT_OK) {
            return code;
        }
        if (answer->item.result.code != ORDO_RESULT_OK) {
            return ordo_online_refused(&s->online, s->name == NULL ? "list" : s->name, answer);
        }
        struct ordo_mp_reader body = answer->item.body;
        uint32_t rows = ordo_body_list(&body, after);
        for (uint32_t i = 0; i < rows && body.error == NULL; i++, count++) {
            show(&body, list);
        }
        if (body.error != NULL) {
            return ordo_cli_fail(ORDO_EXIT_UNAVAILABLE, "the list cannot be read: %s", body.error);
        }
    } while (*after != 0);
    if (count == 0 && list == NULL) {
        (void)fprintf(stderr, "ordo: none in shop %u\n", s->online.shop);
    }
    return ORDO_EXIT_OK;
}

static int end_list(struct subscriber *s, int code, const char *name, json_t *list)
{
    if (code != ORDO_EXIT_OK || !s->online.json) {
        json_decref(list);
        return code;
    }
    return ordo_online_print_json(json_pack("{s:b, s:o}", "ok", 1, name, list));
}

static int list_subscribers(struct subscriber *s)
{
    struct ordo_command query = {.kind = ORDO_KIND_SUBSCRIBERS, .subscribers.limit = PAGE};
    json_t *list = s->online.json ? json_array() : NULL;
    int code = show_pages(s, &query, &query.subscribers.after, show_one, list);
    return end_list(s, code, "subscribers", list);
}

static int list_parks(struct subscriber *s)
{
    struct ordo_command query = {.kind = ORDO_KIND_PARKS, .parks.limit = PAGE};
    json_t *list = s->online.json ? json_array() : NULL;
    query.parks.subscriber = bytes_of(s->name);
    int code = show_pages(s, &query, &query.parks.after, show_park, list);
    return end_list(s, code, "parks", list);
}

static int show_subscriber(struct subscriber *s)
{
    struct ordo_command query = {.kind = ORDO_KIND_SUBSCRIBER};
    struct ordo_subscriber_view view;
    const struct ordo_answer *answer = NULL;
    query.subscriber.subscriber = bytes_of(s->name);
    int code = ordo_online_call(&s->online, &query, &answer);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    if (answer->item.result.code != ORDO_RESULT_OK) {
        return ordo_online_refused(&s->online, s->name, answer);
    }
    struct ordo_mp_reader body = answer->item.body;
    ordo_body_subscriber(&body, &view);
    if (body.error != NULL) {
        return ordo_cli_fail(ORDO_EXIT_UNAVAILABLE, "the answer cannot be read: %s", body.error);
    }
    if (s->online.json) {
        json_t *root = subscriber_json(&view);
        (void)json_object_set_new(root, "ok", json_true());
        return ordo_online_print_json(root);
    }
    print_subscriber(&view);
    return ORDO_EXIT_OK;
}

int ordo_verb_subscriber(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&ordo_online_parser, 0, "The node:", 9},
        {&ordo_operator_parser, 0, "For the record:", 8},
        {0}};
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .args_doc = "ls\nshow NAME\nput NAME\ndrop NAME\nparks NAME\npark NAME ORDER\n"
                    "unpark NAME ORDER",
        .doc = "Look at and set the cursors of those who read the status stream, and the orders "
               "that they have set aside.",
        .children = children,
    };
    struct subscriber s;
    memset(&s, 0, sizeof(s));
    ordo_online_init(&s.online);
    ordo_operator_init(&s.by);
    int code = ordo_online_parse(&parser, argc, argv, &s);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    int action = find_action(s.action);
    if (actions[action].by_operator && !ordo_operator_is_there(&s.by, s.action)) {
        return ORDO_EXIT_USAGE;
    }
    code = ordo_online_open(&s.online);
    if (code == ORDO_EXIT_OK) {
        code = actions[action].run(&s);
        ordo_online_close(&s.online);
    }
    return code;
}
