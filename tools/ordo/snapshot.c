/* `ordo snapshot make|ls|verify|export|invalidate DIR`: the two environments of a data folder.
 *
 * All but make and invalidate only read, beside a running server as well, and in a child process:
 * a damaged environment may crash whoever opens it. make asks the server by a signal, whose pid
 * stands in the folder's lock file, and waits for the next generation.
 */
#include "journal/snapshot.h"

#include "base/clock.h"
#include "cli.h"
#include "restart.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LOOK_MS        100
#define OPTION_TIMEOUT 0x300

struct options {
    const char *dir;
    const char *which; /* "a", "b" or NULL */
    const char *out;
    uint64_t timeout_us;
    bool json;
};

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case 'o':
        options->out = argument;
        return 0;
    case OPTION_TIMEOUT:
        if (!ordo_cli_duration_us(argument, &options->timeout_us)) {
            argp_error(state, "--timeout takes seconds, not \"%s\"", argument);
        }
        return 0;
    case 'j':
        options->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (options->dir == NULL) {
            options->dir = argument;
        } else if (options->which == NULL && (!strcmp(argument, "a") || !strcmp(argument, "b"))) {
            options->which = argument;
        } else {
            argp_error(state, "\"%s\" is no environment: it is a or b", argument);
        }
        return 0;
    case ARGP_KEY_END:
        if (options->dir == NULL) {
            argp_error(state, "name a data folder");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum ordo_snapshot_which which_of(const struct options *options)
{
    return options->which != NULL && options->which[0] == 'b' ? ORDO_SNAPSHOT_B : ORDO_SNAPSHOT_A;
}

static bool is_meant(const struct options *options, uint32_t which)
{
    return options->which == NULL || (uint32_t)which_of(options) == which;
}

static void put_hex(const uint8_t *bytes, size_t size, char *text)
{
    for (size_t i = 0; i < size; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
}

/* ---- output ---- */

static json_t *
describe(enum ordo_snapshot_which which, const struct ordo_snapshot_info *info, const char *why)
{
    char root[65];
    char node[33];
    const char name[2] = {ordo_snapshot_letter(which), '\0'};
    put_hex(info->root, sizeof(info->root), root);
    put_hex(info->node, sizeof(info->node), node);
    return json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:s, s:s, s:s*}",
        "which",
        name,
        "status",
        ordo_snapshot_status_name(info->status),
        "generation",
        (json_int_t)info->generation,
        "seq",
        (json_int_t)info->seq,
        "update_seq",
        (json_int_t)info->update_seq,
        "time_us",
        (json_int_t)info->time_us,
        "bytes",
        (json_int_t)info->bytes,
        "rules",
        (int)info->rules,
        "layout",
        (int)info->layout,
        "node",
        node,
        "root",
        root,
        "why",
        why[0] == '\0' ? NULL : why);
}

