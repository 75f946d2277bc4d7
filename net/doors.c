#include "net/address.h"
#include "net/desk.h"
#include "net/nng_door.h"

#include "base/assert.h"
#include "base/log.h"

/* A server has one door or two: the polled one for ipc and tcp, nng's for everything else and where
 * the kernel denies io_uring. Each has a range of the request numbers, so a number tells the door.
 */

static void deliver(void *self, uint32_t number, enum ordo_door_role role, struct ordo_bytes frame)
{
    const struct ordo_desk_door *door = self;
    struct ordo_server *server = door->server;
    ORDO_ASSERT(number < door->count);
    ORDO_ASSERT(role < ORDO_ROLE_COUNT);
    struct ordo_request *request = &server->requests[door->first + number];
    request->frame = frame;
    request->role = role;
    ordo_inbox_push(&server->inbox, &request->item);
    if (door->door.work == NULL) { /* else the ingress agent delivers to itself */
        ordo_waker_signal(server->ingress_waker);
    }
}

void ordo_server_reply(struct ordo_server *server, uint32_t request, struct ordo_bytes bytes)
{
    const struct ordo_desk_door *door = &server->doors[0];
    while (request >= door->first + door->count) {
        door++;
        ORDO_ASSERT(door < server->doors + server->door_count);
    }
    door->door.reply(door->door.self, request - door->first, bytes);
}

/* The place of the next door, with `count` of the requests. */
static struct ordo_door_host place(struct ordo_server *server, uint32_t count)
{
    ORDO_ASSERT(server->door_count < ORDO_DOORS_MAX);
    struct ordo_desk_door *door = &server->doors[server->door_count];
    uint32_t first = server->door_count == 0 ? 0 : door[-1].first + door[-1].count;
    ORDO_ASSERT(first + count <= server->config.requests_max);
    *door = (struct ordo_desk_door){.server = server, .first = first, .count = count};
    return (struct ordo_door_host){
        .deliver = deliver,
        .self = door,
        .request_count = count,
        .size_max = server->config.request_size_max,
    };
}

/* Whether the polled door was opened: it comes first. */
static enum ordo_err
open_polled(struct ordo_server *server, uint32_t count, bool *opened, struct ordo_fail *fail)
{
    const struct ordo_server_config *config = &server->config;
    struct ordo_fail reason = {0};
    struct ordo_door_host host = place(server, count);
    enum ordo_err err =
        ordo_polled_door_open(&host, &config->polled, &server->doors[0].door, &reason);
    *opened = err == ORDO_OK;
    server->door_count += err == ORDO_OK;
    if (err == ORDO_ERR_UNAVAILABLE && config->use_polled == ORDO_POLLED_AUTO) {
        ORDO_LOG_INFO("polled_door_fallback door=nng reason=\"%s\"", reason.text);
        return ORDO_OK;
    }
    return err == ORDO_OK ? ORDO_OK : ordo_fail_set(fail, err, "%s", reason.text);
}

static enum ordo_err open_nng(struct ordo_server *server, uint32_t count, struct ordo_fail *fail)
{
    struct ordo_door_host host = place(server, count);
    struct ordo_desk_door *door = &server->doors[server->door_count];
    enum ordo_err err = ordo_nng_door_open(&host, server->listeners, &door->door, fail);
    server->door_count += err == ORDO_OK;
    return err;
}

static enum ordo_err listen_all(struct ordo_server *server, bool polled, struct ordo_fail *fail)
{
    const struct ordo_server_config *config = &server->config;
    struct ordo_door *last = &server->doors[server->door_count - 1].door;
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; i < config->listen_count && err == ORDO_OK; i++) {
        const struct ordo_server_listen *listen = &config->listen[i];
        bool plain = ordo_address_is_plain(listen->url);
        struct ordo_door *door = polled && plain ? &server->doors[0].door : last;
        err = door->listen(door->self, listen->role, listen->url, fail);
        if (err == ORDO_OK) {
            ORDO_LOG_INFO("listening url=%s door=%s", listen->url, door->name);
        }
    }
    return err;
}

