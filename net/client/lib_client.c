#include "net/client/lib_parts.h"

#include "base/assert.h"
#include "base/clock.h"
#include "order/result.h"

#include <stdlib.h>
#include <string.h>

/* The public client. Commands gather in lanes, one for each class of the server's inboxes, so that
 * a frame of payment facts carries no create (which could be refused for it) and a query does not
 * wait behind an import. A lane leaves as one frame when it is full, or in poll when fewer frames
 * than frames_in_flight are open: so a lone command leaves at once, and what is submitted while
 * others are on their way goes together. A lane that has waited for an eighth of the patience
 * leaves all the same: else a steady flow of urgent frames, or a node that is silent, would keep it
 * here, where no patience runs. What rests at the server (wait) or must be alone (services) is a
 * frame of its own.
 *
 * Asking again, after BUSY or a lost connection, is client.c's, frame by frame.
 *
 * A blocking call is a submitted command whose answer is kept: the bytes are copied once, so that
 * what its end points to stays until the next call.
 */

#define COMMANDS_STANDARD 65536
#define FRAME_STANDARD    256
#define FLIGHT_STANDARD   4
#define FLIGHT_MAX        256
#define STUCK_NS          (5 * ORDO_NS_PER_MS)
#define REST_SHARE        8 /* of the patience, that a lane waits for room at most */
#define SCRATCH_SIZE      (ORDO_IMPORT_MAX * (ORDO_SEALED_MAX + ORDO_VARINT_MAX))
#define ALONE             ORDO_CLASS_COUNT /* the lane of frames with one command */

struct waiter {
    ordo_on_end *on_end; /* NULL: nobody looks */
    void *user;
    uint8_t kind;
};

struct lane {
    struct ordo_writer writer; /* over ORDO_CLIENT_ENCODED_MAX bytes */
    uint32_t sizes[ORDO_WIRE_COMMANDS_MAX];
    struct waiter waiters[ORDO_WIRE_COMMANDS_MAX];
    uint32_t count;
    uint64_t since_ns; /* the first of them came */
};

struct flight { /* the user of a request: who waits for its answers */
    uint32_t count;
    struct waiter waiters[];
};

struct ordo {
    struct ordo_client *client;
    uint32_t commands_max;
    uint32_t frame_max;
    uint32_t frames_in_flight;
    uint64_t rest_ns; /* of a lane */
    struct ordo_clock clock;
    uint32_t pending;
    uint32_t ended; /* since the start of this poll */
    bool in_callback;
    bool call_ended;
    struct ordo_answer called; /* points into called_bytes */
    uint8_t *called_bytes;
    struct ordo_lib_space space;      /* of the end in a callback */
    struct ordo_lib_space call_space; /* of the end of a call */
    struct ordo_end end;
    struct ordo_end call_end;
    struct lane *lanes; /* ORDO_CLASS_COUNT + 1 */
    uint8_t *scratch;   /* SCRATCH_SIZE */
};

/* ---- answers ---- */

static void make_end(
    const struct ordo_answer *answer,
    uint8_t kind,
    struct ordo_lib_space *space,
    struct ordo_end *end)
{
    if (ordo_lib_end(answer, kind, space, end)) {
        return;
    }
    *end = (struct ordo_end){
        .verdict = ORDO_VERDICT_UNKNOWN,
        .code = ORDO_CODE_UNKNOWN,
        .text = "the answer could not be read: it is of a newer version, or memory is out"};
}

static void keep_call(void *user, const struct ordo_answer *answer)
{
    struct ordo *ordo = user;
    struct ordo_bytes bytes = answer->bytes;
    struct ordo_wire_fault fault;
    free(ordo->called_bytes);
    ordo->call_ended = true;
    ordo->called = *answer;
    ordo->called_bytes = bytes.size == 0 ? NULL : malloc(bytes.size);
    if (ordo->called_bytes == NULL) {
        ordo->called.item.text = (struct ordo_bytes){NULL, 0};
        ordo->called.item.has_body = false;
        return;
    }
    memcpy(ordo->called_bytes, bytes.data, bytes.size);
    struct ordo_reply_reader reader = {
        .mp = ordo_mp_reader_over(ordo->called_bytes, bytes.size), .count = 1};
    bool read = ordo_reply_next(&reader, &ordo->called.item, &fault);
    ORDO_ASSERT(read); /* it was read before */
}

