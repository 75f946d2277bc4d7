/* The configuration: the order of the sources, lists, and one clear line that names the place for
 * every mistake. The method: small files written to a temporary name, loaded, compared.
 */
#include "ordo/config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ordo_config config;
static struct ordo_fail fail;
static char file[] = "/tmp/ordo-config-XXXXXX";

static void write_file(const char *text)
{
    strcpy(file + sizeof(file) - 7, "XXXXXX");
    int fd = mkstemp(file);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static enum ordo_err load(const char *text)
{
    write_file(text);
    enum ordo_err err = ordo_config_load(&config, file, NULL, 0, &fail);
    unlink(file);
    return err;
}

Test(config, has_defaults_that_follow_the_data_folder)
{
    cr_assert_eq(ordo_config_load(&config, NULL, NULL, 0, &fail), ORDO_OK, "%s", fail.text);
    cr_assert_str_eq(config.data, "data");
    cr_assert_str_eq(config.key, "data.key");
    cr_assert_str_eq(config.listen[0], "ipc://data/ordo.ipc");
    cr_assert_str_eq(config.publish[0], "ipc://data/updates.ipc");
    cr_assert_eq(config.listen_count, 1);
    cr_assert_eq(config.slots, 16384);
    cr_assert_eq(config.strategy, ORDO_WAIT_PARK);
    cr_assert_eq(config.durability, ORDO_DURABILITY_FLUSH);
    cr_assert_eq(config.segment_size, 64u << 20);

    struct ordo_config_flag flags[] = {{"node.data", "/srv/sale/"}};
    cr_assert_eq(ordo_config_load(&config, NULL, flags, 1, &fail), ORDO_OK);
    cr_assert_str_eq(config.key, "/srv/sale.key");
    cr_assert_str_eq(config.listen[0], "ipc:///srv/sale/ordo.ipc");
}

Test(config, later_sources_win_and_replace_whole_lists)
{
    write_file("[net]\n"
               "listen = tcp://127.0.0.1:1\n"
               "listen = tcp://127.0.0.1:2 ; a second door\n"
               "heartbeat_ms = 10\n"
               "[ring]\nslots = 1Ki\n"
               "[threads]\ncpus = 0, 1\n");
    setenv("ORDO_NET_LISTEN", "ipc:///a,ipc:///b,ipc:///c", 1);
    setenv("ORDO_RING_SLOTS", "2Ki", 1);
    struct ordo_config_flag flags[] = {{"net.listen", "ipc:///x"}, {"net.listen", "ipc:///y"}};

    cr_assert_eq(ordo_config_load(&config, file, NULL, 0, &fail), ORDO_OK, "%s", fail.text);
    cr_assert_eq(config.listen_count, 3);
    cr_assert_str_eq(config.listen[2], "ipc:///c");
    cr_assert_eq(config.slots, 2048);
    cr_assert_eq(config.heartbeat_ms, 10);
    cr_assert_eq(config.cpu_count, 2);
    cr_assert_eq(config.cpus[1], 1);

    cr_assert_eq(ordo_config_load(&config, file, flags, 2, &fail), ORDO_OK, "%s", fail.text);
    cr_assert_eq(config.listen_count, 2);
    cr_assert_str_eq(config.listen[0], "ipc:///x");
    unsetenv("ORDO_NET_LISTEN");
    cr_assert_eq(ordo_config_load(&config, file, NULL, 0, &fail), ORDO_OK);
    cr_assert_str_eq(config.listen[1], "tcp://127.0.0.1:2");
    unlink(file);
}

Test(config, names_the_line_and_what_was_meant)
{
    const struct {
        const char *text;
        const char *line;
        const char *said;
    } samples[] = {
        {"[net]\n\nlisten = ipc:///a\nlissen = ipc:///b\n", ":4: ", "did you mean net.listen"},
        {"[ring]\nslots = 1000\n", ":2: ", "power of two"},
        {"[ring]\nslots = many\n", ":2: ", "power of two"},
        {"[journal]\nbackend = uring\n", ":2: ", "auto io_uring pwrite"},
        {"[journal]\nflush = linked\n", ":2: ", "dsync fdatasync"},
        {"[journal]\nsegment_size = 1\n", ":2: ", "from 1048576"},
        {"[journal]\nsegment_size = 2Gi\n", ":2: ", "journal.segment_size"},
        {"[journal]\nsegment_size = 2Gi\n", ":2: ", "to 1073741824"},
        {"[journal]\nbatch_size_max = 32Mi\n", ":2: ", "to 16777216"},
        {"[journal]\nbatch_size_max = 128Ki\n", ":2: ", "from 262144"},
        {"[journal]\nin_flight_max = 17\n", ":2: ", "to 16"},
        {"[net]\nlisten = localhost:80\n", ":2: ", "a URL such as"},
        {"[net]\nheartbeat_ms = 5\nheartbeat_ms = 6\n", ":3: ", "was set above"},
        {"[net]\nheartbeat_ms\n", ":2: ", "key = value"},
        {"[prices]\ngold = 1\n", ":2: ", "no key prices.gold"},
        {"[node]\ndata =\n", ":2: ", "a path"},
        {"[threads]\ncpus = 0,one\n", ":2: ", "CPU numbers"},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        cr_assert_eq(load(samples[i].text), ORDO_ERR_CONFIG, "%s", samples[i].text);
        cr_assert_eq(strncmp(fail.text, file, strlen(file)), 0, "%s", fail.text);
        cr_assert_not_null(strstr(fail.text, samples[i].line), "%s", fail.text);
        cr_assert_not_null(strstr(fail.text, samples[i].said), "%s", fail.text);
    }
}

Test(config, an_indented_key_is_a_key_of_its_own)
{
    cr_assert_eq(load("[net]\n  heartbeat_ms = 5\n  requests_max = 7\n"), ORDO_OK, "%s", fail.text);
    cr_assert_eq(config.heartbeat_ms, 5);
    cr_assert_eq(config.requests_max, 7);
}

Test(config, refuses_overlong_lines_and_missing_files)
{
    char text[600] = "[net]\n; ";
    memset(text + strlen(text), 'x', 300);
    strcat(text, "\n");
    cr_assert_eq(load(text), ORDO_ERR_CONFIG);
    cr_assert_not_null(strstr(fail.text, "200 bytes"), "%s", fail.text);
    cr_assert_eq(ordo_config_load(&config, "/nonexistent.ini", NULL, 0, &fail), ORDO_ERR_CONFIG);
    cr_assert_not_null(strstr(fail.text, "/nonexistent.ini"));
}

Test(config, names_the_variable_and_the_flag)
{
    struct ordo_config_flag flags[] = {{"ring.slots", "3"}};
    cr_assert_eq(ordo_config_load(&config, NULL, flags, 1, &fail), ORDO_ERR_CONFIG);
    cr_assert_not_null(strstr(fail.text, "command line: ring.slots"), "%s", fail.text);
    setenv("ORDO_JOURNAL_IN_FLIGHT_MAX", "0", 1);
    cr_assert_eq(ordo_config_load(&config, NULL, NULL, 0, &fail), ORDO_ERR_CONFIG);
    cr_assert_not_null(strstr(fail.text, "ORDO_JOURNAL_IN_FLIGHT_MAX"), "%s", fail.text);
}

Test(config, what_is_printed_loads_to_the_same)
{
    static struct ordo_config again;
    struct ordo_config_flag flags[] = {
        {"threads.cpus", "1,0"},
        {"threads.strategy", "spin"},
        {"net.publish", "ipc:///p"},
        {"net.publish", "tcp://127.0.0.1:9"},
        {"net.listen", "client=tls+tcp://127.0.0.1:5,ipc:///a=b"},
        {"net.tls_ca", "client=/c.pem"},
        {"net.tls_ca", "subscriber=/s.pem"},
        {"net.tls_key", "/k.pem"},
        {"net.throttle", "20%"},
        {"journal.segment_size", "3Mi"},
    };
    cr_assert_eq(ordo_config_load(&config, NULL, flags, 10, &fail), ORDO_OK, "%s", fail.text);
    write_file("");
    FILE *out = fopen(file, "w");
    ordo_config_print(&config, out);
    fclose(out);
    cr_assert_eq(ordo_config_load(&again, file, NULL, 0, &fail), ORDO_OK, "%s", fail.text);
    unlink(file);
    cr_assert_eq(memcmp(&config, &again, sizeof(config)), 0);
}

Test(config, gives_a_listener_the_role_in_front_of_its_address)
{
    struct ordo_config_flag flags[] = {
        {"net.listen", "client=tls+tcp://0.0.0.0:5"},
        {"net.listen", "operator=ipc:///run/o.ipc,ipc:///run/client=1.ipc"},
        {"net.tls_ca", "client=/etc/c.pem"},
        {"net.throttle", "5k"},
    };
    cr_assert_eq(ordo_config_load(&config, NULL, flags, 4, &fail), ORDO_OK, "%s", fail.text);
    cr_assert_eq(config.listen_count, 3);
    cr_assert_str_eq(config.listen[0], "tls+tcp://0.0.0.0:5");
    cr_assert_eq(config.listen_roles[0], ORDO_ROLE_CLIENT);
    cr_assert_eq(config.listen_roles[1], ORDO_ROLE_OPERATOR);
    cr_assert_str_eq(config.listen[2], "ipc:///run/client=1.ipc");
    cr_assert_eq(config.listen_roles[2], ORDO_ROLE_ALL);
    cr_assert_eq(config.tls_ca_count, 1);
    cr_assert_eq(config.tls_ca[0].role, ORDO_ROLE_CLIENT);
    cr_assert_str_eq(config.tls_ca[0].file, "/etc/c.pem");
    cr_assert_eq(config.throttle_rate, 5000);
    cr_assert_eq(config.throttle_share, 0);
}

Test(config, refuses_roles_certificates_and_throttles_that_are_none)
{
    static const char *const bad[][2] = {
        {"net.listen", "clients=tcp://127.0.0.1:1"},
        {"net.listen", "=tcp://127.0.0.1:1"},
        {"net.listen", "client=nowhere"},
        {"net.publish", "client=nowhere"},
        {"net.tls_ca", "/etc/c.pem"},
        {"net.tls_ca", "nobody=/etc/c.pem"},
        {"net.tls_ca", "client="},
        {"net.tls_ca", "client=/a,client=/b"},
        {"net.throttle", "0"},
        {"net.throttle", "101%"},
        {"net.throttle", "%"},
        {"net.throttle", "fast"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ordo_config_flag flag = {bad[i][0], bad[i][1]};
        cr_assert_eq(
            ordo_config_load(&config, NULL, &flag, 1, &fail),
            ORDO_ERR_CONFIG,
            "%s = %s",
            bad[i][0],
            bad[i][1]);
        cr_assert_not_null(strstr(fail.text, bad[i][0]), "%s", fail.text);
    }
}
