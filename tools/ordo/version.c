/* `ordo version`: what this build is, and what of the machine it could use.
 *
 * io_uring is asked for by the bare system call: whether the journal can have a ring is a question
 * to the kernel, and containers often say no (seccomp, or the sysctl kernel.io_uring_disabled).
 */
#include "cli.h"
#include "ordo_version.h"

#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

struct options {
    bool verbose;
    bool json;
};

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;

    (void)argument;
    switch (key) {
    case 'v':
        options->verbose = true;
        return 0;
    case 'j':
        options->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* NULL when a ring can be made, else why not. */
static const char *uring_refusal(void)
{
    struct io_uring_params params;

    memset(&params, 0, sizeof(params));
    long ring = syscall(__NR_io_uring_setup, 2, &params);
    if (ring >= 0) {
        (void)close((int)ring);
        return NULL;
    }
    switch (errno) {
    case ENOSYS:
        return "the kernel has none, or a seccomp filter hides it";
    case EPERM:
    case EACCES:
        return "denied by a seccomp filter or the sysctl kernel.io_uring_disabled";
    case ENOMEM:
        return "over the limit of locked memory (ulimit -l)";
    default:
        return "io_uring_setup failed";
    }
}

static int print_json(const char *refusal, const struct utsname *machine)
{
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:s*}",
        "version",
        ORDO_VERSION,
        "commit",
        ORDO_COMMIT,
        "build",
        ORDO_BUILD_TYPE,
        "compiler",
        ORDO_COMPILER,
        "kernel",
        machine->release,
        "machine",
        machine->machine,
        "cpus",
        (json_int_t)sysconf(_SC_NPROCESSORS_ONLN),
        "io_uring",
        refusal == NULL,
        "io_uring_refusal",
        refusal);

    if (root == NULL || json_dumpf(root, stdout, 0) != 0) {
        json_decref(root);
        return ordo_cli_fail(ORDO_EXIT_IO, "could not write the JSON to stdout");
    }
    json_decref(root);
    (void)putchar('\n');
    return ORDO_EXIT_OK;
}

int ordo_verb_version(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"verbose", 'v', NULL, 0, "Also the build and what the machine offers", 0},
        {"json", 'j', NULL, 0, "Everything as one JSON object", 0},
        {0},
    };
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .doc = "Print the version of ordo and what this build and machine can do.",
    };
    struct options options = {false, false};
    struct utsname machine;

    if (argp_parse(&parser, argc, argv, 0, NULL, &options) != 0) {
        return ORDO_EXIT_USAGE;
    }
    if (uname(&machine) != 0) {
        return ordo_cli_fail(ORDO_EXIT_FAILED, "uname failed: %s", strerror(errno));
    }
    const char *refusal = uring_refusal();
    if (options.json) {
        return print_json(refusal, &machine);
    }
    (void)printf("ordo %s %s\n", ORDO_VERSION, ORDO_COMMIT);
    if (options.verbose) {
        (void)printf("build     %s\n", ORDO_BUILD_TYPE);
        (void)printf("compiler  %s\n", ORDO_COMPILER);
        (void)printf("kernel    %s %s\n", machine.release, machine.machine);
        (void)printf("cpus      %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
        (void)printf("io_uring  %s\n", refusal == NULL ? "available" : refusal);
    }
    return ORDO_EXIT_OK;
}