static void on_answers(void *context, void *user, const struct ordo_answer *answers, uint32_t count)
{
    struct ordo *ordo = context;
    struct flight *flight = user;
    ORDO_ASSERT(flight->count == count);
    for (uint32_t i = 0; i < count; i++) {
        const struct waiter *waiter = &flight->waiters[i];
        ordo->pending--;
        ordo->ended++;
        if (waiter->on_end == NULL && waiter->user == ordo) {
            keep_call(ordo, &answers[i]);
        } else if (waiter->on_end != NULL) {
            make_end(&answers[i], waiter->kind, &ordo->space, &ordo->end);
            ordo->in_callback = true;
            waiter->on_end(waiter->user, &ordo->end);
            ordo->in_callback = false;
        }
    }
    free(flight);
}

/* ---- open and close ---- */

static uint32_t or_standard(uint32_t value, uint32_t standard, uint32_t max)
{
    uint32_t chosen = value == 0 ? standard : value;
    return chosen < max ? chosen : max;
}

static bool take_memory(struct ordo *ordo)
{
    ordo->scratch = malloc(SCRATCH_SIZE);
    ordo->lanes = calloc(ORDO_CLASS_COUNT + 1, sizeof(*ordo->lanes));
    if (ordo->scratch == NULL || ordo->lanes == NULL) {
        return false;
    }
    for (int i = 0; i <= ORDO_CLASS_COUNT; i++) {
        uint8_t *bytes = malloc(ORDO_CLIENT_ENCODED_MAX);
        ordo->lanes[i].writer = ordo_writer_over(bytes, ORDO_CLIENT_ENCODED_MAX);
        if (bytes == NULL) {
            return false;
        }
    }
    return true;
}

int ordo_open(const struct ordo_options *options, struct ordo **out, struct ordo_error *error)
{
    struct ordo_fail fail;
    if (options == NULL || out == NULL || options->url == NULL) {
        return ordo_lib_error(error, ORDO_E_INVALID, "ordo_open: no url, or no place for a handle");
    }
    struct ordo *ordo = calloc(1, sizeof(*ordo));
    if (ordo == NULL || !take_memory(ordo)) {
        ordo_close(ordo);
        return ordo_lib_error(error, ORDO_E_MEMORY, "%s: no memory for a client", options->url);
    }
    ordo->commands_max = or_standard(options->commands_max, COMMANDS_STANDARD, UINT32_MAX);
    ordo->frame_max = or_standard(options->frame_max, FRAME_STANDARD, ORDO_WIRE_COMMANDS_MAX);
    ordo->frames_in_flight = or_standard(options->frames_in_flight, FLIGHT_STANDARD, FLIGHT_MAX);
    uint64_t patience = or_standard(options->patience_ms, ORDO_CLIENT_PATIENCE_MS, UINT32_MAX);
    ordo->rest_ns = patience * ORDO_NS_PER_MS / REST_SHARE;
    ordo->clock = ordo_clock_system();
    struct ordo_client_config config = {
        .url = options->url,
        .tls = ordo_lib_tls(&options->tls),
        .requests_max = ORDO_CLIENT_REQUESTS_MAX,
        .patience_ms = options->patience_ms,
        .on_answers = on_answers,
        .context = ordo};
    if (ordo_client_open(&config, &ordo->client, &fail) != ORDO_OK) {
        ordo_close(ordo);
        return ordo_lib_fail(error, &fail);
    }
    *out = ordo;
    return ORDO_E_OK;
}

static void free_flight(void *context, void *user)
{
    (void)context;
    free(user);
}

void ordo_close(struct ordo *ordo)
{
    if (ordo == NULL) {
        return;
    }
    ORDO_ASSERT(!ordo->in_callback);
    if (ordo->client != NULL) {
        ordo_client_drop(ordo->client, free_flight, NULL);
        ordo_client_close(ordo->client);
    }
    for (int i = 0; ordo->lanes != NULL && i <= ORDO_CLASS_COUNT; i++) {
        free(ordo->lanes[i].writer.begin);
    }
    free(ordo->lanes);
    free(ordo->scratch);
    free(ordo->called_bytes);
    free(ordo->space.data);
    free(ordo->call_space.data);
    free(ordo);
}

