/* `ordo serve`: a node on a data folder, until a signal or the first failed flush.
 *
 * A failed write or flush stops the node at once and without a drain: what was decided after the
 * last durable record never happened, and nobody was told. The next start recovers what is on the
 * disk.
 */
#include "assemble.h"
#include "base/log.h"
#include "cli.h"
#include "net/client/seal.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define FLAGS_MAX       64
#define LOOK_NS         (50 * 1000000l) /* how often the starter looks for a failed journal */
#define OPTION_CONFIG   0x300
#define OPTION_PRINT    0x301
#define OPTION_THROTTLE 0x302

struct serve_options {
    struct ordo_config_flag flags[FLAGS_MAX];
    uint32_t flag_count;
    const char *file;
    bool print;
    bool json;
};

static void
add_flag(struct serve_options *options, struct argp_state *state, const char *key, char *value)
{
    if (options->flag_count == FLAGS_MAX) {
        argp_error(state, "more than %d options", FLAGS_MAX);
        return;
    }
    options->flags[options->flag_count++] = (struct ordo_config_flag){key, value};
}

/* "section.key=value" */
static void add_set(struct serve_options *options, struct argp_state *state, char *argument)
{
    char *equals = argument;
    while (*equals != '\0' && *equals != '=') {
        equals++;
    }
    if (*equals == '\0') {
        argp_error(state, "--set takes section.key=value, not \"%s\"", argument);
        return;
    }
    *equals = '\0';
    add_flag(options, state, argument, equals + 1);
}

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct serve_options *options = state->input;

    switch (key) {
    case 'd':
        add_flag(options, state, "node.data", argument);
        return 0;
    case 'k':
        add_flag(options, state, "node.key", argument);
        return 0;
    case 'l':
        add_flag(options, state, "net.listen", argument);
        return 0;
    case 'p':
        add_flag(options, state, "net.publish", argument);
        return 0;
    case 's':
        add_set(options, state, argument);
        return 0;
    case OPTION_THROTTLE:
        add_flag(options, state, "net.throttle", argument);
        return 0;
    case OPTION_CONFIG:
        options->file = argument;
        return 0;
    case OPTION_PRINT:
        options->print = true;
        return 0;
    case 'j':
        options->json = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected \"%s\"", argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void say_ready(const struct ordo_config *config, bool json)
{
    ORDO_LOG_INFO(
        "serving data=%s listen=%s publish=%s pid=%d",
        config->data,
        config->listen[0],
        config->publish[0],
        (int)getpid());
    if (json) {
        (void)printf(
            "{\"serving\":true,\"data\":\"%s\",\"listen\":\"%s\",\"publish\":\"%s\",\"pid\":%d}\n",
            config->data,
            config->listen[0],
            config->publish[0],
            (int)getpid());
        (void)fflush(stdout);
    }
}

/* Until SIGINT or SIGTERM (true), or until the journal has failed (false). SIGUSR1: a snapshot. */
static bool wait_for_end(struct ordo_node *node, const sigset_t *signals)
{
    const struct timespec look = {.tv_sec = 0, .tv_nsec = LOOK_NS};
    for (;;) {
        int got = sigtimedwait(signals, NULL, &look);
        if (ordo_journal_failed(node->journal)) {
            return false;
        }
        if (got == SIGUSR1) {
            ordo_snapshotter_ask(&node->snapshotter);
        } else if (got > 0) {
            ORDO_LOG_INFO("stopping signal=%d", got);
            return true;
        }
    }
}

static int run(const struct ordo_config *config, bool json)
{
    static struct ordo_node node; /* rings' headers and stages: too much for the stack */
    struct ordo_fail fail;
    sigset_t signals;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGUSR1);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread: all inherit it */
    (void)signal(SIGPIPE, SIG_IGN);

    if (ordo_node_open(&node, config, &fail) != ORDO_OK) {
        return ordo_cli_fail_with(&fail);
    }
    if (ordo_node_start(&node, &fail) != ORDO_OK) {
        ordo_node_close(&node);
        return ordo_cli_fail_with(&fail);
    }
    say_ready(config, json);
    if (!wait_for_end(&node, &signals) || !ordo_node_stop(&node)) {
        /* replies of what was decided can never be sent, so nothing drains: the process ends here
         */
        int code = ordo_cli_fail_with(ordo_journal_fail(node.journal));
        _exit(code);
    }
    struct ordo_journal_stats stats;
    ordo_journal_stats(node.journal, &stats);
    ordo_node_close(&node);
    ORDO_LOG_INFO(
        "stopped durable_seq=%" PRIu64 " batches=%" PRIu64, stats.durable_seq, stats.batches);
    return ORDO_EXIT_OK;
}

int ordo_verb_serve(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"data", 'd', "DIR", 0, "The data folder (default data); made when missing", 1},
        {"key", 'k', "FILE", 0, "The card key file (default DIR.key); made when missing", 1},
        {"listen",
         'l',
         "[ROLE=]URL",
         0,
         "Take requests here, e.g. tcp://127.0.0.1:5570 or client=tls+tcp://0.0.0.0:5571; "
         "repeatable. Roles: all (default), client, deliverer, subscriber, replica, operator",
         1},
        {"publish", 'p', "URL", 0, "Send the status stream here; repeatable", 1},
        {"throttle",
         OPTION_THROTTLE,
         "PERCENT|RATE",
         0,
         "Take requests only so many percent of the time (20%), or so many commands a second",
         1},
        {"config", OPTION_CONFIG, "FILE", 0, "Read this INI file first", 1},
        {"set", 's', "SECTION.KEY=VALUE", 0, "Any key of the file; repeatable", 1},
        {"print-config", OPTION_PRINT, NULL, 0, "Print the configuration in force and end", 1},
        {"json", 'j', NULL, 0, "Say that it serves as one JSON line on stdout", 1},
        {0},
    };
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .doc = "Run a node: recover the folder, take commands, decide, make durable, answer, "
               "publish. Ends on "
               "SIGINT or SIGTERM; a failed write or flush ends it with exit 74.",
    };
    static struct ordo_config config;
    struct serve_options options = {.file = NULL};
    struct ordo_fail fail;
    struct ordo_key key;
    bool made;

    error_t parsed = argp_parse(&parser, argc, argv, 0, NULL, &options);
    if (parsed != 0) {
        return parsed == ENOMEM ? ordo_cli_fail(ORDO_EXIT_FAILED, "no memory for the options")
                                : ORDO_EXIT_USAGE;
    }
    if (ordo_config_load(&config, options.file, options.flags, options.flag_count, &fail) !=
        ORDO_OK) {
        return ordo_cli_fail_with(&fail);
    }
    if (options.print) {
        ordo_config_print(&config, stdout);
        return ORDO_EXIT_OK;
    }
    if (ordo_key_load_or_make(config.key, &key, &made, &fail) != ORDO_OK) {
        return ordo_cli_fail_with(&fail);
    }
    ordo_key_wipe(&key); /* the node never uses it: it only sees to it that there is one */
    if (made) {
        ORDO_LOG_INFO(
            "made a card key file=%s keep_it=\"without it no card can be opened\"", config.key);
    }
    return run(&config, options.json);
}
