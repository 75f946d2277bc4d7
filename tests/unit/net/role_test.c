/* Every cell of the table of roles against the table in net/README.md, and a server with a listener
 * for each role: what is allowed is decided, the rest is refused with a text that names both.
 */
#include "fake_node.h"

#include "net/role.h"

#include <ctype.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>

static char readme[65536];

static void read_readme(void)
{
    FILE *file = fopen(ORDO_README, "re");
    cr_assert_not_null(file);
    size_t size = fread(readme, 1, sizeof(readme) - 1, file);
    cr_assert(size > 1000 && size < sizeof(readme) - 1);
    readme[size] = '\0';
    fclose(file);
}

/* "4 to 8, 12" and "all but 129 (...)", "those of client, and 129", "all" into a set. */
static void parse_kinds(const char *cell, bool set[256], const bool client[256])
{
    bool invert = strncmp(cell, "all", 3) == 0;
    long from = -1;
    if (strncmp(cell, "those of client", 15) == 0) {
        memcpy(set, client, 256);
    }
    for (const char *c = cell; *c != '|';) {
        if (!isdigit((unsigned char)*c)) {
            c++;
            continue;
        }
        char *end;
        long kind = strtol(c, &end, 10);
        for (long k = from < 0 ? kind : from; k <= kind; k++) {
            set[k] = true;
        }
        from = strncmp(end, " to ", 4) == 0 ? kind : -1;
        c = end;
    }
    for (int k = 0; invert && k < 256; k++) {
        set[k] = !set[k];
    }
}

/* The cell of a role in the README's table. */
static const char *cell_of(const char *role)
{
    char row[64];
    snprintf(row, sizeof(row), "\n| %s | ", role);
    const char *at = strstr(readme, row);
    cr_assert_not_null(at, "net/README.md has no row for the role %s", role);
    return at + strlen(row);
}

Test(role, has_the_kinds_of_the_readme_and_no_other)
{
    static bool sets[ORDO_ROLE_COUNT][256];
    uint32_t cells = 0;
    read_readme();
    for (uint32_t i = 0; i < ORDO_ROLE_COUNT; i++) {
        enum ordo_door_role role = (enum ordo_door_role)i;
        parse_kinds(cell_of(ordo_role_name(role)), sets[i], sets[ORDO_ROLE_CLIENT]);
        for (uint32_t kind = 0; kind < 256; kind++) {
            cr_assert_eq(
                ordo_role_allows(role, (uint8_t)kind),
                sets[i][kind],
                "role %s, kind %u: the README says %s",
                ordo_role_name(role),
                kind,
                sets[i][kind] ? "yes" : "no");
            cells++;
        }
    }
    cr_assert_eq(cells, 6 * 256);
}

Test(role, is_known_by_its_name_alone)
{
    enum ordo_door_role role = ORDO_ROLE_COUNT;
    for (uint32_t i = 0; i < ORDO_ROLE_COUNT; i++) {
        const char *name = ordo_role_name((enum ordo_door_role)i);
        cr_assert(ordo_role_named(name, strlen(name), &role));
        cr_assert_eq(role, i);
        cr_assert_not(ordo_role_named(name, strlen(name) - 1, &role));
    }
    cr_assert_not(ordo_role_named("", 0, &role));
    cr_assert_not(ordo_role_named("clients", 7, &role));
}

Test(role, that_may_send_nothing_urgent_gets_no_place_among_the_facts)
{
    cr_assert(ordo_role_is_urgent(ORDO_ROLE_ALL));
    cr_assert(ordo_role_is_urgent(ORDO_ROLE_CLIENT));
    cr_assert(ordo_role_is_urgent(ORDO_ROLE_DELIVERER));
    cr_assert(ordo_role_is_urgent(ORDO_ROLE_OPERATOR));
    cr_assert_not(ordo_role_is_urgent(ORDO_ROLE_SUBSCRIBER));
    cr_assert_not(ordo_role_is_urgent(ORDO_ROLE_REPLICA));
}

/* ---- through a server ---- */

static uint8_t buffer[65536];

/* One request with a command of every kind of the schema but the internal ones, and `wait`, which
 * is alone in its request (wait_request_test). */
