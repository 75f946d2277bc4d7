/* Goal: replies that other threads give to the polled door reach whom they are for, whole, while
 * the door's own thread replies, receives, accepts and loses connections.
 *
 * Method: two listeners with two roles; clients that send requests of random sizes in bursts and
 * check an echo of each, with the role before it, and now and then leave without waiting; three who
 * reply: the door's thread and two others. In the end the door stops under load.
 */
#include "race.h"

#include "net/inbox.h"
#include "net/polled_door.h"
#include "ring/runner.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CLIENTS    4
#define REPLIERS   3 /* 0 is the door's thread */
#define REQUESTS   64
#define BURST      24
#define ROUNDS     300
#define BODY_MAX   70000
#define LARGE_ONCE 16 /* one request in so many is of any size, the others are small */

struct held {
    struct ordo_inbox_item item;
    uint32_t number;
    enum ordo_door_role role;
    struct ordo_bytes frame;
};

struct replier {
    struct ordo_inbox inbox;
    pthread_t thread;
    uint8_t buffer[BODY_MAX + 1];
};

static struct ordo_door door;
static struct held held[REQUESTS];
static struct replier repliers[REPLIERS];
static struct ordo_runner runner;
static char folder[] = "/tmp/ordo-door-race-XXXXXX";
static const enum ordo_door_role roles[2] = {ORDO_ROLE_CLIENT, ORDO_ROLE_OPERATOR};
static uint64_t seed;
static atomic_bool ending;
static _Atomic uint64_t echoes;

static void deliver(void *self, uint32_t number, enum ordo_door_role role, struct ordo_bytes frame)
{
    struct held *own = &held[number];
    (void)self;
    own->number = number;
    own->role = role;
    own->frame = frame;
    ordo_inbox_push(&repliers[number % REPLIERS].inbox, &own->item);
}

static uint32_t reply_all(struct replier *replier)
{
    uint32_t count = 0;
    struct ordo_inbox_item *item = ordo_inbox_take(&replier->inbox);
    while (item != NULL) {
        struct held *own = (struct held *)item;
        item = item->next;
        replier->buffer[0] = (uint8_t)own->role;
        memcpy(replier->buffer + 1, own->frame.data, own->frame.size);
        struct ordo_bytes bytes = {replier->buffer, own->frame.size + 1};
        door.reply(door.self, own->number, bytes);
        count++;
    }
    return count;
}

static void *replier_run(void *context)
{
    struct replier *replier = context;
    while (!atomic_load(&ending)) {
        if (reply_all(replier) == 0) {
            (void)sched_yield();
        }
    }
    (void)reply_all(replier);
    return NULL;
}

static uint32_t work(void *self)
{
    (void)self;
    return door.work(door.self) + reply_all(&repliers[0]);
}

static bool is_drained(void *self)
{
    return door.is_drained(self);
}

static void on_close(void *self)
{
    door.end(self);
}

static uint64_t deadline_ns(void *self)
{
    return door.deadline_ns(self);
}

static void read_all(int fd, void *data, size_t size)
{
    ssize_t got = recv(fd, data, size, MSG_WAITALL);
    ORDO_ASSERT(got == (ssize_t)size);
}

