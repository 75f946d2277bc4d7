#include "net/client/tail.h"

#include "net/frame.h"

#include <poll.h>

/* The stream has a heartbeat five times a second, so silence means that nobody is there, whatever
 * TCP thinks: after two seconds the connection is given up. A failed connect is tried again after a
 * pause that grows to a second, so that a healed network is found within about three.
 */

#define CONNECT_FIRST_NS (10 * ORDO_NS_PER_MS)
#define CONNECT_LAST_NS  ORDO_NS_PER_S
#define SILENCE_NS       (ORDO_TAIL_SILENCE_MS * ORDO_NS_PER_MS)
#define RECEIVE_MAX      64 /* receives of one round */

enum ordo_err ordo_tail_init(
    struct ordo_tail *tail,
    const char *url,
    const struct ordo_tunnel_files *tls,
    struct ordo_fail *fail)
{
    static const struct ordo_tunnel_files none;
    *tail = (struct ordo_tail){.clock = ordo_clock_system()};
    enum ordo_err err =
        ordo_sp_init(&tail->sp, url, ORDO_SP_SUB, ORDO_SP_PUB, ORDO_WIRE_STREAM_MAX, fail);
    if (err == ORDO_OK) {
        err = ordo_sp_use_tls(&tail->sp, tls == NULL ? &none : tls, fail);
        if (err != ORDO_OK) {
            ordo_sp_fini(&tail->sp);
        }
    }
    return err;
}

void ordo_tail_fini(struct ordo_tail *tail)
{
    ordo_sp_fini(&tail->sp);
}

static void lose(struct ordo_tail *tail, uint64_t now)
{
    ordo_sp_close(&tail->sp);
    tail->pause_ns = tail->pause_ns == 0 ? CONNECT_FIRST_NS : tail->pause_ns * 2;
    tail->pause_ns = tail->pause_ns < CONNECT_LAST_NS ? tail->pause_ns : CONNECT_LAST_NS;
    tail->connect_ns = now + tail->pause_ns;
}

static bool connect_if_due(struct ordo_tail *tail, uint64_t now)
{
    enum ordo_err err = ORDO_OK;
    if (tail->sp.phase == ORDO_SP_OPEN) {
        return true;
    }
    if (tail->sp.phase == ORDO_SP_CLOSED) {
        if (now < tail->connect_ns) {
            return false;
        }
        tail->heard_ns = now;
        err = ordo_sp_connect(&tail->sp, &tail->last_fail);
    }
    if (err == ORDO_OK) {
        err = ordo_sp_progress(&tail->sp, &tail->last_fail);
    }
    if (err == ORDO_OK) {
        tail->pause_ns = 0;
        tail->heard_ns = now;
        tail->connects++;
        return true;
    }
    if (err != ORDO_ERR_EMPTY) {
        lose(tail, now);
    }
    return false;
}

/* Takes whole frames out of what was received. EMPTY when there is none left. */
static enum ordo_err
take_frames(struct ordo_tail *tail, ordo_on_frame *on_frame, void *context, struct ordo_fail *fail)
{
    for (;;) {
        struct ordo_bytes frame;
        enum ordo_err err = ordo_sp_next(&tail->sp, &frame, &tail->last_fail);
        if (err == ORDO_OK) {
            err = on_frame(context, frame, fail);
        } else if (err != ORDO_ERR_EMPTY) {
            return ordo_fail_set(fail, ORDO_ERR_INVALID, "%s", tail->last_fail.text);
        }
        if (err != ORDO_OK) {
            return err;
        }
    }
}

enum ordo_err ordo_tail_work(
    struct ordo_tail *tail,
    uint64_t now_ns,
    ordo_on_frame *on_frame,
    void *context,
    struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_OK;
    bool open = connect_if_due(tail, now_ns);
    for (int i = 0; open && i < RECEIVE_MAX; i++) {
        err = ordo_sp_receive(&tail->sp, &tail->last_fail);
        if (err == ORDO_ERR_EMPTY) {
            break;
        }
        if (err != ORDO_OK) {
            lose(tail, now_ns);
            break;
        }
        tail->heard_ns = now_ns;
        err = take_frames(tail, on_frame, context, fail);
        if (err != ORDO_ERR_EMPTY) {
            return err;
        }
    }
    /* behind the receive: a caller that was busy for long has its frames in the socket */
    if (tail->sp.phase != ORDO_SP_CLOSED && now_ns >= tail->heard_ns + SILENCE_NS) {
        (void)ordo_fail_set(
            &tail->last_fail,
            ORDO_ERR_TIMEOUT,
            "%s: no heartbeat for %d ms",
            tail->sp.url,
            ORDO_TAIL_SILENCE_MS);
        lose(tail, now_ns);
    }
    return ORDO_OK;
}

uint64_t ordo_tail_due_ns(const struct ordo_tail *tail)
{
    return tail->sp.phase == ORDO_SP_CLOSED ? tail->connect_ns : tail->heard_ns + SILENCE_NS;
}

void ordo_tail_wait(const struct ordo_tail *tail, uint64_t now_ns, uint64_t end_ns)
{
    uint64_t due = ordo_tail_due_ns(tail);
    due = due < end_ns ? due : end_ns;
    uint64_t ms = due <= now_ns ? 0 : (due - now_ns + ORDO_NS_PER_MS - 1) / ORDO_NS_PER_MS;
    struct pollfd fd = {.fd = tail->sp.fd, .events = ordo_sp_events(&tail->sp, false)};
    (void)poll(&fd, 1, (int)ms);
}

enum ordo_err ordo_tail_connect(struct ordo_tail *tail, uint32_t timeout_ms, struct ordo_fail *fail)
{
    uint64_t now = ordo_clock_monotonic_ns(&tail->clock);
    uint64_t end = now + timeout_ms * ORDO_NS_PER_MS;
    while (!connect_if_due(tail, now) && now < end && tail->last_fail.err != ORDO_ERR_INVALID) {
        ordo_tail_wait(tail, now, end);
        now = ordo_clock_monotonic_ns(&tail->clock);
    }
    if (tail->sp.phase == ORDO_SP_OPEN) {
        return ORDO_OK;
    }
    if (tail->last_fail.err == ORDO_OK) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_UNAVAILABLE,
            "%s: no greeting within %u ms: is it an Ordo stream?",
            tail->sp.url,
            timeout_ms);
    }
    return ordo_fail_set(fail, tail->last_fail.err, "%s", tail->last_fail.text);
}
