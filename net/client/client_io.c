#include "net/client/client_parts.h"

#include "base/assert.h"
#include "base/canary.h"
#include "order/result.h"

#include <string.h>

/* The connection of a client: one round connects when it is time, writes what is queued, reads what
 * has come, and looks at the clock. It never waits.
 *
 * A lost connection puts everything that has no answer back into the queue, oldest first, as it
 * was: same ids, same order. What had been sent is marked as lost, because it may have been
 * decided: from then on its end can be UNKNOWN, never a plain BUSY.
 *
 * A peer can be gone without a word (its machine lost power). So a connection on which something
 * is awaited and nothing at all was heard for ORDO_CLIENT_SILENCE_MS is given up like a lost one.
 * A `wait` may rest at the server for its own time on top of that.
 */

#define SEND_PARTS_MAX   32 /* requests of one sendmsg() */
#define RECEIVE_MAX      64 /* receives of one round, so that timers are looked at */
#define PAUSE_FIRST_NS   (5 * ORDO_NS_PER_MS)
#define PAUSE_LAST_NS    (500 * ORDO_NS_PER_MS)
#define CONNECT_FIRST_NS (10 * ORDO_NS_PER_MS)
#define CONNECT_LAST_NS  ORDO_NS_PER_S

static uint64_t next_pause(uint64_t pause, uint64_t first, uint64_t last)
{
    uint64_t next = pause == 0 ? first : pause * 2;
    return next < last ? next : last;
}

/* Up to half of a pause more, so that many clients do not come back together. */
static uint64_t jittered(struct ordo_client *client, uint64_t pause)
{
    return pause + ordo_client_random(client) % (pause / 2 + 1);
}

/* ---- the connection ends ---- */

static void requeue(struct ordo_client *client)
{
    client->queue = NULL;
    client->queue_end = NULL;
    for (struct ordo_request *r = client->oldest; r != NULL; r = r->newer) {
        if (r->phase == ORDO_REQUEST_WAITING) {
            continue;
        }
        if (r->phase == ORDO_REQUEST_SENT || r->sent > 0) {
            r->lost = true;
            client->stats.resends++;
        }
        ordo_client_enqueue(client, r);
    }
}

static void lose(struct ordo_client *client, uint64_t now)
{
    ordo_sp_close(&client->sp);
    client->rest_ns = 0; /* a connect is not resting */
    requeue(client);
    client->connect_pause_ns =
        next_pause(client->connect_pause_ns, CONNECT_FIRST_NS, CONNECT_LAST_NS);
    client->connect_ns = now + jittered(client, client->connect_pause_ns);
}

/* ---- connect ---- */

/* True when messages may flow. */
static bool connect_if_due(struct ordo_client *client, uint64_t now)
{
    struct ordo_sp *sp = &client->sp;
    enum ordo_err err = ORDO_OK;
    if (sp->phase == ORDO_SP_OPEN) {
        return true;
    }
    if (sp->phase == ORDO_SP_CLOSED) {
        if (now < client->connect_ns) {
            return false;
        }
        client->heard_ns = now;
        err = ordo_sp_connect(sp, &client->last_fail);
    }
    if (err == ORDO_OK) {
        err = ordo_sp_progress(sp, &client->last_fail);
    }
    if (err == ORDO_OK) {
        client->stats.connects++;
        client->connect_pause_ns = 0;
        client->heard_ns = now;
        return true;
    }
    if (err != ORDO_ERR_EMPTY) {
        lose(client, now);
    }
    return false;
}

/* ---- send ---- */

/* Moves `sent` bytes of the queue's head on. */
static void advance_queue(struct ordo_client *client, size_t sent)
{
    while (sent > 0) {
        struct ordo_request *head = client->queue;
        ORDO_ASSERT(head != NULL);
        size_t rest = head->end - head->begin - head->sent;
        if (sent < rest) {
            head->sent += (uint32_t)sent;
            return;
        }
        sent -= rest;
        head->sent = 0;
        head->phase = ORDO_REQUEST_SENT;
        client->queue = head->next;
        head->next = NULL;
        if (client->queue == NULL) {
            client->queue_end = NULL;
        }
    }
}

