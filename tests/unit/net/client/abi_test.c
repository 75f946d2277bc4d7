/* Goal: a program that was compiled against libordo.so.0 runs with every later libordo.so.0.
 * Method: sizes and places of what a program fills in are written down here, and the numbers that
 * both sides speak are held against the engine's own. What fails here needs a new struct or a new
 * library number, not a new figure.
 */
#include "net/client/client.h"
#include "net/client/ordo/follow.h"
#include "net/service.h"
#include "order/result.h"

#include <criterion/criterion.h>
#include <stddef.h>

#define SIZE(type, bytes)                                                                          \
    cr_assert_eq(sizeof(struct type), bytes, #type ": %zu", sizeof(struct type))
#define PLACE(type, member, at)                                                                    \
    cr_assert_eq(                                                                                  \
        offsetof(struct type, member),                                                             \
        at,                                                                                        \
        #type "." #member ": %zu",                                                                 \
        offsetof(struct type, member))

Test(abi, keeps_the_size_of_what_programs_fill_in)
{
    SIZE(ordo_error, 512);
    SIZE(ordo_data, 16);
    SIZE(ordo_value, 24);
    SIZE(ordo_cmd_create, 96);
    SIZE(ordo_cmd_fact, 88);
    SIZE(ordo_cmd_order, 40);
    SIZE(ordo_cmd_product, 64);
    SIZE(ordo_cmd, 288);
    SIZE(ordo_tls_options, 32);
    SIZE(ordo_options, 120);
    SIZE(ordo_follower_options, 192);
    SIZE(ordo_follower_state, 72);
}

Test(abi, keeps_the_places_in_them)
{
    PLACE(ordo_cmd, id, 8);
    PLACE(ordo_cmd, generic, 24);
    PLACE(ordo_cmd, of, 32);
    PLACE(ordo_cmd_create, second_key, 56);
    PLACE(ordo_cmd_fact, trade_no, 32);
    PLACE(ordo_options, patience_ms, 40);
    PLACE(ordo_follower_options, name, 48);
    PLACE(ordo_follower_options, on_change, 104);
}

Test(abi, keeps_the_places_in_what_programs_read)
{
    PLACE(ordo_end, text, 8);
    PLACE(ordo_end, orders, 40);
    PLACE(ordo_end, card_count, 92);
    PLACE(ordo_order_info, status, 40);
    PLACE(ordo_order_info, last_seq, 120);
    PLACE(ordo_change, order_id, 32);
    PLACE(ordo_change, replayed, 64);
    PLACE(ordo_lost, text, 24);
    PLACE(ordo_card_info, sealed_size, 16);
}

Test(abi, speaks_the_numbers_of_the_engine)
{
    cr_assert_eq(ORDO_CMD_CREATE, (int)ORDO_KIND_CREATE);
    cr_assert_eq(ORDO_CMD_FACT, (int)ORDO_KIND_FACT);
    cr_assert_eq(ORDO_CMD_DELIVERY_ACK, (int)ORDO_KIND_DELIVERY_ACK);
    cr_assert_eq(ORDO_CMD_RELEASE, (int)ORDO_KIND_RELEASE);
    cr_assert_eq(ORDO_CMD_CARDS, (int)ORDO_KIND_CARDS);
    cr_assert_eq(ORDO_CMD_FIND, (int)ORDO_KIND_FIND);
    cr_assert_eq(ORDO_STATUS_REFUNDED, (int)ORDO_STATE_REFUNDED);
    cr_assert_eq(ORDO_MONEY_BOUND_MANUAL, (int)ORDO_DISPOSITION_BOUND_MANUAL);
    cr_assert_eq(ORDO_CODE_UPDATES_AHEAD, (int)ORDO_RESULT_UPDATES_AHEAD);
    cr_assert_eq(ORDO_CODE_PARKS_FULL, (int)ORDO_RESULT_PARKS_FULL);
    cr_assert_eq(ORDO_CODE_SALE_OVER, (int)ORDO_RESULT_SALE_OVER);
    cr_assert_eq(ORDO_TOLD_CHARGEBACK, (int)ORDO_FACT_CHARGEBACK);
    cr_assert_eq(ORDO_PROOF_QUERY, (int)ORDO_VERIFIED_QUERY);
    cr_assert_eq(ORDO_MARK_QUERY_DUE, (int)ORDO_FLAG_QUERY_DUE);
    cr_assert_str_eq(ordo_status_name(ORDO_STATUS_COMPLETED), "COMPLETED");
    cr_assert_str_eq(ordo_code_name(ORDO_CODE_OUT_OF_STOCK), "out_of_stock");
    cr_assert_not_null(ordo_status_name(4000000000u), "a number of later");
    cr_assert_str_eq(ordo_code_name(65536 + ORDO_CODE_BUSY), "?", "no code of another number");
}
