/* The newest updates in memory, with a ring so small that the writer laps the reader all the time:
 * what a reader gets is whole and of the update that he asked for, or he is told that it is lost.
 */
#include "net/recent.h"
#include "race.h"

#include <pthread.h>

#define UPDATES  400000u
#define CAPACITY 16u

static struct ordo_recent recent;
static uint64_t seed;

static uint64_t mixed(uint64_t n)
{
    n = (n ^ n >> 31) * 0x9e3779b97f4a7c15u;
    return n ^ n >> 29;
}

static void fill(uint64_t n, struct ordo_update *update, uint8_t id[ORDO_ORDER_ID_MAX])
{
    uint64_t m = mixed(n);
    uint32_t size = 1 + (uint32_t)(m % ORDO_ORDER_ID_MAX);
    for (uint32_t i = 0; i < size; i++) {
        id[i] = (uint8_t)(m >> (i % 8 * 8));
    }
    *update = (struct ordo_update){
        .update_seq = n,
        .seq = m,
        .time_us = ~m,
        .shop = (uint32_t)m,
        .version = (uint32_t)(m >> 7),
        .from = (uint8_t)m,
        .to = (uint8_t)(m >> 3),
        .cause = (uint8_t)(m >> 5),
        .disposition = (uint8_t)(m >> 9),
        .flags = (uint32_t)(m >> 11),
        .order_id = {id, size},
    };
}

static bool is_last(uint64_t n)
{
    return mixed(n) % 3 == 0 || n == UPDATES;
}

static void *write_all(void *context)
{
    struct race_random random = race_random_of(seed);
    uint8_t id[ORDO_ORDER_ID_MAX];
    uint8_t hash[16];
    uint64_t n = 1;
    (void)context;
    while (n <= UPDATES) {
        uint64_t last = n;
        while (!is_last(last) && last - n < CAPACITY - 1) {
            last++;
        }
        ordo_recent_announce(&recent, last);
        for (; n <= last; n++) {
            struct ordo_update update;
            fill(n, &update, id);
            ordo_put_le64(hash, mixed(n));
            ordo_put_le64(hash + 8, ~mixed(n));
            ordo_recent_put(&recent, &update, n == last ? hash : NULL);
            race_stumble(&random);
        }
        ordo_recent_publish(&recent, last);
    }
    return NULL;
}

static void expect(const struct ordo_recent_update *got, uint64_t n)
{
    struct ordo_update want;
    uint8_t id[ORDO_ORDER_ID_MAX];
    fill(n, &want, id);
    ORDO_ASSERT(got->update.update_seq == n && got->update.seq == want.seq);
    ORDO_ASSERT(got->update.time_us == want.time_us && got->update.shop == want.shop);
    ORDO_ASSERT(got->update.version == want.version && got->update.flags == want.flags);
    ORDO_ASSERT(got->update.from == want.from && got->update.to == want.to);
    ORDO_ASSERT(got->update.cause == want.cause && got->update.disposition == want.disposition);
    ORDO_ASSERT(ordo_bytes_equal(got->update.order_id, want.order_id));
    if (got->last) {
        ORDO_ASSERT(ordo_get_le64(got->hash) == mixed(n));
        ORDO_ASSERT(ordo_get_le64(got->hash + 8) == ~mixed(n));
    }
}

int main(int argc, char **argv)
{
    static const uint8_t no_hash[16];
    struct ordo_arena arena;
    struct ordo_recent_update got;
    pthread_t writer;
    uint64_t whole = 0;
    uint64_t lost = 0;
    seed = race_begin(argc, argv);
    struct race_random random = race_random_of(seed + 1);
    ordo_arena_init(&arena);
    ORDO_ASSERT(ordo_recent_init(&recent, &arena, CAPACITY) == ORDO_OK);
    ordo_recent_start(&recent, 0, no_hash);
    ORDO_ASSERT(pthread_create(&writer, NULL, write_all, NULL) == 0);
    uint64_t head;
    do {
        head = ordo_recent_head(&recent);
        for (uint64_t n = head > CAPACITY ? head - CAPACITY : 1; n <= head; n++) {
            bool good = ordo_recent_get(&recent, n, &got);
            whole += good;
            lost += !good;
            if (good) {
                expect(&got, n);
            }
            race_stumble(&random);
        }
    } while (head < UPDATES);
    ORDO_ASSERT(pthread_join(writer, NULL) == 0);
    ordo_arena_fini(&arena);
    printf("whole=%llu lost=%llu\n", (unsigned long long)whole, (unsigned long long)lost);
    ORDO_ASSERT(whole != 0);
    return 0;
}