static bool send_queue(struct ordo_client *client, uint64_t now)
{
    while (client->queue != NULL) {
        struct iovec parts[SEND_PARTS_MAX];
        size_t count = 0;
        size_t wanted = 0;
        size_t sent = 0;
        for (struct ordo_request *r = client->queue; r != NULL && count < SEND_PARTS_MAX;
             r = r->next) {
            size_t rest = r->end - r->begin - r->sent;
            parts[count++] = (struct iovec){r->bytes + r->begin + r->sent, rest};
            wanted += rest;
        }
        if (ordo_sp_send(&client->sp, parts, count, &sent, &client->last_fail) != ORDO_OK) {
            lose(client, now);
            return false;
        }
        advance_queue(client, sent);
        if (sent < wanted) {
            return true; /* the socket is full */
        }
    }
    return true;
}

/* ---- receive ---- */

static struct ordo_request *find_request(struct ordo_client *client, struct ordo_bytes message)
{
    if (message.size < 4) {
        return NULL;
    }
    const uint8_t *p = message.data;
    uint32_t id = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    struct ordo_request *request = client->slots[id & (client->slot_count - 1)];
    bool is_sent = request != NULL && request->wire_id == id && request->phase == ORDO_REQUEST_SENT;
    return is_sent ? request : NULL;
}

/* One reply; 1 when its request has ended. */
static uint32_t on_message(struct ordo_client *client, struct ordo_bytes message, uint64_t now)
{
    struct ordo_request *request = find_request(client, message);
    uint32_t busy = 0;
    if (request == NULL) {
        client->stats.strange++;
        return 0;
    }
    struct ordo_bytes frame = {message.data + 4, message.size - 4};
    if (!ordo_request_take(request, &client->sp, frame, &busy)) {
        client->stats.strange++;
        (void)ordo_fail_set(
            &client->last_fail,
            ORDO_ERR_VERSION,
            "%s: a reply was no answer of protocol version %d",
            client->sp.url,
            ORDO_WIRE_VERSION);
        ordo_client_finish(client, request, ORDO_RESULT_UNKNOWN);
        return 1;
    }
    memcpy(client->node, request->node, sizeof(client->node));
    if (busy == 0) {
        ordo_client_finish(client, request, ORDO_RESULT_OK);
        return 1;
    }
    client->stats.busy += busy;
    request->phase = ORDO_REQUEST_WAITING;
    request->pause_ns = next_pause(request->pause_ns, PAUSE_FIRST_NS, PAUSE_LAST_NS);
    uint64_t wished_ns = request->retry_ms * ORDO_NS_PER_MS;
    uint64_t pause_ns = request->pause_ns > wished_ns ? request->pause_ns : wished_ns;
    request->retry_ns = now + jittered(client, pause_ns);
    if (request->retry_ns < client->timer_ns) {
        client->timer_ns = request->retry_ns;
    }
    return 0;
}

static uint32_t receive_replies(struct ordo_client *client, uint64_t now)
{
    uint32_t ended = 0;
    for (int i = 0; i < RECEIVE_MAX; i++) {
        enum ordo_err err = ordo_sp_receive(&client->sp, &client->last_fail);
        if (err == ORDO_ERR_EMPTY) {
            break;
        }
        bool more = err == ORDO_OK && ordo_sp_may_have_more(&client->sp);
        struct ordo_bytes message;
        while (err == ORDO_OK) {
            err = ordo_sp_next(&client->sp, &message, &client->last_fail);
            if (err == ORDO_OK) {
                ended += on_message(client, message, now);
            }
        }
        if (err != ORDO_ERR_EMPTY) {
            lose(client, now);
            break;
        }
        client->heard_ns = now;
        if (!more) {
            break;
        }
    }
    return ended;
}

