/* subscribe.c - follows the status of every order under a name, prints each change once, and goes
 * on where it was after a restart of either side.
 *
 *   example_subscribe ipc:///path/data/ordo.ipc ipc:///path/data/updates.ipc NAME [COUNT]
 *
 * With COUNT it ends after so many changes. Ctrl-C ends it too: what was printed is acknowledged
 * before.
 */
#include <ordo/follow.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t stopped;

struct work {
    unsigned long long printed;
    unsigned long long count; /* 0 = for ever */
};

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

/* The place for the mail to the buyer, the row in the shop's database. Anything but 0 means "not
 * done": it comes again, and an order that fails again and again is set aside, so that the others
 * go on. */
static int on_change(void *context, const struct ordo_change *change)
{
    struct work *work = context;
    if (work->count != 0 && work->printed == work->count) {
        return -1; /* not ours any more: it is for the next start */
    }
    int printed = printf(
        "%llu %s %s -> %s\n",
        (unsigned long long)change->update_seq,
        change->order_id,
        ordo_status_name(change->from),
        ordo_status_name(change->to));
    if (printed < 0 || fflush(stdout) != 0) {
        return -1;
    }
    work->printed++;
    return 0;
}

/* Changes that nobody can deliver any more: everything made of them is to be made anew, by listing
 * the orders. This program has made nothing, so it only says so. */
static int on_lost(void *context, const struct ordo_lost *lost)
{
    (void)context;
    fprintf(
        stderr,
        "lost %llu to %llu: %s\n",
        (unsigned long long)lost->first_seq,
        (unsigned long long)lost->last_seq,
        lost->text);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 5) {
        fprintf(stderr, "usage: %s URL STREAM NAME [COUNT]\n", argv[0]);
        return 64;
    }
    struct work work = {.count = argc == 5 ? strtoull(argv[4], NULL, 10) : 0};
    struct ordo_follower_options options = {
        .url = argv[1],
        .stream = argv[2],
        .name = argv[3],
        .tries_max = 1000000, /* park nothing: it is no poison */
        .on_change = on_change,
        .on_lost = on_lost,
        .context = &work};
    struct ordo_follower *follower = NULL;
    struct ordo_error error;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    int code = ordo_follower_open(&options, &follower, &error);
    while (code == ORDO_E_OK && !stopped && (work.count == 0 || work.printed < work.count)) {
        code = ordo_follower_poll(follower, 500, &error);
    }
    if (code == ORDO_E_OK) {
        code = ordo_follower_flush(follower, 5000, &error);
    }
    if (code != ORDO_E_OK) {
        fprintf(stderr, "%s\n", error.text);
    }
    ordo_follower_close(follower);
    return code == ORDO_E_OK ? 0 : 1;
}
