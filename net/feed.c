#include "net/feed.h"

#include "base/log.h"
#include "net/desk.h"
#include "order/result.h"

#include <stdio.h>

/* Requests are answered one after another in the order in which they came: a service reads at most
 * some megabytes, so the last of those that may wait is served within a second on a slow disk.
 */

static struct ordo_bytes text_of(const char *text)
{
    return (struct ordo_bytes){(const uint8_t *)text, (uint32_t)strnlen(text, ORDO_WIRE_TEXT_MAX)};
}

enum ordo_err ordo_feed_init(
    struct ordo_feed *feed, struct ordo_server *server, const char *dir, struct ordo_arena *arena)
{
    void *reply = NULL;
    void *scratch = NULL;
    feed->server = server;
    ordo_runner_init(&feed->runner, "ordo-feed", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    feed->dir = dir;
    enum ordo_err err = ordo_arena_alloc(arena, "feed reply", 1, ORDO_WIRE_REPLY_MAX, &reply);
    if (err == ORDO_OK) {
        err = ordo_arena_alloc(arena, "feed lists", 1, ORDO_SERVICE_SCRATCH, &scratch);
    }
    if (err == ORDO_OK) {
        err = ordo_walk_init(&feed->walk, arena, dir);
    }
    feed->reply = reply;
    feed->scratch = scratch;
    return err;
}

bool ordo_feed_deliver(struct ordo_feed *feed, struct ordo_request *request)
{
    uint64_t handed = ordo_sequence_own(&feed->handed);
    if (handed - ordo_sequence_get(&feed->answered) >= ORDO_FEED_WAITING_MAX) {
        ordo_counter_add(&feed->busy, 1);
        return false;
    }
    ordo_sequence_set(&feed->handed, handed + 1);
    ordo_inbox_push(&feed->inbox, &request->item);
    ordo_waker_signal(&feed->runner.waker);
    return true;
}

/* ---- answers ---- */

static void
begin_reply(const struct ordo_feed *feed, const struct ordo_feed_ask *ask, struct ordo_writer *out)
{
    struct ordo_reply_head head = {.durable_seq = ask->durable_seq, .time_us = ask->time_us};
    memcpy(head.node, feed->server->config.node, sizeof(head.node));
    ordo_reply_begin(out, ask->request_id, &head, 1);
}

void ordo_feed_begin(
    const struct ordo_feed *feed,
    const struct ordo_feed_ask *ask,
    struct ordo_writer *out,
    uint16_t code)
{
    begin_reply(feed, ask, out);
    ordo_service_result(out, code, ask->durable_seq);
}

struct ordo_bytes ordo_feed_refuse(
    const struct ordo_feed *feed, const struct ordo_feed_ask *ask, uint16_t code, const char *text)
{
    struct ordo_writer out = ordo_writer_over(feed->reply, ORDO_WIRE_REPLY_MAX);
    begin_reply(feed, ask, &out);
    ordo_reply_refusal(&out, code, text_of(text));
    ORDO_ASSERT(!out.failed);
    return (struct ordo_bytes){out.begin, (uint32_t)ordo_writer_size(&out)};
}

struct ordo_bytes ordo_feed_unreadable(struct ordo_feed *feed, const struct ordo_feed_ask *ask)
{
    const char *text = feed->fail.text;
    size_t size = feed->dir == NULL ? 0 : strlen(feed->dir);
    ordo_counter_add(&feed->failures, 1);
    ORDO_LOG_WARN(
        "a service cannot read the journal err=%s why=\"%s\"", ordo_err_name(feed->fail.err), text);
    if (size != 0 && strncmp(text, feed->dir, size) == 0) {
        text += size + 1; /* where the folder is concerns nobody outside */
    }
    return ordo_feed_refuse(feed, ask, ORDO_RESULT_JOURNAL_UNREADABLE, text);
}

static struct ordo_bytes answer(struct ordo_feed *feed, struct ordo_request *request)
{
    struct ordo_server *server = feed->server;
    struct ordo_wire_fault fault;
    struct ordo_writer lists = ordo_writer_over(feed->scratch, ORDO_SERVICE_SCRATCH);
    struct ordo_feed_ask ask = {
        .request_id = request->request_id,
        .durable_seq = ordo_sequence_get(&server->head_seq),
        .time_us = ordo_sequence_get(&server->head_us),
    };
    feed->fail = (struct ordo_fail){.err = ORDO_OK};
    if (!ordo_service_read(&request->reader, &feed->service, &lists, &fault)) {
        ordo_counter_add(&server->malformed, 1);
        return ordo_feed_refuse(feed, &ask, fault.code, fault.text);
    }
    switch (feed->service.kind) {
    case ORDO_SERVICE_FETCH:
        return ordo_feed_fetch(feed, &ask);
    case ORDO_SERVICE_HISTORY:
        return ordo_feed_history(feed, &ask);
    default:
        return ordo_feed_stats(feed, &ask);
    }
}

/* ---- the agent ---- */

uint32_t ordo_feed_work(void *self)
{
    struct ordo_feed *feed = self;
    if (feed->waiting == NULL) {
        feed->waiting = ordo_inbox_take(&feed->inbox);
    }
    if (feed->waiting == NULL) {
        return 0;
    }
    struct ordo_request *request = (struct ordo_request *)feed->waiting;
    feed->waiting = request->item.next; /* the request is the door's again after the reply */
    struct ordo_bytes bytes = answer(feed, request);
    ordo_server_reply(feed->server, ordo_request_index(feed->server, request), bytes);
    ordo_sequence_set(&feed->answered, ordo_sequence_own(&feed->answered) + 1);
    return 1;
}

static bool is_drained(void *self)
{
    const struct ordo_feed *feed = self;
    return feed->waiting == NULL && ordo_inbox_is_empty(&feed->inbox);
}

enum ordo_err ordo_feed_start(struct ordo_feed *feed, struct ordo_fail *fail)
{
    ordo_runner_add(
        &feed->runner,
        (struct ordo_agent){
            .name = "feed",
            .self = feed,
            .do_work = ordo_feed_work,
            .is_drained = is_drained,
        });
    enum ordo_err err = ordo_runner_start(&feed->runner);
    return err == ORDO_OK ? err : ordo_fail_set(fail, err, "cannot start the thread of the feed");
}

void ordo_feed_stop(struct ordo_feed *feed)
{
    if (feed->runner.thread.started) {
        ordo_runner_stop(&feed->runner);
        ordo_runner_join(&feed->runner);
    }
}

void ordo_feed_fini(struct ordo_feed *feed)
{
    ordo_walk_fini(&feed->walk);
}