/* ---- timers ---- */

/* What a request that has run out of time ends as. BUSY is certain only where each send had a
 * reply. */
static uint16_t code_when_late(const struct ordo_request *request)
{
    bool undecided = request->phase == ORDO_REQUEST_WAITING ||
                     (request->phase == ORDO_REQUEST_QUEUED && request->sent == 0);
    if (undecided && (!request->lost || ORDO_CANARY(lost_is_called_busy))) {
        return ORDO_RESULT_BUSY;
    }
    return ORDO_RESULT_UNKNOWN;
}

static uint32_t run_timers(struct ordo_client *client, uint64_t now)
{
    if (now < client->timer_ns) {
        return 0;
    }
    if (client->queue != NULL && client->queue->sent > 0 && now >= client->queue->deadline_ns) {
        (void)ordo_fail_set(
            &client->last_fail, ORDO_ERR_TIMEOUT, "%s: the peer takes no bytes", client->sp.url);
        lose(client, now); /* a half sent frame cannot be taken back on this connection */
    }
    uint32_t ended = 0;
    uint64_t next = UINT64_MAX;
    client->timer_ns = UINT64_MAX; /* callbacks that send lower it */
    struct ordo_request *newer = NULL;
    for (struct ordo_request *r = client->oldest; r != NULL; r = newer) {
        newer = r->newer;
        if (now >= r->deadline_ns) {
            ordo_client_finish(client, r, code_when_late(r));
            ended++;
            continue;
        }
        next = r->deadline_ns < next ? r->deadline_ns : next;
        if (r->phase != ORDO_REQUEST_WAITING) {
            continue;
        }
        if (now >= r->retry_ns) {
            ordo_client_enqueue(client, r);
        } else {
            next = r->retry_ns < next ? r->retry_ns : next;
        }
    }
    client->timer_ns = next < client->timer_ns ? next : client->timer_ns;
    return ended;
}

static uint64_t silent_at(const struct ordo_client *client)
{
    uint64_t heard = client->heard_ns > client->rest_ns ? client->heard_ns : client->rest_ns;
    return heard + client->config.silence_ms * ORDO_NS_PER_MS;
}

static bool is_silent(const struct ordo_client *client, uint64_t now)
{
    bool waits = client->sp.phase == ORDO_SP_CONNECTING ||
                 client->sp.phase == ORDO_SP_GREETING_SENT || client->in_flight > 0;
    return client->sp.phase != ORDO_SP_CLOSED && waits && now >= silent_at(client);
}

uint32_t ordo_client_work(struct ordo_client *client, uint64_t now_ns)
{
    uint32_t ended = 0;
    if (connect_if_due(client, now_ns) && send_queue(client, now_ns)) {
        ended += receive_replies(client, now_ns);
    }
    /* behind the receive: a caller that was busy for long has its replies in the socket */
    ended += run_timers(client, now_ns);
    if (is_silent(client, now_ns)) {
        (void)ordo_fail_set(
            &client->last_fail,
            ORDO_ERR_TIMEOUT,
            "%s: nothing was heard for %u ms",
            client->sp.url,
            client->config.silence_ms);
        lose(client, now_ns);
    }
    if (client->sp.phase == ORDO_SP_OPEN && client->queue != NULL) {
        (void)send_queue(client, now_ns); /* what callbacks have sent leaves at once */
    }
    return ended;
}

uint64_t ordo_client_due_ns(const struct ordo_client *client)
{
    uint64_t due = client->timer_ns;
    if (client->sp.phase == ORDO_SP_CLOSED) {
        return client->connect_ns < due ? client->connect_ns : due;
    }
    uint64_t silent = silent_at(client);
    if (client->in_flight > 0 || client->sp.phase != ORDO_SP_OPEN) {
        due = silent < due ? silent : due;
    }
    return due;
}
