#include "bench/child.h"

#include "bench/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define END_TRIES    100
#define END_PAUSE_US 100000

/* In the child: becomes the node. */
static void become(const struct ordo_child *node, const struct ordo_child_config *config)
{
    char publish[128];
    const char *argv[8 + 2 * ORDO_CHILD_FLAGS + 1];
    uint32_t count = 0;
    int log = open(node->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    (void)snprintf(publish, sizeof(publish), "ipc://%s/updates.ipc", node->sockets);
    argv[count++] = "ordo";
    argv[count++] = "serve";
    argv[count++] = "--data";
    argv[count++] = node->data;
    argv[count++] = "--listen";
    argv[count++] = node->url;
    argv[count++] = "--publish";
    argv[count++] = publish;
    for (uint32_t i = 0; i < config->flag_count; i++) {
        argv[count++] = "--set";
        argv[count++] = config->flags[i];
    }
    argv[count] = NULL;
    if (log >= 0) {
        (void)dup2(log, STDOUT_FILENO);
        (void)dup2(log, STDERR_FILENO);
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0); /* not longer than the benchmark */
    char *words[8 + 2 * ORDO_CHILD_FLAGS + 1];       /* execv's type is older than const */
    memcpy(words, argv, sizeof(words));
    (void)execv("/proc/self/exe", words);
    _exit(127);
}

enum ordo_err ordo_child_open(
    struct ordo_child *node, const struct ordo_child_config *config, struct ordo_fail *fail)
{
    *node = (struct ordo_child){.sockets = "/tmp/ordo-bench.XXXXXX"};
    enum ordo_err err = ordo_bench_folder_make(config->dir, node->folder, fail);
    if (err != ORDO_OK) {
        node->sockets[0] = 0;
        return err;
    }
    if (mkdtemp(node->sockets) == NULL) {
        node->sockets[0] = 0;
        return ordo_fail_set(
            fail, ORDO_ERR_IO, "no folder for sockets in /tmp: %s", strerror(errno));
    }
    ordo_bench_folder_watch(node->sockets);
    (void)snprintf(node->data, sizeof(node->data), "%s/data", node->folder);
    (void)snprintf(node->log, sizeof(node->log), "%s/log", node->sockets);
    (void)snprintf(node->url, sizeof(node->url), "ipc://%s/ordo.ipc", node->sockets);
    if (config->url != NULL) {
        (void)snprintf(node->url, sizeof(node->url), "%s", config->url);
    }
    pid_t pid = fork();
    if (pid == 0) {
        become(node, config);
    }
    if (pid < 0) {
        return ordo_fail_set(fail, ORDO_ERR_IO, "fork failed: %s", strerror(errno));
    }
    node->pid = pid;
    return ORDO_OK;
}

void ordo_child_close(struct ordo_child *node)
{
    if (node->pid > 0) {
        bool ended = false;
        (void)kill(node->pid, SIGTERM);
        for (int i = 0; i < END_TRIES && !ended; i++) {
            ended = waitpid(node->pid, NULL, WNOHANG) == node->pid;
            if (!ended) {
                (void)usleep(END_PAUSE_US);
            }
        }
        if (!ended) {
            (void)kill(node->pid, SIGKILL);
            (void)waitpid(node->pid, NULL, 0);
        }
        node->pid = 0;
    }
    ordo_bench_folder_remove(node->folder);
    ordo_bench_folder_remove(node->sockets);
    node->folder[0] = 0;
    node->sockets[0] = 0;
}

/* The last line of the log, which is where a verb says why it ends. */
static void read_reason(const struct ordo_child *node, char *reason, size_t size)
{
    char line[512];
    FILE *in = fopen(node->log, "re");
    (void)snprintf(reason, size, "the node ended without a word");
    while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
        static const char prefix[] = "ordo: ";
        size_t from = strncmp(line, prefix, strlen(prefix)) == 0 ? strlen(prefix) : 0;
        line[strcspn(line, "\n")] = 0;
        (void)snprintf(reason, size, "%s", line + from);
    }
    if (in != NULL) {
        (void)fclose(in);
    }
}

bool ordo_child_has_ended(struct ordo_child *node, char *reason, size_t size)
{
    if (node->pid <= 0 || waitpid(node->pid, NULL, WNOHANG) != node->pid) {
        return false;
    }
    node->pid = 0;
    read_reason(node, reason, size);
    return true;
}

/* /proc counts in ticks of 10 ms, of which an idle node has none or one. */
double ordo_child_cpu_s(const struct ordo_child *node)
{
    clockid_t id;
    struct timespec used;
    if (clock_getcpuclockid(node->pid, &id) != 0 || clock_gettime(id, &used) != 0) {
        return 0;
    }
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}
