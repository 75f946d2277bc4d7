/* config.h - what `ordo serve` is told about its place: paths, URLs, threads, buffers. Nothing here
 * may change a decision; what does is a sequenced setting (order/settings.h).
 *
 * Four sources, later wins: defaults, the file (INI), the environment (ORDO_SECTION_KEY), flags. A
 * list given by a later source replaces the whole list of an earlier one. The keys are one table in
 * config_keys.c. genesis.NAME = VALUE gives a setting to a data folder that does not exist yet; of
 * a folder that exists it must say what is true (assemble.c).
 */
#ifndef ORDO_TOOLS_CONFIG_H
#define ORDO_TOOLS_CONFIG_H

#include "base/err.h"
#include "journal/journal.h"
#include "net/role.h"
#include "order/settings.h"
#include "ring/wait.h"

#include <stdint.h>
#include <stdio.h>

#define ORDO_CONFIG_PATH_MAX 1024 /* bytes with the final zero */
#define ORDO_CONFIG_URL_MAX  128  /* nng's own limit */
#define ORDO_CONFIG_URLS_MAX 8
#define ORDO_CONFIG_CPUS_MAX 8

enum ordo_config_layout { ORDO_LAYOUT_SHARED, ORDO_LAYOUT_COMPACT, ORDO_LAYOUT_DEDICATED };

struct ordo_config {
    char data[ORDO_CONFIG_PATH_MAX]; /* the data folder */
    char key[ORDO_CONFIG_PATH_MAX];  /* the card key file, outside of the data folder; default:
                                        DATA.key */
    char listen[ORDO_CONFIG_URLS_MAX][ORDO_CONFIG_URL_MAX];
    enum ordo_door_role listen_roles[ORDO_CONFIG_URLS_MAX];
    uint32_t listen_count; /* default: ipc://DATA/ordo.ipc */
    char publish[ORDO_CONFIG_URLS_MAX][ORDO_CONFIG_URL_MAX];
    uint32_t publish_count;                     /* default: ipc://DATA/updates.ipc */
    char tls_certificate[ORDO_CONFIG_PATH_MAX]; /* of addresses of tls+tcp, with its key; "" = none
                                                 */
    char tls_key[ORDO_CONFIG_PATH_MAX];
    struct {
        enum ordo_door_role role;
        char file[ORDO_CONFIG_PATH_MAX]; /* the CA that signs who has the role */
    } tls_ca[ORDO_ROLE_COUNT];
    uint32_t tls_ca_count;
    uint32_t polled;          /* enum ordo_polled_use */
    uint32_t connections_max; /* of a listener of the polled door */
    uint32_t requests_max;
    uint32_t request_size_max; /* bytes */
    uint32_t heartbeat_ms;
    uint64_t throttle_rate;         /* commands a second; 0 = no limit */
    uint32_t throttle_share;        /* percent of the time; 0 = no limit */
    uint32_t memory_take;           /* 1 = tables and rings at start, 0 = pages as they are used */
    uint32_t layout;                /* enum ordo_config_layout */
    uint32_t strategy;              /* enum ordo_wait_strategy */
    int cpus[ORDO_CONFIG_CPUS_MAX]; /* of the engine's threads in the order of their start; the rest
                                       float */
    uint32_t cpu_count;
    uint32_t slots;        /* of the ring; a power of two */
    uint64_t command_size; /* bytes of the ring of commands; a power of two */
    uint64_t outcome_size; /* bytes of the ring of large outcomes; a power of two */
    uint32_t sample;       /* one command in so many carries stamps; a power of two, 0 = none */
    uint32_t backend;      /* enum ordo_journal_backend */
    uint32_t durability;   /* enum ordo_durability */
    uint32_t flush;        /* enum ordo_journal_flush */
    uint64_t segment_size; /* bytes */
    uint32_t batch_size_max;
    uint32_t in_flight_max;
    uint32_t snapshot_archive;       /* 1 = closed segments move to the archive by themselves */
    uint64_t snapshot_every_records; /* 0 = only when asked */
    uint64_t snapshot_pool_size;     /* bytes; a power of two */
    char journal_key[ORDO_CONFIG_PATH_MAX]; /* key file of the journal's chain; "" = plain */
    struct ordo_settings_values genesis;    /* the settings a new data folder begins with */
    uint64_t genesis_given;                 /* bit i: ordo_setting_at(i) was given */
};

/* One flag of the command line: key is "section.key", e.g. "net.listen". */
struct ordo_config_flag {
    const char *key; /* not owned */
    const char *value;
};

/* Fills *config from all sources. file may be NULL. The first mistake ends it: CONFIG, with the
 * place (file:line, the variable, the flag), the nearest name or the allowed values; *config is
 * then not usable. Starter thread; reads a file. */
enum ordo_err ordo_config_load(
    struct ordo_config *config,
    const char *file,
    const struct ordo_config_flag *flags,
    uint32_t flag_count,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Prints every key with its value as a file that load would take. */
void ordo_config_print(const struct ordo_config *config, FILE *out);

#endif
