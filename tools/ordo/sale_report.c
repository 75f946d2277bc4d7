/* What a sale shows: a line that is written over while a person watches, and the report. */
#include "cli.h"
#include "sale.h"

#include <jansson.h>

static const char *const step_names[SALE_STEP_COUNT] = {
    "create", "attempt", "fail", "pay", "pay_again", "pay_changed", "fail_after", "ack", "cases"};

static double us(uint64_t ns)
{
    return (double)ns / 1000.0;
}

static uint64_t quantile(const struct ordo_histogram *h, double q)
{
    return ordo_histogram_quantile(h, q);
}

static uint64_t busy_count(const struct sale *sale, struct ordo_client_stats *sum)
{
    *sum = (struct ordo_client_stats){0};
    for (uint64_t i = 0; i < sale->options.connections; i++) {
        struct ordo_client_stats stats;
        ordo_client_stats(sale->clients[i], &stats);
        sum->requests += stats.requests;
        sum->connects += stats.connects;
        sum->resends += stats.resends;
        sum->busy += stats.busy;
        sum->strange += stats.strange;
    }
    return sum->busy;
}

void sale_progress(struct sale *sale, uint64_t now_ns, bool last)
{
    struct ordo_client_stats stats;
    uint64_t commands = sale->counts.commands;
    uint64_t passed = now_ns - sale->progress_ns;
    uint64_t rate = passed == 0 ? 0 : (commands - sale->progress_commands) * ORDO_NS_PER_S / passed;
    sale->progress_ns = now_ns;
    sale->progress_commands = commands;
    if (!ordo_cli_progress() || sale->online.json) {
        return;
    }
    (void)fprintf(
        stderr,
        "\rsale %3llu%%  %llu/%llu orders  %7llu commands/s  p99 %8.2f ms  busy %llu  wrong %llu ",
        (unsigned long long)(sale->counts.finished * 100 / sale->options.orders),
        (unsigned long long)sale->counts.finished,
        (unsigned long long)sale->options.orders,
        (unsigned long long)rate,
        us(quantile(&sale->latency_all, 0.99)) / 1000.0,
        (unsigned long long)busy_count(sale, &stats),
        (unsigned long long)sale->counts.wrong);
    if (last) {
        (void)fputc('\n', stderr);
    }
    (void)fflush(stderr);
}

static json_t *latency_json(const struct ordo_histogram *h)
{
    return json_pack(
        "{s:I, s:f, s:f, s:f, s:f}",
        "count",
        (json_int_t)h->total,
        "p50",
        us(quantile(h, 0.5)),
        "p99",
        us(quantile(h, 0.99)),
        "p99_9",
        us(quantile(h, 0.999)),
        "max",
        us(h->max));
}

static json_t *results_json(const struct sale *sale)
{
    json_t *root = json_object();
    for (uint16_t code = 0; code < SALE_CODES_MAX; code++) {
        if (sale->counts.results[code] > 0) {
            (void)json_object_set_new(
                root, ordo_result_name(code), json_integer((json_int_t)sale->counts.results[code]));
        }
    }
    return root;
}

static json_t *states_json(const struct sale *sale)
{
    json_t *root = json_object();
    for (uint8_t state = 0; state < ORDO_STATE_COUNT; state++) {
        if (sale->counts.states[state] > 0) {
            (void)json_object_set_new(
                root, ordo_state_name(state), json_integer((json_int_t)sale->counts.states[state]));
        }
    }
    return root;
}

static json_t *dispositions_json(const struct sale *sale)
{
    json_t *root = json_object();
    for (uint8_t i = 1; i < ORDO_DISPOSITION_COUNT; i++) {
        if (sale->counts.dispositions[i] > 0) {
            (void)json_object_set_new(
                root,
                ordo_disposition_name(i),
                json_integer((json_int_t)sale->counts.dispositions[i]));
        }
    }
    return root;
}

static json_t *steps_json(const struct sale *sale)
{
    json_t *root = json_object();
    for (uint32_t i = 0; i < SALE_STEP_COUNT; i++) {
        if (sale->latency[i].total > 0) {
            (void)json_object_set_new(root, step_names[i], latency_json(&sale->latency[i]));
        }
    }
    return root;
}

static json_t *cases_json(const struct sale *sale)
{
    json_t *root = json_object();
    const struct sale_case *scripted;
    for (uint32_t i = 0; (scripted = sale_case_at(i)) != NULL; i++) {
        const struct sale_case_run *run = &sale->cases[i];
        if (run->orders > 0) {
            (void)json_object_set_new(
                root,
                scripted->name,
                json_pack(
                    "{s:I, s:I}",
                    "orders",
                    (json_int_t)run->orders,
                    "wrong",
                    (json_int_t)run->wrong));
        }
    }
    return root;
}

static int print_json(const struct sale *sale, double seconds, bool ok)
{
    struct ordo_client_stats stats;
    const struct sale_counts *c = &sale->counts;
    (void)busy_count(sale, &stats);
    json_t *root = json_pack(
        "{s:b, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:I}",
        "ok",
        ok,
        "run",
        sale->run_text,
        "seed",
        (json_int_t)sale->options.seed,
        "orders",
        (json_int_t)sale->options.orders,
        "finished",
        (json_int_t)c->finished,
        "commands",
        (json_int_t)c->commands,
        "requests",
        (json_int_t)stats.requests,
        "seconds",
        seconds,
        "commands_per_s",
        (double)c->commands / seconds,
        "orders_per_s",
        (double)c->finished / seconds,
        "rate",
        (json_int_t)sale->options.rate);
    json_t *rest = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
        "results",
        results_json(sale),
        "dispositions",
        dispositions_json(sale),
        "states",
        states_json(sale),
        "cases",
        cases_json(sale),
        "latency_us",
        latency_json(&sale->latency_all),
        "latency_us_of",
        steps_json(sale),
        "refused",
        (json_int_t)c->refused,
        "cards_issued",
        (json_int_t)c->cards_issued,
        "cards_opened",
        (json_int_t)c->cards_opened,
        "busy",
        (json_int_t)stats.busy,
        "connects",
        (json_int_t)stats.connects,
        "resends",
        (json_int_t)stats.resends,
        "unknown",
        (json_int_t)c->unknown,
        "wrong",
        (json_int_t)c->wrong);
    if (root != NULL && rest != NULL) {
        (void)json_object_update(root, rest);
        if (c->wrong > 0) {
            (void)json_object_set_new(root, "wrong_first", json_string(c->wrong_first));
        }
    }
    json_decref(rest);
    return ordo_online_print_json(root);
}

