#include "net/feed.h"

#include "net/desk.h"
#include "order/result.h"

#include <stdio.h>

/* Numbers that somebody else counts anyway; each is a snapshot of its own. Rates are made by who
 * asks twice. Names are for people and may change; those of time end in _us or _ns.
 */

#define WHILE_NS       (ORDO_NS_PER_S * 9 / 10) /* who asks each second may be early */
#define NAME_MAX_SIZE  (ORDO_STAT_NAME_MAX + 1)
#define STATS_SIZE_MAX (ORDO_STATS_MAX * (ORDO_STAT_NAME_MAX + 16))

struct numbers {
    struct ordo_writer out;
    uint32_t count;
};

static void add(void *context, const char *name, uint64_t value)
{
    struct numbers *numbers = context;
    if (numbers->count < ORDO_STATS_MAX) {
        ordo_stats_number(&numbers->out, name, value);
        numbers->count++;
    }
}

static void add_server(const struct ordo_server *server, struct numbers *to)
{
    struct ordo_server_stats stats;
    ordo_server_stats(server, &stats);
    add(to, "requests", stats.requests);
    add(to, "commands", stats.commands);
    add(to, "malformed", stats.malformed);
    add(to, "busy", stats.busy);
    add(to, "shed.facts", stats.shed[ORDO_CLASS_FACT]);
    add(to, "shed.queries", stats.shed[ORDO_CLASS_QUERY]);
    add(to, "shed.commands", stats.shed[ORDO_CLASS_COMMAND]);
    add(to, "replies", stats.replies);
    add(to, "replies.failed", stats.replies_failed);
    add(to, "stream.updates", stats.updates_published);
    add(to, "stream.frames", stats.frames_published);
}

/* Where each stage of this folder stands; those of the engine are the program's to add. */
static void add_stages(const struct ordo_server *server, struct numbers *to)
{
    add(to, "ring.claimed", ordo_sequence_get(&server->receiving.ingress->sequencer->published));
    add(to, "ring.replied", ordo_sequence_get(&server->replying.stage->sequence));
    add(to, "ring.published", ordo_sequence_get(&server->publishing.stage->sequence));
    add(to, "seq.durable", ordo_sequence_get(&server->head_seq));
    add(to, "update.head", ordo_recent_head(&server->recent));
}

static void add_feed(const struct ordo_feed *feed, struct numbers *to)
{
    uint64_t answered = ordo_sequence_get(&feed->answered);
    add(to, "feed.requests", answered);
    add(to, "feed.waiting", ordo_sequence_get(&feed->handed) - answered);
    add(to, "feed.busy", ordo_counter_get(&feed->busy));
    add(to, "feed.fetches", ordo_counter_get(&feed->fetches));
    add(to, "feed.fetches_memory", ordo_counter_get(&feed->fetches_memory));
    add(to, "feed.updates", ordo_counter_get(&feed->updates));
    add(to, "feed.histories", ordo_counter_get(&feed->histories));
    add(to, "feed.failures", ordo_counter_get(&feed->failures));
    add(to, "feed.journal_bytes", feed->walk.bytes);
    add(to, "feed.searches", feed->walk.searches);
    add(to, "feed.places", feed->walk.place_count);
}

static void add_lag(const struct ordo_lag *lag, struct numbers *to)
{
    struct ordo_meter_view view;
    ordo_meter_read(&lag->us, &view);
    add(to, "sync.acks", view.count);
    add(to, "sync.sum_us", view.sum);
    add(to, "sync.p50_us", view.p50);
    add(to, "sync.p99_us", view.p99);
    add(to, "sync.p999_us", view.p999);
    add(to, "sync.max_us", view.max);
}

/* Where the time of a sampled command went, from each stamp to the next (ring/stamps.h); prefix is
 * "" for all since the start, "last_" for the last while. */
static void add_view(
    enum ordo_span span, const char *prefix, const struct ordo_meter_view *view, struct numbers *to)
{
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {
        {"count", view->count},
        {"sum_ns", view->sum},
        {"p50_ns", view->p50},
        {"p99_ns", view->p99},
        {"p999_ns", view->p999},
        {"max_ns", view->max},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char name[NAME_MAX_SIZE];
        (void)snprintf(
            name, sizeof(name), "stage.%s.%s%s", ordo_span_name(span), prefix, all[i].name);
        add(to, name, all[i].value);
    }
}

/* The last while: since the mark before the newest, and that is a second old at least. So who asks
 * once a second sees the second, whoever else asks, too. */
static void turn_marks(struct ordo_server *server)
{
    struct ordo_span_marks *marks = &server->span_marks;
    uint64_t now_ns = ordo_clock_monotonic_ns(&server->clock);
    if (now_ns - marks->newer_ns < WHILE_NS) {
        return;
    }
    marks->newer_ns = now_ns;
    memcpy(marks->older, marks->newer, sizeof(marks->older));
    for (enum ordo_span span = 0; span < ORDO_SPAN_COUNT; span++) {
        ordo_meter_take(&server->spans.meters[span], &marks->newer[span]);
    }
}

static void add_spans(struct ordo_server *server, struct numbers *to)
{
    add(to, "stage.every", server->replying.stage->ring->stamps.every);
    turn_marks(server);
    for (enum ordo_span span = 0; span < ORDO_SPAN_COUNT; span++) {
        const struct ordo_meter *meter = &server->spans.meters[span];
        struct ordo_meter_view view;
        ordo_meter_read(meter, &view);
        add_view(span, "", &view, to);
        ordo_meter_since(meter, &server->span_marks.older[span], &view);
        add_view(span, "last_", &view, to);
    }
}

struct ordo_bytes ordo_feed_stats(struct ordo_feed *feed, const struct ordo_feed_ask *ask)
{
    struct ordo_server *server = feed->server;
    uint8_t bytes[ORDO_FEED_HEAD_ROOM];
    struct ordo_writer head = ordo_writer_over(bytes, sizeof(bytes));
    struct numbers numbers = {
        .out = ordo_writer_over(feed->reply + ORDO_FEED_HEAD_ROOM, STATS_SIZE_MAX)};
    add(&numbers, "time_us", ask->time_us);
    add_server(server, &numbers);
    add_stages(server, &numbers);
    add_feed(feed, &numbers);
    add_lag(&server->publishing.lag, &numbers);
    add_spans(server, &numbers);
    if (server->more_stats != NULL) {
        server->more_stats(server->more_context, add, &numbers);
    }
    ordo_feed_begin(feed, ask, &head, ORDO_RESULT_OK);
    ordo_stats_begin(&head, numbers.count);
    ORDO_ASSERT(!head.failed && !numbers.out.failed);
    size_t size = ordo_writer_size(&head);
    uint8_t *begin = numbers.out.begin - size;
    memcpy(begin, bytes, size);
    return (struct ordo_bytes){begin, (uint32_t)(numbers.out.at - begin)};
}
