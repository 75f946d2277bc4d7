/* What people type: strict numbers, durations and amounts, the exit code of every error,
 * suggestions. The method: tables of what is taken and of what must be refused, with the output
 * untouched by a refusal.
 */
#include "ordo/cli.h"

#include <criterion/criterion.h>

struct sample {
    const char *text;
    uint64_t value;
};

static const char *const no_numbers[] = {
    "",
    " ",
    " 5",
    "5 ",
    "+5",
    "-5",
    "1e2",
    "0x10",
    "1.5",
    "10.001",
    "k",
    "1kk",
    "1K",
    "1 k",
    "1KI",
    "five",
    "1,000",
    "18446744073709551616",
    "18446744073709551615k",
};

Test(cli, number_takes_digits_and_one_known_suffix)
{
    const struct sample samples[] = {
        {"0", 0},
        {"5", 5},
        {"007", 7},
        {"100k", 100000},
        {"2m", 2000000},
        {"3g", 3000000000},
        {"4Ki", 4096},
        {"1Mi", 1048576},
        {"1Gi", 1073741824},
        {"18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        uint64_t value = 1;
        cr_assert(ordo_cli_number(samples[i].text, UINT64_MAX, &value), "%s", samples[i].text);
        cr_assert_eq(value, samples[i].value, "%s", samples[i].text);
    }
}

Test(cli, number_refuses_everything_else_and_leaves_the_value)
{
    uint64_t value = 42;
    for (size_t i = 0; i < sizeof(no_numbers) / sizeof(no_numbers[0]); i++) {
        cr_assert_not(ordo_cli_number(no_numbers[i], UINT64_MAX, &value), "%s", no_numbers[i]);
    }
    cr_assert_not(ordo_cli_number("11", 10, &value));
    cr_assert_not(ordo_cli_number("1k", 999, &value));
    cr_assert_eq(value, 42);
}

Test(cli, duration_is_in_seconds_unless_a_unit_is_named)
{
    const struct sample samples[] = {
        {"0", 0},
        {"15", 15000000},
        {"15s", 15000000},
        {"7us", 7},
        {"250ms", 250000},
        {"2m", 120000000},
        {"1h", 3600000000},
        {"30d", 2592000000000},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        uint64_t value = 1;
        cr_assert(ordo_cli_duration_us(samples[i].text, &value), "%s", samples[i].text);
        cr_assert_eq(value, samples[i].value, "%s", samples[i].text);
    }
    const char *const wrong[] = {
        "",
        " 5",
        "5 s",
        "1e2",
        "10.001",
        "-1s",
        "5min",
        "s",
        "99999999999999999999",
        "999999999999d"};
    uint64_t value = 42;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_assert_not(ordo_cli_duration_us(wrong[i], &value), "%s", wrong[i]);
    }
    cr_assert_eq(value, 42);
}

Test(cli, amount_is_minor_units_or_has_two_digits_behind_a_point)
{
    const struct {
        const char *text;
        int64_t minor;
    } samples[] = {
        {"0", 0},
        {"1234", 1234},
        {"12.34", 1234},
        {"0.05", 5},
        {"10.00", 1000},
        {"9223372036854775807", INT64_MAX},
        {"92233720368547758.07", INT64_MAX},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        int64_t minor = 1;
        cr_assert(ordo_cli_amount(samples[i].text, &minor), "%s", samples[i].text);
        cr_assert_eq(minor, samples[i].minor, "%s", samples[i].text);
    }
}

Test(cli, amount_refuses_everything_else_and_leaves_the_value)
{
    const char *const wrong[] = {
        "",
        ".",
        "1.",
        ".50",
        "1.5",
        "10.001",
        "1e2",
        " 5",
        "5 ",
        "-5",
        "+5",
        "1.2.3",
        "12,34",
        "1.-5",
        "1. 5",
        "1k",
        "9223372036854775808",
        "92233720368547758.08",
        "18446744073709551616",
    };
    int64_t minor = 42;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_assert_not(ordo_cli_amount(wrong[i], &minor), "%s", wrong[i]);
    }
    cr_assert_eq(minor, 42);
}

Test(cli, every_error_has_an_exit_code_and_only_ok_is_zero)
{
    cr_assert_eq(ordo_exit_of(ORDO_OK), 0);
    for (int err = 1; err < ORDO_ERR_COUNT; err++) {
        cr_assert_neq(ordo_exit_of((enum ordo_err)err), 0, "%s", ordo_err_name((enum ordo_err)err));
    }
    cr_assert_eq(ordo_exit_of(ORDO_ERR_DAMAGED), 3);
    cr_assert_eq(ordo_exit_of(ORDO_ERR_DIVERGED), 3);
    cr_assert_eq(ordo_exit_of(ORDO_ERR_IN_USE), 69);
    cr_assert_eq(ordo_exit_of(ORDO_ERR_NO_SPACE), 74);
    cr_assert_eq(ordo_exit_of(ORDO_ERR_VERSION), 78);
}

Test(cli, nearest_finds_a_slip_and_no_more)
{
    const char *const words[] = {"serve", "sku", "sale", "subscribe", "states"};
    cr_assert_str_eq(ordo_cli_nearest("serv", words, 5), "serve");
    cr_assert_str_eq(ordo_cli_nearest("sales", words, 5), "sale");
    cr_assert_str_eq(ordo_cli_nearest("suscribe", words, 5), "subscribe");
    cr_assert_null(ordo_cli_nearest("refund", words, 5));
    cr_assert_null(ordo_cli_nearest("", words, 5));
}

Test(cli, share_is_a_percentage_with_at_most_two_decimals)
{
    const struct sample samples[] = {
        {"0", 0},
        {"1", 100},
        {"100", 10000},
        {"12%", 1200},
        {"0.5", 50},
        {"0.05", 5},
        {"12.34%", 1234},
        {"100.00", 10000},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        uint64_t share = 77777;
        cr_assert(ordo_cli_share(samples[i].text, &share), "%s", samples[i].text);
        cr_assert_eq(share, samples[i].value, "%s", samples[i].text);
    }
    const char *const none[] = {"", "%", "-1", "101", "100.01", "1.", ".5", "1.234", "5 %", "5%%"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        uint64_t share = 77777;
        cr_assert_not(ordo_cli_share(none[i], &share), "%s", none[i]);
        cr_assert_eq(share, 77777, "%s", none[i]);
    }
}
