/* Parking and waking with no timeout anywhere: a lost wake-up hangs, and the alarm ends the
 * program.
 *
 * First a hub and three clients with bare wakers: a client posts a number and sleeps until the hub
 * has answered it, so no later signal can hide a lost one; random delays move the signal around the
 * announcement. Then two parking runners that hand a ball to and fro, the way stages wait for
 * stages. Plain fields travel along, so ThreadSanitizer sees a hand-over without order. */
#include "base/thread.h"
#include "race.h"
#include "ring/runner.h"
#include "ring/sequence.h"

#define CLIENTS 3
#define POSTS   30000u
#define ROUNDS  20000u

struct client {
    struct ordo_sequence posted;
    struct ordo_sequence answered;
    struct ordo_waker waker;
    struct ordo_thread thread;
    struct race_random random;
    uint64_t question; /* written by the client, read by the hub */
    uint64_t answer;   /* the other way */
};

static struct client clients[CLIENTS];
static struct ordo_waker hub_waker;
static struct race_random hub_random;

static void post_and_wait(void *context)
{
    struct client *c = context;
    for (uint64_t i = 1; i <= POSTS; i++) {
        c->question = i * 3;
        ordo_sequence_set(&c->posted, i);
        ordo_waker_signal(&hub_waker);
        while (ordo_sequence_get(&c->answered) != i) {
            race_stumble(&c->random);
            ordo_waker_announce(&c->waker);
            if (ordo_sequence_get(&c->answered) == i) {
                ordo_waker_cancel(&c->waker);
            } else {
                ordo_waker_sleep(&c->waker, ORDO_WAIT_FOREVER);
            }
        }
        ORDO_ASSERT(c->answer == i * 3 + 1);
        race_stumble(&c->random);
    }
}

static uint32_t answer_all(void)
{
    uint32_t count = 0;
    for (int i = 0; i < CLIENTS; i++) {
        struct client *c = &clients[i];
        uint64_t posted = ordo_sequence_get(&c->posted);
        if (posted == ordo_sequence_own(&c->answered)) {
            continue;
        }
        c->answer = c->question + 1;
        ordo_sequence_set(&c->answered, posted);
        ordo_waker_signal(&c->waker);
        count++;
    }
    return count;
}

static void run_hub(uint64_t seed)
{
    uint32_t answers = 0;
    ordo_waker_init(&hub_waker);
    hub_random = race_random_of(seed);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].random = race_random_of(seed + 1 + (uint64_t)i);
        ordo_waker_init(&clients[i].waker);
    }
    for (int i = 0; i < CLIENTS; i++) {
        ORDO_ASSERT(
            ordo_thread_start(
                &clients[i].thread, "client", ORDO_CPU_ANY, post_and_wait, &clients[i]) == ORDO_OK);
    }
    while (answers < CLIENTS * POSTS) {
        race_stumble(&hub_random);
        ordo_waker_announce(&hub_waker);
        uint32_t count = answer_all();
        answers += count;
        if (count != 0) {
            ordo_waker_cancel(&hub_waker);
        } else {
            ordo_waker_sleep(&hub_waker, ORDO_WAIT_FOREVER);
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        ordo_thread_join(&clients[i].thread);
    }
    printf("%u answers, the hub slept %llu times\n", answers, (unsigned long long)hub_waker.sleeps);
}

struct player {
    struct ordo_sequence *mine;
    const struct ordo_sequence *theirs;
    uint64_t ahead; /* 1 for the one who serves */
    uint64_t *ball; /* plain memory that both write in turn */
    struct race_random random;
    uint64_t wait_calls; /* cycles to let pass, so that the other one parks in between */
};

static struct ordo_sequence ball_at[2];
static uint64_t ball;
static struct player players[2];
static struct ordo_runner runners[2];
static struct ordo_waker referee;

static uint32_t play(void *self)
{
    struct player *p = self;
    uint64_t mine = ordo_sequence_own(p->mine);
    if (mine == ROUNDS || ordo_sequence_get(p->theirs) + p->ahead != mine + 1) {
        return 0;
    }
    if (p->wait_calls != 0) {
        p->wait_calls--;
        return 1; /* busy with something else */
    }
    p->wait_calls = race_random(&p->random, 16) == 0 ? race_random(&p->random, 3000) : 0;
    ORDO_ASSERT(*p->ball == 2 * mine + 1 - p->ahead);
    (*p->ball)++;
    ordo_sequence_set(p->mine, mine + 1);
    return 1;
}

static bool is_played(void *self)
{
    struct player *p = self;
    return ordo_sequence_own(p->mine) == ROUNDS;
}

static void run_players(uint64_t seed)
{
    ordo_waker_init(&referee);
    for (int i = 0; i < 2; i++) {
        players[i] = (struct player){
            .mine = &ball_at[i],
            .theirs = &ball_at[1 - i],
            .ahead = i == 0 ? 1 : 0,
            .ball = &ball,
            .random = race_random_of(seed + 50 + (uint64_t)i),
        };
        ordo_runner_init(&runners[i], i == 0 ? "ping" : "pong", ORDO_WAIT_PARK, ORDO_CPU_ANY);
        ordo_runner_add(
            &runners[i],
            (struct ordo_agent){.self = &players[i], .do_work = play, .is_drained = is_played});
    }
    ordo_runner_add_peer(&runners[0], &runners[1].waker);
    ordo_runner_add_peer(&runners[1], &runners[0].waker);
    ordo_runner_add_peer(&runners[1], &referee);
    for (int i = 0; i < 2; i++) {
        ORDO_ASSERT(ordo_runner_start(&runners[i]) == ORDO_OK);
    }
    while (ordo_sequence_get(&ball_at[1]) != ROUNDS) { /* not yet: a stop bounds their sleeps */
        ordo_waker_announce(&referee);
        if (ordo_sequence_get(&ball_at[1]) == ROUNDS) {
            ordo_waker_cancel(&referee);
        } else {
            ordo_waker_sleep(&referee, ORDO_WAIT_FOREVER);
        }
    }
    for (int i = 0; i < 2; i++) {
        ordo_runner_stop(&runners[i]);
        ordo_runner_join(&runners[i]);
    }
    ORDO_ASSERT(ball == 2 * ROUNDS);
    printf(
        "%u rounds, ping slept %llu and pong %llu times\n",
        ROUNDS,
        (unsigned long long)runners[0].waker.sleeps,
        (unsigned long long)runners[1].waker.sleeps);
}

int main(int argc, char **argv)
{
    uint64_t seed = race_begin(argc, argv);
    run_hub(seed);
    run_players(seed);
    return 0;
}