static uint32_t every_kind(uint8_t kinds[256], struct ordo_bytes *frame)
{
    const struct ordo_command_schema *schema;
    struct ordo_writer out = ordo_writer_over(buffer, sizeof(buffer));
    uint32_t count = 0;
    for (uint32_t i = 0; (schema = ordo_schema_at(i)) != NULL; i++) {
        if (!ordo_kind_is_internal(schema->kind) && schema->kind != ORDO_KIND_WAIT) {
            kinds[count++] = schema->kind;
        }
    }
    ordo_request_begin(&out, 1, count);
    for (uint32_t i = 0; i < count; i++) {
        struct ordo_command command = {.kind = kinds[i], .id = {1}};
        ordo_request_command(&out, &command);
    }
    cr_assert(!out.failed);
    *frame = (struct ordo_bytes){buffer, (uint32_t)ordo_writer_size(&out)};
    return count;
}

static nng_msg *ask(const char *url, struct ordo_bytes frame, struct ordo_reply_reader *reader)
{
    nng_socket s;
    nng_msg *message;
    struct ordo_wire_fault fault;
    cr_assert_eq(nng_req0_open(&s), 0);
    cr_assert_eq(nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, NODE_WAIT_MS), 0);
    cr_assert_eq(nng_dial(s, url, NULL, 0), 0, "cannot dial %s", url);
    cr_assert_eq(nng_msg_alloc(&message, 0), 0);
    cr_assert_eq(nng_msg_append(message, frame.data, frame.size), 0);
    cr_assert_eq(nng_sendmsg(s, message, 0), 0);
    cr_assert_eq(nng_recvmsg(s, &message, 0), 0);
    struct ordo_bytes bytes = {nng_msg_body(message), (uint32_t)nng_msg_len(message)};
    cr_assert(ordo_reply_open(reader, bytes, &fault), "%s", fault.text);
    cr_assert_eq(reader->head.code, ORDO_RESULT_OK);
    nng_close(s);
    return message;
}

/* Everything that the role may send has passed the gate; all else is refused by name. */
static void expect_gate(const char *url, enum ordo_door_role role)
{
    uint8_t kinds[256];
    struct ordo_bytes frame;
    struct ordo_reply_reader reader;
    uint32_t count = every_kind(kinds, &frame);
    nng_msg *reply = ask(url, frame, &reader);
    cr_assert_eq(reader.count, count);
    for (uint32_t i = 0; i < count; i++) {
        struct ordo_reply_item item;
        struct ordo_wire_fault fault;
        char text[128];
        cr_assert(ordo_reply_next(&reader, &item, &fault), "%s", fault.text);
        bool allowed = ordo_role_allows(role, kinds[i]);
        cr_assert_eq(
            item.result.code == ORDO_RESULT_UNAUTHORISED,
            !allowed,
            "role %s, kind %u: code %u",
            ordo_role_name(role),
            kinds[i],
            item.result.code);
        snprintf(text, sizeof(text), "%.*s", (int)item.text.size, (const char *)item.text.data);
        cr_assert(
            allowed || i >= 16 || strstr(text, ordo_role_name(role)) != NULL, "text \"%s\"", text);
        cr_assert(
            allowed || i >= 16 || strstr(text, ordo_schema_of(kinds[i])->name) != NULL,
            "text \"%s\"",
            text);
    }
    nng_msg_free(reply);
}

Test(role, of_a_listener_is_held_for_each_command)
{
    static struct node n;
    static char urls[ORDO_ROLE_COUNT][128];
    snprintf(n.directory, sizeof(n.directory), "/tmp/ordo-role-XXXXXX");
    cr_assert_not_null(mkdtemp(n.directory));
    for (uint32_t i = 0; i < ORDO_ROLE_COUNT; i++) {
        snprintf(urls[i], sizeof(urls[i]), "ipc://%s/%u", n.directory, i);
        n.config.listen[i] = (struct ordo_server_listen){urls[i], (enum ordo_door_role)i};
    }
    n.config.listen_count = ORDO_ROLE_COUNT;
    node_open(&n, 256);
    node_run(&n);
    for (uint32_t i = 0; i < ORDO_ROLE_COUNT; i++) {
        expect_gate(urls[i], (enum ordo_door_role)i);
    }
    struct ordo_server_stats stats;
    ordo_server_stats(n.server, &stats);
    cr_assert_eq(stats.requests, ORDO_ROLE_COUNT);
    node_close(&n);
}