int ordo_connect(struct ordo *ordo, uint32_t timeout_ms, struct ordo_error *error)
{
    struct ordo_fail fail;
    enum ordo_err err = ordo_client_connect(ordo->client, timeout_ms, &fail);
    return err == ORDO_OK ? ORDO_E_OK : ordo_lib_fail(error, &fail);
}

/* ---- lanes ---- */

static int send_lane(struct ordo *ordo, struct lane *lane)
{
    size_t waiters_size = lane->count * sizeof(struct waiter);
    struct flight *flight = malloc(sizeof(*flight) + waiters_size);
    if (flight == NULL) {
        return ORDO_E_MEMORY;
    }
    flight->count = lane->count;
    memcpy(flight->waiters, lane->waiters, waiters_size);
    struct ordo_bytes encoded = {lane->writer.begin, (uint32_t)ordo_writer_size(&lane->writer)};
    enum ordo_err err =
        ordo_client_send_encoded(ordo->client, encoded, lane->sizes, lane->count, flight);
    if (err != ORDO_OK) {
        free(flight);
        return ordo_lib_code(err);
    }
    lane->count = 0;
    lane->writer.at = lane->writer.begin;
    return ORDO_E_OK;
}

static bool may_leave(const struct ordo *ordo, const struct lane *lane)
{
    return ordo_client_in_flight(ordo->client) < ordo->frames_in_flight ||
           ordo_clock_monotonic_ns(&ordo->clock) - lane->since_ns >= ordo->rest_ns;
}

/* Urgent first; what finds no room now goes in a later round. */
static void send_lanes(struct ordo *ordo)
{
    for (int i = 0; i < ORDO_CLASS_COUNT; i++) {
        struct lane *lane = &ordo->lanes[i];
        if (lane->count > 0 && may_leave(ordo, lane)) {
            (void)send_lane(ordo, lane);
        }
    }
}

/* Writes a command behind the others of its lane; nothing is left of it when it has no room. */
static bool append(struct ordo *ordo, struct lane *lane, struct ordo_command *command)
{
    uint8_t *before = lane->writer.at;
    ordo_client_encode(ordo->client, command, &lane->writer);
    if (lane->writer.failed) {
        lane->writer.failed = false;
        lane->writer.at = before;
        return false;
    }
    lane->sizes[lane->count] = (uint32_t)(lane->writer.at - before);
    return true;
}

static int enlist(struct ordo *ordo, struct ordo_command *command, const struct waiter *waiter)
{
    bool alone = command->kind == ORDO_KIND_WAIT;
    struct lane *lane = &ordo->lanes[alone ? ALONE : ordo_wire_class_of(command->kind)];
    int code = ORDO_E_OK;
    if (lane->count >= ordo->frame_max) {
        code = send_lane(ordo, lane); /* it found no room when it was full */
    }
    if (code == ORDO_E_OK && !append(ordo, lane, command)) {
        code = lane->count == 0 ? ORDO_E_LIMIT : send_lane(ordo, lane);
        if (code == ORDO_E_OK && !append(ordo, lane, command)) {
            code = ORDO_E_LIMIT;
        }
    }
    if (code != ORDO_E_OK) {
        return code;
    }
    lane->since_ns = lane->count == 0 ? ordo_clock_monotonic_ns(&ordo->clock) : lane->since_ns;
    lane->waiters[lane->count++] = *waiter;
    ordo->pending++;
    if (!alone && lane->count < ordo->frame_max) {
        return ORDO_E_OK;
    }
    code = send_lane(ordo, lane);
    if (alone && code != ORDO_E_OK) {
        lane->count = 0;
        lane->writer.at = lane->writer.begin;
        ordo->pending--;
        return code;
    }
    return ORDO_E_OK; /* a full lane that found no room leaves with the next poll */
}

