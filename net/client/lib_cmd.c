#include "net/client/lib_parts.h"

#include <string.h>

/* A public command becomes the project's own struct, field by field: the public structs are an ABI
 * and stay as they are, the schema may grow. The generic form goes by the schema's table. Values
 * are not checked here but by the node, which names the field; what would not fit into the struct
 * is refused.
 */

static struct ordo_bytes text_of(const char *text)
{
    if (text == NULL) {
        return (struct ordo_bytes){NULL, 0};
    }
    size_t size = strlen(text);
    return (struct ordo_bytes){
        (const uint8_t *)text, size > UINT32_MAX ? UINT32_MAX : (uint32_t)size};
}

static struct ordo_bytes data_of(struct ordo_data data)
{
    return (struct ordo_bytes){data.data, data.data == NULL ? 0 : data.size};
}

static struct ordo_elements
list_of(const struct ordo_data *list, uint32_t count, struct ordo_writer *scratch)
{
    const uint8_t *begin = scratch->at;
    for (uint32_t i = 0; i < count; i++) {
        ordo_write_bytes(scratch, data_of(list[i]));
    }
    return (struct ordo_elements){{begin, (uint32_t)(scratch->at - begin)}, count};
}

static struct ordo_elements
pairs_of(const struct ordo_pair *pairs, uint32_t count, struct ordo_writer *scratch)
{
    const uint8_t *begin = scratch->at;
    for (uint32_t i = 0; i < count; i++) {
        ordo_write_varint(scratch, pairs[i].key);
        ordo_write_zigzag(scratch, pairs[i].value);
    }
    return (struct ordo_elements){{begin, (uint32_t)(scratch->at - begin)}, count};
}

/* ---- the generic form ---- */

static bool fits(const struct ordo_value *value, enum ordo_field_type type)
{
    switch (type) {
    case ORDO_FIELD_U:
        return value->type == ORDO_VALUE_UINT;
    case ORDO_FIELD_N:
        return value->type == ORDO_VALUE_INT ||
               (value->type == ORDO_VALUE_UINT && value->of.uint <= INT64_MAX);
    case ORDO_FIELD_T:
    case ORDO_FIELD_B:
        return value->type == ORDO_VALUE_TEXT || value->type == ORDO_VALUE_BYTES;
    case ORDO_FIELD_K:
        return value->type == ORDO_VALUE_BYTES &&
               (value->of.data.size == 0 || value->of.data.size == ORDO_ID_SIZE);
    case ORDO_FIELD_L:
        return value->type == ORDO_VALUE_LIST;
    case ORDO_FIELD_P:
    default:
        return value->type == ORDO_VALUE_PAIRS;
    }
}

static void store(
    uint8_t *at,
    const struct ordo_value *value,
    enum ordo_field_type type,
    struct ordo_writer *scratch)
{
    if (type == ORDO_FIELD_U || type == ORDO_FIELD_N) {
        memcpy(at, &value->of.uint, sizeof(value->of.uint)); /* both are 8 bytes at one place */
        return;
    }
    if (type == ORDO_FIELD_L || type == ORDO_FIELD_P) {
        struct ordo_elements elements = type == ORDO_FIELD_L
                                            ? list_of(value->of.list, value->count, scratch)
                                            : pairs_of(value->of.pairs, value->count, scratch);
        memcpy(at, &elements, sizeof(elements));
        return;
    }
    struct ordo_bytes bytes = data_of(value->of.data);
    memcpy(at, &bytes, sizeof(bytes));
}

/* `fields` is where the kind's own struct begins. */
static int generic(
    const struct ordo_cmd_generic *from,
    const struct ordo_command_schema *schema,
    uint8_t *fields,
    struct ordo_writer *scratch)
{
    if (schema == NULL) {
        return ORDO_E_UNSUPPORTED;
    }
    if (from == NULL || from->count > schema->field_count) {
        return ORDO_E_INVALID;
    }
    for (uint32_t i = 0; i < from->count; i++) {
        const struct ordo_field *field = &schema->fields[i];
        if (!fits(&from->fields[i], field->type)) {
            return ORDO_E_INVALID;
        }
        store(fields + field->offset, &from->fields[i], field->type, scratch);
    }
    return scratch->failed ? ORDO_E_LIMIT : ORDO_E_OK;
}

int ordo_lib_service(
    const struct ordo_cmd *cmd, struct ordo_service *service, struct ordo_writer *scratch)
{
    *service = (struct ordo_service){.kind = (uint8_t)cmd->kind, .shop = cmd->shop};
    if (cmd->kind > UINT8_MAX) {
        return ORDO_E_INVALID;
    }
    return generic(
        cmd->generic, ordo_service_schema_of(service->kind), (uint8_t *)&service->fetch, scratch);
}

/* ---- the typed forms ---- */

static void product_put(const struct ordo_cmd_product *from, struct ordo_product_put *to)
{
    *to = (struct ordo_product_put){
        .product = from->product,
        .price = from->price,
        .currency = from->currency,
        .stock_mode = from->stock_mode,
        .hold_ttl_s = from->hold_ttl_s,
        .counted = from->counted,
        .purchase_cap = from->purchase_cap,
        .sale_from_us = from->sale_from_us,
        .sale_until_us = from->sale_until_us,
        .options = from->options,
        .held_share = from->held_share,
        .operator_name = text_of(from->operator_name)};
}

