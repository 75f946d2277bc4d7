/* Goal: an amount is an integer of minor units or there is no command. Method: payment facts with
 * everything that has been taken for an amount elsewhere, as the bytes of a frame.
 */
#include "net/frame.h"
#include "order/result.h"

#include "wire_bytes.h"

#include <criterion/criterion.h>
#include <stdio.h>

static uint8_t scratch_bytes[ORDO_COMMAND_SIZE_MAX];

/* A PAY of order "1" by trade "t" with these bytes as its amount and its proof. */
static bool read_fact(
    const char *amount,
    const char *verified_by,
    struct ordo_command *command,
    struct ordo_wire_fault *fault)
{
    char hex[256];
    static uint8_t bytes[256];
    struct ordo_request_reader reader;
    struct ordo_writer scratch = ordo_writer_over(scratch_bytes, sizeof(scratch_bytes));
    snprintf(
        hex,
        sizeof(hex),
        "9401 07 c0 91 9d 06 c0 00 01 01 a16d a131 a174 %s cc9c 00 00 %s",
        amount,
        verified_by);
    struct ordo_bytes frame = bytes_of(hex, bytes, sizeof(bytes));
    return ordo_request_open(&reader, frame, fault) &&
           ordo_request_next(&reader, command, &scratch, fault);
}

/* AC-27 (evnluo/dujiaoka-hardened SECURITY-PATCH; acg-faka's comments): "amount[]=x", "1e2" and
 * "10.001" passed as amounts. */
Test(ac_27, an_amount_that_is_no_integer_is_no_payment)
{
    static const struct {
        const char *hex;
        const char *what;
    } amounts[] = {
        {"c3", "true"},
        {"c2", "false"},
        {"c0", "nil"},
        {"a3316532", "\"1e2\""},
        {"a631302e303031", "\"10.001\""},
        {"a3353030", "\"500\""},
        {"cb407f400000000000", "500.0"},
        {"ca43fa0000", "500.0f"},
        {"91a178", "[x]"},
        {"9101", "[1]"},
        {"80", "{}"},
        {"c40101", "bytes"},
        {"d40001", "an extension"},
    };
    struct ordo_command command;
    struct ordo_wire_fault fault;
    cr_assert(read_fact("cd01f4", "01", &command, &fault), "%s", fault.text);
    cr_assert_eq(command.fact.amount, 500);
    cr_assert_eq(command.fact.verified_by, 1);
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        cr_assert_not(read_fact(amounts[i].hex, "01", &command, &fault), "%s", amounts[i].what);
        cr_assert_eq(fault.code, ORDO_RESULT_MALFORMED, "%s", amounts[i].what);
        cr_assert_str_eq(
            fault.text,
            "command 0: field amount: expected an integer",
            "%s: %s",
            amounts[i].what,
            fault.text);
        cr_assert_not(read_fact("cd01f4", amounts[i].hex, &command, &fault), "as a proof");
        cr_assert_eq(fault.code, ORDO_RESULT_MALFORMED, "%s as a proof", amounts[i].what);
    }
    cr_assert_not(read_fact("cd01f4", "04", &command, &fault), "a proof that is none");
}