static int send_service(struct ordo *ordo, const struct ordo_cmd *cmd, const struct waiter *waiter)
{
    struct ordo_service service;
    struct ordo_writer scratch = ordo_writer_over(ordo->scratch, SCRATCH_SIZE);
    int code = ordo_lib_service(cmd, &service, &scratch);
    if (code != ORDO_E_OK) {
        return code;
    }
    struct flight *flight = malloc(sizeof(*flight) + sizeof(*waiter));
    if (flight == NULL) {
        return ORDO_E_MEMORY;
    }
    flight->count = 1;
    flight->waiters[0] = *waiter;
    enum ordo_err err = ordo_client_send_service(ordo->client, &service, flight);
    if (err != ORDO_OK) {
        free(flight);
        return ordo_lib_code(err);
    }
    ordo->pending++;
    return ORDO_E_OK;
}

static int submit(struct ordo *ordo, struct ordo_cmd *cmd, const struct waiter *waiter)
{
    struct ordo_command command;
    struct ordo_writer scratch = ordo_writer_over(ordo->scratch, SCRATCH_SIZE);
    if (ordo->pending >= ordo->commands_max) {
        return ORDO_E_FULL;
    }
    if (cmd->kind >= ORDO_SERVICE_FIRST) {
        return send_service(ordo, cmd, waiter);
    }
    int code = ordo_lib_command(cmd, &command, &scratch);
    if (code == ORDO_E_OK) {
        code = enlist(ordo, &command, waiter);
    }
    if (code == ORDO_E_OK) {
        memcpy(cmd->id, command.id, sizeof(cmd->id));
    }
    return code;
}

int ordo_submit(struct ordo *ordo, struct ordo_cmd *cmd, ordo_on_end *on_end, void *user)
{
    struct waiter waiter = {on_end, on_end == NULL ? NULL : user, (uint8_t)cmd->kind};
    return submit(ordo, cmd, &waiter);
}

/* When a lane leaves though there is no room. */
static uint64_t lanes_due(const struct ordo *ordo)
{
    uint64_t due = UINT64_MAX;
    for (int i = 0; i < ORDO_CLASS_COUNT; i++) {
        const struct lane *lane = &ordo->lanes[i];
        uint64_t own = lane->count == 0 ? UINT64_MAX : lane->since_ns + ordo->rest_ns;
        due = own < due ? own : due;
    }
    return due;
}

/* What has found no memory, or no number of a request, is tried again every few milliseconds. */
static uint32_t wait_ms(const struct ordo *ordo, uint64_t now, uint64_t end)
{
    uint64_t due = lanes_due(ordo);
    uint64_t soonest = now + STUCK_NS;
    due = due > soonest ? due : soonest;
    due = due < end ? due : end;
    return due <= now ? 0 : (uint32_t)((due - now + ORDO_NS_PER_MS - 1) / ORDO_NS_PER_MS);
}

uint32_t ordo_poll(struct ordo *ordo, uint32_t timeout_ms)
{
    ORDO_ASSERT(!ordo->in_callback);
    uint64_t now = ordo_clock_monotonic_ns(&ordo->clock);
    uint64_t end = now + timeout_ms * ORDO_NS_PER_MS;
    ordo->ended = 0;
    do {
        send_lanes(ordo);
        (void)ordo_client_poll(ordo->client, wait_ms(ordo, now, end));
        send_lanes(ordo); /* what gathered meanwhile leaves now, not when the caller comes again */
        (void)ordo_client_poll(ordo->client, 0);
        now = ordo_clock_monotonic_ns(&ordo->clock);
    } while (ordo->ended == 0 && now < end);
    return ordo->ended;
}

int ordo_call(struct ordo *ordo, struct ordo_cmd *cmd, const struct ordo_end **end)
{
    ORDO_ASSERT(!ordo->in_callback);
    struct waiter waiter = {NULL, ordo, (uint8_t)cmd->kind};
    ordo->call_ended = false;
    int code = submit(ordo, cmd, &waiter);
    if (code != ORDO_E_OK) {
        return code;
    }
    while (!ordo->call_ended) {
        (void)ordo_poll(ordo, 1000); /* its patience ends it at the latest */
    }
    make_end(&ordo->called, (uint8_t)cmd->kind, &ordo->call_space, &ordo->call_end);
    *end = &ordo->call_end;
    return ORDO_E_OK;
}

uint32_t ordo_pending(const struct ordo *ordo)
{
    return ordo->pending;
}

const char *ordo_trouble(const struct ordo *ordo)
{
    const struct ordo_fail *fail = ordo_client_last_fail(ordo->client);
    return fail->err == ORDO_OK ? "" : fail->text;
}