static int print(json_t *value)
{
    int bad = value == NULL ? 1 : json_dumpf(value, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(value);
    return bad == 0 ? ORDO_EXIT_OK : ordo_cli_fail(ORDO_EXIT_IO, "stdout cannot be written");
}

static void
print_line(enum ordo_snapshot_which which, const struct ordo_snapshot_info *info, const char *why)
{
    (void)printf(
        "%c  %-18s generation %" PRIu64 "  seq %" PRIu64 "  %" PRIu64 " bytes%s%s\n",
        ordo_snapshot_letter(which),
        ordo_snapshot_status_name(info->status),
        info->generation,
        info->seq,
        info->bytes,
        why[0] == '\0' ? "" : "  ",
        why);
}

/* ---- ls, verify ---- */

static bool is_bad(const struct options *options, enum ordo_snapshot_status status)
{
    bool broken = status == ORDO_SNAPSHOT_DAMAGED || status == ORDO_SNAPSHOT_NEWER;
    return broken || (options->which != NULL && status != ORDO_SNAPSHOT_COMPLETE);
}

static int list(const struct options *options, bool verifies)
{
    json_t *all = json_array();
    int code = ORDO_EXIT_OK;

    for (uint32_t i = 0; i < ORDO_SNAPSHOT_WHICH_COUNT; i++) {
        enum ordo_snapshot_which which = (enum ordo_snapshot_which)i;
        struct ordo_snapshot_info info;
        struct ordo_fail fail;
        if (!is_meant(options, i)) {
            continue;
        }
        enum ordo_snapshot_status status =
            verifies ? ordo_snapshot_verify(options->dir, which, &info, &fail)
                     : ordo_snapshot_look(options->dir, which, &info, &fail);
        if (verifies && is_bad(options, status)) {
            code = ORDO_EXIT_VERIFY;
        }
        if (options->json) {
            json_array_append_new(all, describe(which, &info, fail.text));
        } else {
            print_line(which, &info, fail.text);
        }
    }
    if (options->json) {
        int printed = print(json_pack("{s:o}", "snapshots", all));
        return code == ORDO_EXIT_OK ? printed : code;
    }
    json_decref(all);
    return code;
}

/* ---- make ---- */

/* The server's pid; 0 = none runs on this folder. */
static pid_t server_of(const char *dir)
{
    char path[1024];
    char text[24] = {0};
    (void)snprintf(path, sizeof(path), "%s/journal.lock", dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
    (void)close(fd);
    return held && size > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

/* The newest complete one. */
static enum ordo_snapshot_which newest(const char *dir, struct ordo_snapshot_info *best)
{
    enum ordo_snapshot_which found = ORDO_SNAPSHOT_A;
    *best = (struct ordo_snapshot_info){.generation = 0};
    for (uint32_t i = 0; i < ORDO_SNAPSHOT_WHICH_COUNT; i++) {
        struct ordo_snapshot_info info;
        struct ordo_fail fail;
        bool good = ordo_snapshot_look(dir, (enum ordo_snapshot_which)i, &info, &fail) ==
                    ORDO_SNAPSHOT_COMPLETE;
        if (good && info.generation > best->generation) {
            *best = info;
            found = (enum ordo_snapshot_which)i;
        }
    }
    return found;
}

static int make(const struct options *options)
{
    struct ordo_snapshot_info before;
    struct ordo_snapshot_info info;
    struct ordo_clock clock = ordo_clock_system();
    pid_t pid = server_of(options->dir);

    if (pid <= 0) {
        return ordo_cli_fail(
            ORDO_EXIT_UNAVAILABLE, "%s: no server runs on this folder", options->dir);
    }
    (void)newest(options->dir, &before);
    if (kill(pid, SIGUSR1) != 0) {
        return ordo_cli_fail(
            ORDO_EXIT_UNAVAILABLE,
            "cannot ask the server (pid %ld): %s",
            (long)pid,
            strerror(errno));
    }
    uint64_t until = ordo_clock_monotonic_ns(&clock) + options->timeout_us * ORDO_NS_PER_US;
    do {
        enum ordo_snapshot_which which = newest(options->dir, &info);
        if (info.generation > before.generation) {
            if (options->json) {
                return print(describe(which, &info, ""));
            }
            print_line(which, &info, "");
            return ORDO_EXIT_OK;
        }
        if (server_of(options->dir) != pid) {
            return ordo_cli_fail(
                ORDO_EXIT_UNAVAILABLE,
                "%s: the server ended before the snapshot was whole",
                options->dir);
        }
        (void)poll(NULL, 0, LOOK_MS);
    } while (ordo_clock_monotonic_ns(&clock) < until);
    return ordo_cli_fail(
        ORDO_EXIT_FAILED,
        "%s: no new snapshot in time: the server's log says why, --timeout waits longer",
        options->dir);
}

/* ---- export: the layout is in journal/README.md ---- */

static enum ordo_err export_chunk(
    void *context,
    uint32_t section,
    uint32_t chunk,
    struct ordo_bytes bytes,
    struct ordo_fail *fail)
{
    uint8_t head[12];
    ordo_put_le32(head, section);
    ordo_put_le32(head + 4, chunk);
    ordo_put_le32(head + 8, bytes.size);
    bool good = fwrite(head, sizeof(head), 1, context) == 1 &&
                fwrite(bytes.data, bytes.size, 1, context) == 1;
    return good ? ORDO_OK : ordo_fail_set(fail, ORDO_ERR_IO, "the image cannot be written");
}

static enum ordo_err write_image(
    const struct options *options,
    enum ordo_snapshot_which which,
    const struct ordo_snapshot_info *info,
    struct ordo_fail *fail)
{
    uint8_t head[32] = "ORDOIMAG";
    FILE *file = fopen(options->out, "wbe");
    if (file == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_IO, "%s: %s", options->out, strerror(errno));
    }
    ordo_put_le32(head + 8, info->layout);
    ordo_put_le32(head + 12, info->section_count);
    ordo_put_le64(head + 16, info->seq);
    ordo_put_le64(head + 24, info->bytes);
    enum ordo_err err = fwrite(head, sizeof(head), 1, file) == 1 &&
                                fwrite(info->root, sizeof(info->root), 1, file) == 1
                            ? ORDO_OK
                            : ordo_fail_set(fail, ORDO_ERR_IO, "%s: write", options->out);
    if (err == ORDO_OK) {
        err = ordo_snapshot_load(options->dir, which, export_chunk, file, fail);
    }
    bool flushed = fflush(file) == 0 && fsync(fileno(file)) == 0;
    if (fclose(file) != 0 || !flushed) {
        err = err == ORDO_OK ? ordo_fail_set(fail, ORDO_ERR_IO, "%s: flush", options->out) : err;
    }
    return err;
}

static int export_image(const struct options *options)
{
    struct ordo_snapshot_info info;
    struct ordo_fail fail;
    enum ordo_snapshot_which which = which_of(options);

    if (options->out == NULL) {
        return ordo_cli_fail(ORDO_EXIT_USAGE, "--out names the file to write");
    }
    if (options->which == NULL) {
        which = newest(options->dir, &info);
    }
    if (ordo_snapshot_verify(options->dir, which, &info, &fail) != ORDO_SNAPSHOT_COMPLETE) {
        return ordo_cli_fail(
            ORDO_EXIT_VERIFY,
            "%s: snapshot %c is %s%s%s",
            options->dir,
            ordo_snapshot_letter(which),
            ordo_snapshot_status_name(info.status),
            fail.text[0] == '\0' ? "" : ": ",
            fail.text);
    }
    if (write_image(options, which, &info, &fail) != ORDO_OK) {
        return ordo_cli_fail_with(&fail);
    }
    if (options->json) {
        return print(describe(which, &info, ""));
    }
    print_line(which, &info, options->out);
    return ORDO_EXIT_OK;
}

/* ---- invalidate ---- */

static int invalidate(const struct options *options)
{
    struct ordo_fail fail;
    if (options->which == NULL) {
        return ordo_cli_fail(ORDO_EXIT_USAGE, "name the environment: a or b");
    }
    if (ordo_snapshot_invalidate(options->dir, which_of(options), &fail) != ORDO_OK) {
        return ordo_cli_fail_with(&fail);
    }
    if (options->json) {
        return print(json_pack("{s:s, s:b}", "which", options->which, "invalid", 1));
    }
    (void)printf("%s  will not be taken; the next snapshot overwrites it\n", options->which);
    return ORDO_EXIT_OK;
}

/* ---- the verb ---- */

enum action { MAKE, LS, VERIFY, EXPORT, INVALIDATE, ACTIONS };

static const struct {
    const char *name;
    const char *usage;
    const char *arguments;
    const char *doc;
} actions[ACTIONS] = {
    [MAKE] =
        {"make",
         "ordo snapshot make",
         "DIR",
         "Ask the server that runs on DIR for a snapshot, and wait until it is complete."},
    [LS] =
        {"ls",
         "ordo snapshot ls",
         "DIR [a|b]",
         "What the environments say of themselves, unchecked."},
    [VERIFY] =
        {"verify",
         "ordo snapshot verify",
         "DIR [a|b]",
         "Read every chunk and check digests and root. Exit 3 when one is damaged or of a newer "
         "format, or when the one that is named is not complete."},
    [EXPORT] =
        {"export",
         "ordo snapshot export",
         "DIR [a|b]",
         "Verify a snapshot (the newest) and write its sections to a file."},
    [INVALIDATE] =
        {"invalidate",
         "ordo snapshot invalidate",
         "DIR a|b",
         "No start takes this snapshot any more; the next one overwrites it."},
};

static int run(enum action action, int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"json", 'j', NULL, 0, "One JSON object", 0},
        {"out", 'o', "FILE", 0, "export: the file to write", 0},
        {"timeout", OPTION_TIMEOUT, "SECONDS", 0, "make: wait at most (default 60)", 0},
        {0},
    };
    const struct argp parser = {
        .options = table,
        .parser = on_option,
        .args_doc = actions[action].arguments,
        .doc = actions[action].doc,
    };
    struct options options = {.timeout_us = 60 * ORDO_US_PER_S};

    if (argp_parse(&parser, argc, argv, 0, NULL, &options) != 0) {
        return ORDO_EXIT_USAGE;
    }
    switch (action) {
    case MAKE:
        return make(&options);
    case LS:
    case VERIFY:
        return list(&options, action == VERIFY);
    case EXPORT:
        return export_image(&options);
    case INVALIDATE:
    case ACTIONS:
        break;
    }
    return invalidate(&options);
}

int ordo_verb_snapshot(int argc, char **argv)
{
    static char usage[32];
    bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0);

    for (uint32_t i = 0; i < ACTIONS && argc > 1; i++) {
        if (strcmp(argv[1], actions[i].name) == 0) {
            (void)snprintf(usage, sizeof(usage), "%s", actions[i].usage);
            argv[1] = usage;
            return run((enum action)i, argc - 1, argv + 1);
        }
    }
    if (argc > 1 && !help) {
        return ordo_cli_fail(
            ORDO_EXIT_USAGE,
            "there is no \"snapshot %s\"; it is make, ls, verify, export or invalidate",
            argv[1]);
    }
    FILE *out = help ? stdout : stderr;
    for (uint32_t i = 0; i < ACTIONS; i++) {
        (void)fprintf(
            out,
            "%s %s %s [--json]\n    %s\n",
            i == 0 ? "Usage:" : "  or: ",
            actions[i].usage,
            actions[i].arguments,
            actions[i].doc);
    }
    return help ? ORDO_EXIT_OK : ORDO_EXIT_USAGE;
}
