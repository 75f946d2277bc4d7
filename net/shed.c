#include "net/shed.h"

#include "base/assert.h"
#include "base/clock.h"

/* Two limits of time for each class, after CoDel: a queue that empties again and again is a burst,
 * and waiting is the right answer to it; one that has stood for a second is overload, and every
 * request in it pays the wait of all before it. So a burst may wait long, a standing queue may not:
 * what cannot be decided soon is told so while its sender still listens.
 *
 *   class     standing   burst    requests   bytes
 *   facts     5 s        5 s      3/4        3/8     money that moved: the last to be refused
 *   queries   200 ms     1 s      1/4        1/8
 *   others    50 ms      250 ms   1/2        1/2
 *
 * The shares of creates and queries end below the whole, so the last quarter of a door's requests
 * is for facts, however many creates come.
 *
 * The hint spreads those that were refused: when ten times as many come as are served, ten times
 * the time that the queue needs to empty makes the next wave about as large as what can be served
 * then. A queue never needs longer than its limit: the rest of it is refused.
 */

#define STANDING_NS      (1000 * ORDO_NS_PER_MS)
#define WINDOW_NS        (100 * ORDO_NS_PER_MS)
#define UNKNOWN_MS       100                   /* the hint before anything was measured */
#define PERIOD_NS        (10 * ORDO_NS_PER_MS) /* of a throttle by share */
#define BURST_PER_SECOND 100     /* a throttle by rate saves up at most a hundredth of a second */
#define COMMAND          1000000 /* of a throttle's credit */
#define PERCENT          100

struct limits {
    uint32_t wait_ms;
    uint32_t burst_ms;
    uint32_t requests_share; /* of 8 */
    uint32_t bytes_share;    /* of 8 */
};

static const struct limits standard[ORDO_CLASS_COUNT] = {
    [ORDO_CLASS_FACT] = {5000, 5000, 6, 3},
    [ORDO_CLASS_QUERY] = {200, 1000, 2, 1},
    [ORDO_CLASS_COMMAND] = {50, 250, 4, 4},
};

void ordo_shed_init(
    struct ordo_shed *shed,
    uint32_t requests_max,
    uint64_t bytes_max,
    const uint32_t wait_ms[ORDO_CLASS_COUNT],
    uint64_t now_ns)
{
    ORDO_ASSERT(requests_max > 0);
    *shed = (struct ordo_shed){.window_ns = now_ns};
    bytes_max = bytes_max == 0 ? ORDO_SHED_BYTES_DEFAULT : bytes_max;
    for (uint32_t i = 0; i < ORDO_CLASS_COUNT; i++) {
        struct ordo_shed_queue *queue = &shed->queues[i];
        bool given = wait_ms[i] != 0;
        queue->requests_max = (uint32_t)((uint64_t)requests_max * standard[i].requests_share / 8);
        queue->bytes_max = bytes_max * standard[i].bytes_share / 8;
        queue->wait_ns = (given ? wait_ms[i] : standard[i].wait_ms) * ORDO_NS_PER_MS;
        queue->burst_ns = (given ? wait_ms[i] : standard[i].burst_ms) * ORDO_NS_PER_MS;
        queue->empty_ns = now_ns;
    }
}

bool ordo_shed_join(
    struct ordo_shed *shed, enum ordo_wire_class class, uint32_t bytes, uint32_t commands)
{
    struct ordo_shed_queue *queue = &shed->queues[class];
    ORDO_ASSERT(class < ORDO_CLASS_COUNT);
    bool room = queue->requests < queue->requests_max && queue->bytes + bytes <= queue->bytes_max;
    if (!room && queue->requests != 0) {
        return false;
    }
    queue->requests++;
    queue->bytes += bytes;
    queue->commands += commands;
    return true;
}

void ordo_shed_leave(
    struct ordo_shed *shed,
    enum ordo_wire_class class,
    uint32_t bytes,
    uint32_t commands,
    bool served)
{
    struct ordo_shed_queue *queue = &shed->queues[class];
    ORDO_ASSERT(queue->requests > 0);
    ORDO_ASSERT(queue->bytes >= bytes);
    ORDO_ASSERT(queue->commands >= commands);
    queue->requests--;
    queue->bytes -= bytes;
    queue->commands -= commands;
    if (served) {
        shed->served += commands;
    } else {
        shed->refused += commands;
    }
}

void ordo_shed_refused(struct ordo_shed *shed, uint32_t commands)
{
    shed->refused += commands;
}