static void print_counts(const char *title, const char *name, uint64_t count, bool *first)
{
    (void)printf("%-14s %-22s %12llu\n", *first ? title : "", name, (unsigned long long)count);
    *first = false;
}

static void print_cases(const struct sale *sale)
{
    const struct sale_case *scripted;
    const char *title = "cases";
    for (uint32_t i = 0; (scripted = sale_case_at(i)) != NULL; i++) {
        const struct sale_case_run *run = &sale->cases[i];
        if (run->orders > 0) {
            (void)printf(
                "%-14s %-22s %12llu, %llu not as planned\n",
                title,
                scripted->name,
                (unsigned long long)run->orders,
                (unsigned long long)run->wrong);
            title = "";
        }
    }
}

static void print_text(const struct sale *sale, double seconds)
{
    const struct sale_counts *c = &sale->counts;
    struct ordo_client_stats stats;
    bool first = true;
    (void)busy_count(sale, &stats);
    (void)printf(
        "sale %s, seed %llu: %llu orders, %llu commands in %llu requests, %.2f s\n"
        "               %.0f commands/s, %.0f orders/s\n",
        sale->run_text,
        (unsigned long long)sale->options.seed,
        (unsigned long long)c->finished,
        (unsigned long long)c->commands,
        (unsigned long long)stats.requests,
        seconds,
        (double)c->commands / seconds,
        (double)c->finished / seconds);
    (void)printf(
        "latency        p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, max %.2f ms, from the intended "
        "time\n",
        us(quantile(&sale->latency_all, 0.5)) / 1000,
        us(quantile(&sale->latency_all, 0.99)) / 1000,
        us(quantile(&sale->latency_all, 0.999)) / 1000,
        us(sale->latency_all.max) / 1000);
    for (uint16_t code = 0; code < SALE_CODES_MAX; code++) {
        if (c->results[code] > 0) {
            print_counts("results", ordo_result_name(code), c->results[code], &first);
        }
    }
    first = true;
    for (uint8_t i = 1; i < ORDO_DISPOSITION_COUNT; i++) {
        if (c->dispositions[i] > 0) {
            print_counts("payments", ordo_disposition_name(i), c->dispositions[i], &first);
        }
    }
    first = true;
    for (uint8_t i = 0; i < ORDO_STATE_COUNT; i++) {
        if (c->states[i] > 0) {
            print_counts("orders", ordo_state_name(i), c->states[i], &first);
        }
    }
    print_cases(sale);
    (void)printf(
        "cards          %llu issued, none twice; %llu opened with the key\n"
        "connection     %llu made, %llu requests sent again, %llu times BUSY\n"
        "unknown        %llu\nwrong          %llu\n",
        (unsigned long long)c->cards_issued,
        (unsigned long long)c->cards_opened,
        (unsigned long long)stats.connects,
        (unsigned long long)stats.resends,
        (unsigned long long)stats.busy,
        (unsigned long long)c->unknown,
        (unsigned long long)c->wrong);
}

int sale_report(struct sale *sale)
{
    uint64_t ns = sale->end_ns - sale->start_ns;
    double seconds = (double)(ns == 0 ? 1 : ns) / 1e9;
    const struct sale_counts *c = &sale->counts;
    bool ok = c->wrong == 0 && c->unknown == 0 && c->finished == sale->options.orders;
    int code = ORDO_EXIT_OK;
    if (sale->online.json) {
        code = print_json(sale, seconds, ok);
    } else {
        print_text(sale, seconds);
    }
    if (code != ORDO_EXIT_OK || ok) {
        return code;
    }
    if (c->wrong > 0) {
        return ordo_cli_fail(
            ORDO_EXIT_VERIFY,
            "%llu things were wrong; the first: %s",
            (unsigned long long)c->wrong,
            c->wrong_first);
    }
    return ordo_cli_fail(
        ORDO_EXIT_FAILED,
        "%llu commands have no known end, %llu of %llu orders are finished",
        (unsigned long long)c->unknown,
        (unsigned long long)c->finished,
        (unsigned long long)sale->options.orders);
}

int sale_list_cases(const struct sale *sale)
{
    const struct sale_preset *preset;
    json_t *list = json_array();
    for (uint32_t i = 0; (preset = sale_preset_at(i)) != NULL; i++) {
        const char *options = preset->options == NULL ? "" : preset->options;
        if (sale->online.json) {
            (void)json_array_append_new(
                list,
                json_pack(
                    "{s:s, s:s, s:s}",
                    "case",
                    preset->name,
                    "options",
                    options,
                    "text",
                    preset->text));
        } else {
            (void)printf("%s  %-40s %s\n", preset->name, options, preset->text);
        }
    }
    if (sale->online.json) {
        return ordo_online_print_json(json_pack("{s:b, s:o}", "ok", 1, "cases", list));
    }
    json_decref(list);
    return ORDO_EXIT_OK;
}
