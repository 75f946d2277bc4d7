/* The disk is found in the list of mounts, not by device number: overlay and btrfs have numbers
 * that no device bears. */
#include "bench/machine.h"

#include "base/thread.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define LINE_MAX_SIZE 4096
#define GIB           (1024.0 * 1024 * 1024)

static void put(char to[ORDO_MACHINE_TEXT], const char *text)
{
    (void)snprintf(to, ORDO_MACHINE_TEXT, "%.*s", ORDO_MACHINE_TEXT - 1, text);
    to[strcspn(to, "\n")] = 0;
}

static void read_cpu(struct ordo_machine *machine)
{
    char line[LINE_MAX_SIZE];
    FILE *in = fopen("/proc/cpuinfo", "re");
    while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            put(machine->cpu, colon + 1 + (colon[1] == ' '));
            break;
        }
    }
    if (in != NULL) {
        (void)fclose(in);
    }
}

/* The mount point is a folder above the path, or the path. */
static bool holds(const char *mount, const char *path)
{
    size_t size = strlen(mount);
    return strcmp(mount, "/") == 0 ||
           (strncmp(mount, path, size) == 0 && (path[size] == 0 || path[size] == '/'));
}

/* The deepest mount that holds the folder; a later line hides an earlier one of the same point. */
static void read_disk(struct ordo_machine *machine, const char *dir)
{
    char path[PATH_MAX];
    char line[LINE_MAX_SIZE];
    size_t deepest = 0;
    FILE *in = fopen("/proc/self/mounts", "re");
    if (realpath(dir, path) == NULL) {
        (void)snprintf(path, sizeof(path), "/");
    }
    while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
        char source[ORDO_MACHINE_TEXT];
        char mount[PATH_MAX];
        char type[ORDO_MACHINE_TEXT];
        if (sscanf(line, "%95s %4095s %95s", source, mount, type) == 3 && holds(mount, path) &&
            strlen(mount) >= deepest) {
            deepest = strlen(mount);
            put(machine->disk, source);
            put(machine->file_system, type);
        }
    }
    if (in != NULL) {
        (void)fclose(in);
    }
}

void ordo_machine_read(struct ordo_machine *machine, const char *dir)
{
    struct utsname name;
    *machine = (struct ordo_machine){
        .cpu = "unknown", .kernel = "unknown", .disk = "unknown", .file_system = "unknown"};
    if (uname(&name) == 0) {
        char kernel[2 * sizeof(name.release)];
        (void)snprintf(kernel, sizeof(kernel), "%s %s", name.release, name.machine);
        put(machine->kernel, kernel);
    }
    double bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE);
    machine->cores = (uint32_t)ordo_thread_cpu_count();
    machine->memory_gib = (uint32_t)(bytes / GIB + 0.5);
    (void)getloadavg(&machine->load, 1);
    read_cpu(machine);
    read_disk(machine, dir == NULL ? "." : dir);
}