/* A rate a second: a quarter of what this window had, three quarters of what was known. */
static uint64_t smooth(uint64_t rate, uint64_t count, uint64_t passed_ns)
{
    uint64_t sample = count * 1000 / (passed_ns / ORDO_NS_PER_MS);
    return rate == 0 ? sample : (3 * rate + sample) / 4;
}

/* What a server serves is a measure of what it can serve only while something waits. */
static void close_window(struct ordo_shed *shed, uint64_t now_ns, bool waiting)
{
    uint64_t passed_ns = now_ns - shed->window_ns;
    if (waiting || shed->refused != 0) {
        shed->served_rate = smooth(shed->served_rate, shed->served, passed_ns);
    }
    shed->refused_rate = smooth(shed->refused_rate, shed->refused, passed_ns);
    shed->window_ns = now_ns;
    shed->served = 0;
    shed->refused = 0;
}

void ordo_shed_tick(struct ordo_shed *shed, uint64_t now_ns)
{
    bool waiting = false;
    for (uint32_t i = 0; i < ORDO_CLASS_COUNT; i++) {
        if (shed->queues[i].requests == 0) {
            shed->queues[i].empty_ns = now_ns;
        } else {
            waiting = true;
        }
    }
    if (now_ns - shed->window_ns >= WINDOW_NS) {
        close_window(shed, now_ns, waiting);
    }
}

bool ordo_shed_is_late(
    const struct ordo_shed *shed, enum ordo_wire_class class, uint64_t since_ns, uint64_t now_ns)
{
    const struct ordo_shed_queue *queue = &shed->queues[class];
    ORDO_ASSERT(now_ns >= since_ns);
    bool standing = now_ns - queue->empty_ns > STANDING_NS;
    return now_ns - since_ns > (standing ? queue->wait_ns : queue->burst_ns);
}

uint32_t ordo_shed_retry_ms(const struct ordo_shed *shed, enum ordo_wire_class class)
{
    uint64_t waiting = 0;
    for (uint32_t i = 0; i <= (uint32_t) class; i++) {
        waiting += shed->queues[i].commands;
    }
    uint64_t rate = shed->served_rate;
    if (rate == 0) {
        return UNKNOWN_MS;
    }
    uint64_t drain_ms = waiting * 1000 / rate;
    uint64_t wait_ms = shed->queues[class].wait_ns / ORDO_NS_PER_MS;
    drain_ms = drain_ms > wait_ms ? wait_ms : drain_ms; /* what waits longer is refused, too */
    uint64_t ms = drain_ms * (rate + shed->refused_rate) / rate;
    if (ms > ORDO_SHED_RETRY_MAX_MS) {
        return ORDO_SHED_RETRY_MAX_MS;
    }
    return ms < ORDO_SHED_RETRY_MIN_MS ? ORDO_SHED_RETRY_MIN_MS : (uint32_t)ms;
}

/* ---- throttle ---- */

void ordo_throttle_init(
    struct ordo_throttle *throttle, uint64_t rate, uint32_t share, uint64_t now_ns)
{
    ORDO_ASSERT(share <= PERCENT);
    *throttle = (struct ordo_throttle){.rate = rate, .share = share, .filled_ns = now_ns};
}

/* The credit grows with time and is cut, so that a quiet minute is no license for a flood. */
static bool has_credit(struct ordo_throttle *throttle, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns - throttle->filled_ns;
    passed_ns = passed_ns > ORDO_NS_PER_S ? ORDO_NS_PER_S : passed_ns;
    int64_t most = (int64_t)(throttle->rate * (COMMAND / BURST_PER_SECOND));
    most = most < COMMAND ? COMMAND : most;
    throttle->credit += (int64_t)(throttle->rate * passed_ns / (ORDO_NS_PER_S / COMMAND));
    throttle->credit = throttle->credit > most ? most : throttle->credit;
    throttle->filled_ns = now_ns;
    return throttle->credit >= COMMAND;
}

bool ordo_throttle_is_open(struct ordo_throttle *throttle, uint64_t now_ns)
{
    if (throttle->share != 0 && now_ns % PERIOD_NS >= PERIOD_NS * throttle->share / PERCENT) {
        return false;
    }
    return throttle->rate == 0 || has_credit(throttle, now_ns);
}

void ordo_throttle_take(struct ordo_throttle *throttle, uint32_t commands)
{
    if (throttle->rate != 0) {
        throttle->credit -= (int64_t)commands * COMMAND;
    }
}
