/* A writer at full speed, with a feed beside it that catches up from the start, follows the end and
 * jumps about: no gap, no update twice, every hash right, nothing that is not durable. One thread
 * writes journal and memory, another reads both.
 */
#include "feed_rig.h"

#include <pthread.h>
#include <time.h>

#define RECORDS 60000u

static struct feed_rig rig;
static struct feed_rig_answer answer;

static void *write_all(void *context)
{
    (void)context;
    for (uint64_t i = 0; i < RECORDS; i += 200) {
        feed_rig_write(&rig, 200, 50);
    }
    return NULL;
}

/* One fetch; the number after its range. */
static uint64_t step(uint64_t from, uint64_t limit)
{
    feed_rig_fetch(&rig, from, limit, &answer);
    return feed_rig_expect_range(&rig, &answer, from) + 1;
}

int main(int argc, char **argv)
{
    pthread_t writer;
    const char *given = argc > 1 ? argv[1] : getenv("ORDO_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    uint64_t random = seed;
    uint64_t from_start = 1;
    uint64_t tail = 1;
    uint64_t fetches = 0;
    printf(
        "seed=%llu (replay: %s %llu)\n",
        (unsigned long long)seed,
        argv[0],
        (unsigned long long)seed);
    (void)fflush(stdout);
    (void)alarm(240);
    feed_rig_open(&rig, 1024);
    ORDO_ASSERT(pthread_create(&writer, NULL, write_all, NULL) == 0);
    for (;;) {
        uint64_t head = ordo_recent_head(&rig.server->recent);
        uint64_t seq = ordo_sequence_get(&rig.server->head_seq);
        random = random * 6364136223846793005u + 1442695040888963407u;
        from_start = step(from_start, 100);
        tail = step(tail < head ? tail : head + 1, 0);
        (void)step((random >> 20) % (head + 1) + 1, 10);
        fetches += 3;
        if (seq == RECORDS && from_start == head + 1) {
            break;
        }
    }
    ORDO_ASSERT(pthread_join(writer, NULL) == 0);
    ORDO_ASSERT(from_start == rig.update_seq + 1);
    printf(
        "fetches=%llu memory=%llu\n",
        (unsigned long long)fetches,
        (unsigned long long)ordo_counter_get(&rig.feed->fetches_memory));
    ORDO_ASSERT(ordo_counter_get(&rig.feed->fetches_memory) != 0);
    feed_rig_close(&rig);
    return 0;
}