enum ordo_err ordo_doors_open(struct ordo_server *server, struct ordo_fail *fail)
{
    const struct ordo_server_config *config = &server->config;
    uint32_t plain = 0;
    for (uint32_t i = 0; i < config->listen_count; i++) {
        plain += ordo_address_is_plain(config->listen[i].url);
    }
    bool polled = false;
    bool both = plain > 0 && plain < config->listen_count && config->requests_max > 1;
    uint32_t left = config->requests_max;
    enum ordo_err err = ORDO_OK;
    if (plain > 0 && config->use_polled != ORDO_POLLED_OFF) {
        uint32_t count = both ? config->requests_max / 2 : config->requests_max;
        err = open_polled(server, count, &polled, fail);
        left -= polled ? count : 0;
    }
    if (err == ORDO_OK && left > 0) {
        err = open_nng(server, left, fail);
    }
    return err == ORDO_OK ? listen_all(server, polled, fail) : err;
}

void ordo_doors_bind(struct ordo_server *server, struct ordo_waker *waker)
{
    for (uint32_t i = 0; i < server->door_count; i++) {
        if (server->doors[i].door.bind != NULL) {
            server->doors[i].door.bind(server->doors[i].door.self, waker);
        }
    }
}

void ordo_doors_start(struct ordo_server *server)
{
    for (uint32_t i = 0; i < server->door_count; i++) {
        server->doors[i].door.start(server->doors[i].door.self);
    }
}

void ordo_doors_stop(struct ordo_server *server)
{
    for (uint32_t i = 0; i < server->door_count; i++) {
        server->doors[i].door.stop(server->doors[i].door.self);
    }
}

void ordo_doors_close(struct ordo_server *server)
{
    for (uint32_t i = 0; i < server->door_count; i++) {
        server->doors[i].door.close(server->doors[i].door.self);
    }
}

void ordo_doors_stats(const struct ordo_server *server, struct ordo_door_stats *stats)
{
    *stats = (struct ordo_door_stats){0};
    for (uint32_t i = 0; i < server->door_count; i++) {
        struct ordo_door_stats own = {0};
        server->doors[i].door.stats(server->doors[i].door.self, &own);
        stats->sent += own.sent;
        stats->failed += own.failed;
        stats->accepted += own.accepted;
        stats->refused += own.refused;
        stats->cut += own.cut;
    }
}

/* ---- the doors without a thread, on that of the ingress agent ---- */

uint32_t ordo_doors_work(struct ordo_server *server)
{
    uint32_t work = 0;
    for (uint32_t i = 0; i < server->door_count; i++) {
        const struct ordo_door *door = &server->doors[i].door;
        work += door->work != NULL ? door->work(door->self) : 0;
    }
    return work;
}

uint64_t ordo_doors_deadline_ns(struct ordo_server *server)
{
    uint64_t earliest_ns = UINT64_MAX;
    for (uint32_t i = 0; i < server->door_count; i++) {
        const struct ordo_door *door = &server->doors[i].door;
        uint64_t own_ns = door->deadline_ns != NULL ? door->deadline_ns(door->self) : UINT64_MAX;
        earliest_ns = own_ns < earliest_ns ? own_ns : earliest_ns;
    }
    return earliest_ns;
}

bool ordo_doors_are_drained(struct ordo_server *server)
{
    for (uint32_t i = 0; i < server->door_count; i++) {
        const struct ordo_door *door = &server->doors[i].door;
        if (door->is_drained != NULL && !door->is_drained(door->self)) {
            return false;
        }
    }
    return true;
}

void ordo_doors_end(struct ordo_server *server)
{
    for (uint32_t i = 0; i < server->door_count; i++) {
        const struct ordo_door *door = &server->doors[i].door;
        if (door->end != NULL) {
            door->end(door->self);
        }
    }
}
