/* R9 inside of libordo: one life of a client and a follower against a running node, again and
 * again, each time with the next allocation failing; node_alloc.py starts it under alloc_fault.
 *
 *     client_alloc URL STREAM KEY
 *
 * Whatever fails, nothing crashes, what was taken is given back (the shim's count of live blocks is
 * as before), no change is delivered twice or left out, and an error has its text. The last word on
 * stdout is how many allocations failed.
 */
#include "alloc_page.h"

#include <errno.h>
#include <fcntl.h>
#include <ordo/follow.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FAULTS_MAX  2000
#define CHANGES_MAX 40
#define POLLS_MAX   400

static struct alloc_page *page;

static void die(const char *what, uint64_t k, const char *why)
{
    fprintf(stderr, "k=%llu: %s: %s\n", (unsigned long long)k, what, why);
    exit(1);
}

static void check_error(uint64_t k, const char *what, const struct ordo_error *error)
{
    if (memchr(error->text, 0, sizeof(error->text)) == NULL || error->text[0] == 0) {
        die(what, k, "an error without a text");
    }
}

static void ask(const char *url, uint64_t k)
{
    struct ordo_options options = {.url = url, .patience_ms = 2000};
    struct ordo_error error;
    struct ordo *node = NULL;
    memset(&error, 0, sizeof(error));
    if (ordo_open(&options, &node, &error) != ORDO_E_OK) {
        check_error(k, "open", &error);
        return;
    }
    struct ordo_cmd list = {.kind = ORDO_CMD_LIST};
    const struct ordo_end *end = NULL;
    int code = ordo_call(node, &list, &end);
    if (code == ORDO_E_OK && end == NULL) {
        die("call", k, "no end");
    }
    ordo_close(node);
}

static void load_keys(const char *path, uint64_t k)
{
    struct ordo_keys *keys = NULL;
    struct ordo_error error;
    memset(&error, 0, sizeof(error));
    if (ordo_keys_load(path, &keys, &error) != ORDO_E_OK) {
        check_error(k, "keys", &error);
        return;
    }
    uint8_t sealed[ORDO_CARD_SEALED_MAX];
    uint32_t size = 0;
    const struct ordo_data secret = {.data = "secret", .size = 6};
    if (ordo_card_seal(keys, 0, 1, secret, sealed, &size) != ORDO_E_OK) {
        die("seal", k, "refused");
    }
    ordo_keys_free(keys);
}

static int on_change(void *context, const struct ordo_change *change)
{
    uint64_t *last = context;
    if (change->update_seq <= *last) {
        die("follow", page->fail_at, "a change came twice");
    }
    if (change->update_seq != *last + 1) {
        die("follow", page->fail_at, "a change is missing");
    }
    *last = change->update_seq;
    return 0;
}

static int on_lost(void *context, const struct ordo_lost *lost)
{
    (void)context;
    die("follow", page->fail_at, lost->text);
    return 1;
}

static void follow(const char *url, const char *stream, uint64_t k)
{
    uint64_t last = 0;
    struct ordo_follower_options options = {
        .url = url,
        .stream = stream,
        .start = ORDO_START_FIRST,
        .on_change = on_change,
        .on_lost = on_lost,
        .context = &last};
    struct ordo_follower *follower = NULL;
    struct ordo_error error;
    memset(&error, 0, sizeof(error));
    int code = ordo_follower_open(&options, &follower, &error);
    for (int i = 0; i < POLLS_MAX && code == ORDO_E_OK && last < CHANGES_MAX; i++) {
        code = ordo_follower_poll(follower, 50, &error);
    }
    if (code != ORDO_E_OK) {
        check_error(k, "follow", &error);
    } else if (last < CHANGES_MAX) {
        die("follow", k, ordo_follower_trouble(follower));
    }
    ordo_follower_close(follower);
}

/* One life; how many allocations it has had. */
static uint64_t live(char **argv, uint64_t k)
{
    page->counted = 0;
    page->fail_at = k;
    ask(argv[1], k);
    load_keys(argv[3], k);
    follow(argv[1], argv[2], k);
    uint64_t counted = page->counted;
    page->fail_at = 0;
    return counted;
}

int main(int argc, char **argv)
{
    const char *path = getenv("ORDO_ALLOC_PAGE");
    if (argc != 4 || path == NULL) {
        fprintf(stderr, "usage: ORDO_ALLOC_PAGE=FILE client_alloc URL STREAM KEY\n");
        return 64;
    }
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *map = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || map == MAP_FAILED) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    page = map;
    (void)live(argv, FAULTS_MAX); /* what libraries keep for ever, they take now */
    uint64_t k = 1;
    for (; k < FAULTS_MAX; k++) {
        uint64_t blocks = page->live;
        if (live(argv, k) < k) {
            break;
        }
        if (page->live != blocks) {
            char why[64];
            (void)snprintf(
                why,
                sizeof(why),
                "%lld blocks were not given back",
                (long long)(page->live - blocks));
            die("end", k, why);
        }
    }
    printf("allocations that failed: %llu\n", (unsigned long long)(k - 1));
    return 0;
}