static int connect_to(uint32_t listener)
{
    static const uint8_t greeting[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    uint8_t answer[8];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%u", folder, listener);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ORDO_ASSERT(connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    ORDO_ASSERT(send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL) == (ssize_t)sizeof(greeting));
    read_all(fd, answer, sizeof(answer));
    return fd;
}

static void put_head(uint8_t head[13], uint64_t size, uint32_t id)
{
    uint32_t word = htonl(id | 0x80000000u);
    head[0] = 1;
    for (int i = 0; i < 8; i++) {
        head[1 + i] = (uint8_t)(size >> (56 - 8 * i));
    }
    memcpy(head + 9, &word, 4);
}

/* Sends a burst; the size of each body comes back in `sizes`. */
static void send_burst(int fd, struct race_random *random, uint32_t sizes[BURST])
{
    static _Thread_local uint8_t body[BODY_MAX];
    for (uint32_t i = 0; i < BURST; i++) {
        uint8_t head[13];
        sizes[i] = race_random(random, race_random(random, LARGE_ONCE) == 0 ? BODY_MAX : 200);
        memset(body, (int)i, sizes[i]);
        put_head(head, sizes[i] + 4, i);
        ORDO_ASSERT(send(fd, head, sizeof(head), MSG_NOSIGNAL) == (ssize_t)sizeof(head));
        ORDO_ASSERT(send(fd, body, sizes[i], MSG_NOSIGNAL) == (ssize_t)sizes[i]);
    }
}

static void check_echoes(int fd, enum ordo_door_role role, const uint32_t sizes[BURST])
{
    static _Thread_local uint8_t body[BODY_MAX + 1];
    uint32_t seen = 0;
    for (uint32_t i = 0; i < BURST; i++) {
        uint8_t head[13];
        uint32_t word;
        uint64_t size = 0;
        read_all(fd, head, sizeof(head));
        for (int k = 1; k < 9; k++) {
            size = size << 8 | head[k];
        }
        memcpy(&word, head + 9, 4);
        uint32_t id = ntohl(word) & 0x7fffffffu;
        ORDO_ASSERT(id < BURST);
        ORDO_ASSERT((seen & 1u << id) == 0);
        ORDO_ASSERT(size == sizes[id] + 5);
        seen |= 1u << id;
        read_all(fd, body, sizes[id] + 1);
        ORDO_ASSERT(body[0] == (uint8_t)role);
        for (uint32_t k = 1; k <= sizes[id]; k++) {
            ORDO_ASSERT(body[k] == (uint8_t)id);
        }
        atomic_fetch_add(&echoes, 1);
    }
}

static void *client_run(void *context)
{
    uint32_t number = *(const uint32_t *)context;
    struct race_random random = race_random_of(seed + number);
    uint32_t listener = number % 2;
    uint32_t sizes[BURST];
    int fd = connect_to(listener);
    for (int round = 0; round < ROUNDS; round++) {
        send_burst(fd, &random, sizes);
        if (race_random(&random, 8) == 0) {
            (void)close(fd); /* its replies find nobody */
            fd = connect_to(listener);
        } else {
            check_echoes(fd, roles[listener], sizes);
        }
    }
    send_burst(fd, &random, sizes); /* the stop answers what was taken */
    return (void *)(intptr_t)fd;
}

static void open_door(void)
{
    struct ordo_fail fail = {0};
    struct ordo_door_host host = {
        .deliver = deliver, .request_count = REQUESTS, .size_max = 1u << 20};
    struct ordo_polled_config config = {.connections_max = 32};
    enum ordo_err err = ordo_polled_door_open(&host, &config, &door, &fail);
    if (err == ORDO_ERR_UNAVAILABLE) {
        printf("skipped: %s\n", fail.text);
        exit(77);
    }
    ORDO_ASSERT(err == ORDO_OK);
    ORDO_ASSERT(mkdtemp(folder) != NULL);
    for (uint32_t i = 0; i < 2; i++) {
        char url[128];
        (void)snprintf(url, sizeof(url), "ipc://%s/%u", folder, i);
        err = door.listen(door.self, roles[i], url, &fail);
        ORDO_ASSERT(err == ORDO_OK);
    }
    ordo_runner_init(&runner, "door", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    ordo_runner_add(
        &runner,
        (struct ordo_agent){
            .name = "door",
            .self = door.self,
            .do_work = work,
            .is_drained = is_drained,
            .on_close = on_close,
            .deadline_ns = deadline_ns,
        });
    door.bind(door.self, &runner.waker);
}

int main(int argc, char **argv)
{
    static uint32_t numbers[CLIENTS];
    pthread_t clients[CLIENTS];
    seed = race_begin(argc, argv);
    open_door();
    for (int i = 1; i < REPLIERS; i++) {
        ORDO_ASSERT(pthread_create(&repliers[i].thread, NULL, replier_run, &repliers[i]) == 0);
    }
    ORDO_ASSERT(ordo_runner_start(&runner) == ORDO_OK);
    door.start(door.self);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        numbers[i] = i;
        ORDO_ASSERT(pthread_create(&clients[i], NULL, client_run, &numbers[i]) == 0);
    }
    int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        void *result;
        ORDO_ASSERT(pthread_join(clients[i], &result) == 0);
        fds[i] = (int)(intptr_t)result;
    }
    door.stop(door.self);
    ordo_runner_stop(&runner);
    ordo_runner_join(&runner);
    atomic_store(&ending, true);
    for (int i = 1; i < REPLIERS; i++) {
        ORDO_ASSERT(pthread_join(repliers[i].thread, NULL) == 0);
    }
    door.close(door.self);
    for (int i = 0; i < CLIENTS; i++) {
        (void)close(fds[i]);
    }
    ORDO_ASSERT(rmdir(folder) == 0); /* the socket files are gone */
    printf("%llu echoes\n", (unsigned long long)atomic_load(&echoes));
    return 0;
}