static void create(const struct ordo_cmd_create *from, struct ordo_create *to)
{
    *to = (struct ordo_create){
        .order_id = text_of(from->order_id),
        .buyer = {from->buyer, sizeof(from->buyer)},
        .product = from->product,
        .quantity = from->quantity,
        .amount = from->amount,
        .currency = from->currency,
        .hold_ttl_s = from->hold_ttl_s,
        .coupon = text_of(from->coupon),
        .second_key = data_of(from->second_key),
        .card = from->card,
        .wait_s = from->wait_s,
        .trace = text_of(from->trace)};
}

static void fact(const struct ordo_cmd_fact *from, struct ordo_fact *to)
{
    *to = (struct ordo_fact){
        .fact = from->told,
        .channel = from->channel,
        .merchant = text_of(from->merchant),
        .order_id = text_of(from->order_id),
        .trade_no = text_of(from->trade_no),
        .amount = from->amount,
        .currency = from->currency,
        .refund_total = from->refund_total,
        .gateway_time_us = from->gateway_time_us,
        .verified_by = from->proof,
        .received_us = from->received_us,
        .notify_id = text_of(from->notify_id),
        .trace = text_of(from->trace)};
}

static int of_order(const struct ordo_cmd_order *from, struct ordo_command *to)
{
    struct ordo_bytes order_id = text_of(from->order_id);
    struct ordo_bytes trace = text_of(from->trace);
    switch (to->kind) {
    case ORDO_KIND_CANCEL:
        to->cancel = (struct ordo_cancel){
            .order_id = order_id,
            .operator_name = text_of(from->operator_name),
            .reason = text_of(from->reason),
            .trace = trace};
        return ORDO_E_OK;
    case ORDO_KIND_DELIVERY_ACK:
        to->delivery_ack = (struct ordo_delivery_ack){.order_id = order_id, .trace = trace};
        return ORDO_E_OK;
    case ORDO_KIND_EXTEND:
        to->extend = (struct ordo_extend){
            .order_id = order_id, .hold_ttl_s = from->hold_ttl_s, .trace = trace};
        return ORDO_E_OK;
    case ORDO_KIND_RELEASE:
        to->release = (struct ordo_release){.order_id = order_id, .trace = trace};
        return ORDO_E_OK;
    case ORDO_KIND_GET:
        to->get.order_id = order_id;
        return ORDO_E_OK;
    case ORDO_KIND_CARDS:
        to->cards.order_id = order_id;
        return ORDO_E_OK;
    default:
        return ORDO_E_INVALID;
    }
}

int ordo_lib_command(
    const struct ordo_cmd *cmd, struct ordo_command *command, struct ordo_writer *scratch)
{
    *command = (struct ordo_command){.kind = (uint8_t)cmd->kind, .shop = cmd->shop};
    memcpy(command->id, cmd->id, sizeof(command->id));
    if (cmd->kind == 0 || cmd->kind > UINT8_MAX) {
        return ORDO_E_INVALID;
    }
    if (cmd->generic != NULL) {
        return generic(
            cmd->generic,
            ordo_schema_of(command->kind),
            (uint8_t *)&command->create, /* each member of the union begins there */
            scratch);
    }
    switch (cmd->kind) {
    case ORDO_CMD_PRODUCT_PUT:
        product_put(&cmd->of.product_put, &command->product_put);
        break;
    case ORDO_CMD_CARD_IMPORT: {
        const struct ordo_cmd_import *from = &cmd->of.card_import;
        command->card_import.product = from->product;
        command->card_import.cards = list_of(from->cards, from->card_count, scratch);
        command->card_import.operator_name = text_of(from->operator_name);
        break;
    }
    case ORDO_CMD_CREATE:
        create(&cmd->of.create, &command->create);
        break;
    case ORDO_CMD_ATTEMPT: {
        const struct ordo_cmd_attempt *from = &cmd->of.attempt;
        command->attempt = (struct ordo_attempt){
            .order_id = text_of(from->order_id),
            .channel = from->channel,
            .merchant = text_of(from->merchant),
            .amount = from->amount,
            .currency = from->currency,
            .trace = text_of(from->trace)};
        break;
    }
    case ORDO_CMD_FACT:
        fact(&cmd->of.fact, &command->fact);
        break;
    case ORDO_CMD_LIST:
        command->list = (struct ordo_list){
            .state = cmd->of.list.status,
            .after = cmd->of.list.after,
            .limit = cmd->of.list.limit,
            .until_us = cmd->of.list.until_us};
        break;
    case ORDO_CMD_STOCK:
        command->stock.product = cmd->of.stock.product;
        break;
    case ORDO_CMD_HEAD:
        break;
    case ORDO_CMD_FIND:
        command->find = (struct ordo_find){
            .trade_no = text_of(cmd->of.find.trade_no),
            .channel = cmd->of.find.channel,
            .merchant = text_of(cmd->of.find.merchant)};
        break;
    default:
        return of_order(&cmd->of.order, command);
    }
    return scratch->failed ? ORDO_E_LIMIT : ORDO_E_OK;
}
