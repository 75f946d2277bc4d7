/* The log of acknowledged commands: what a node has promised by an answer, kept outside of the
 * node.
 *
 * One line for each decided command, "COMMAND RESULT\n", both as hex: the command's canonical bytes
 * and the result element as it came. It is flushed before the sale counts the answer, so whatever
 * the sale knows is in the file. Verification sends each command again, with the same id: a node
 * that has kept its promise gives the same bytes, one that lost the command would decide it anew,
 * with another sequence. A last line without its end belongs to a sale that was killed and is left
 * out.
 */
#include "cli.h"
#include "sale.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define VERIFY_BATCH 256
#define VERIFY_BYTES (700u << 10) /* of one request */
#define RESULT_MAX   256          /* bytes of a decided result element */

/* ---- write ---- */

static void write_hex(FILE *out, const uint8_t *bytes, size_t size)
{
    char hex[2 * 256 + 1];
    while (size > 0) {
        size_t part = size < 256 ? size : 256;
        ordo_online_hex(bytes, part, hex);
        (void)fwrite(hex, 1, 2 * part, out);
        bytes += part;
        size -= part;
    }
}

void sale_ack_write(
    struct sale *sale, struct ordo_command *command, const struct ordo_answer *answer)
{
    static uint8_t bytes[ORDO_COMMAND_SIZE_MAX];
    struct ordo_writer out = ordo_writer_over(bytes, sizeof(bytes));
    if (sale->acks == NULL || answer->item.form != ORDO_REPLY_DECIDED ||
        answer->bytes.size > RESULT_MAX) {
        return;
    }
    ordo_command_encode(command, &out);
    ORDO_ASSERT(!out.failed);
    write_hex(sale->acks, bytes, ordo_writer_size(&out));
    (void)fputc(' ', sale->acks);
    write_hex(sale->acks, answer->bytes.data, answer->bytes.size);
    (void)fputc('\n', sale->acks);
    sale->counts.acked++;
}

bool sale_ack_flush(struct sale *sale)
{
    if (sale->acks == NULL || (fflush(sale->acks) == 0 && ferror(sale->acks) == 0)) {
        return true;
    }
    (void)ordo_cli_fail(ORDO_EXIT_IO, "%s: %s", sale->options.ack_log, strerror(errno));
    return false;
}

/* ---- verify ---- */

struct verify {
    struct ordo_command commands[VERIFY_BATCH];
    uint8_t results[VERIFY_BATCH][RESULT_MAX];
    uint32_t result_sizes[VERIFY_BATCH];
    uint64_t lines[VERIFY_BATCH];
    uint8_t *bytes; /* VERIFY_BYTES of canonical bytes, behind the texts of the commands */
    uint32_t bytes_used;
    uint32_t count;
    uint64_t checked;
    uint64_t lost;
    uint64_t first_lost;
    char first_text[128];
};

/* One line into the batch; false: it is no line of such a log. */
static bool read_line(struct verify *v, char *line, size_t size)
{
    char *space = memchr(line, ' ', size);
    if (space == NULL) {
        return false;
    }
    *space = '\0';
    size_t command_size = (size_t)(space - line) / 2;
    size_t result_size = (size - (size_t)(space - line) - 1) / 2;
    if (command_size == 0 || command_size > ORDO_COMMAND_SIZE_MAX || result_size == 0 ||
        result_size > RESULT_MAX) {
        return false;
    }
    uint8_t *bytes = v->bytes + v->bytes_used;
    struct ordo_bytes canonical = {bytes, (uint32_t)command_size};
    if (!ordo_online_unhex(line, bytes, command_size) ||
        !ordo_online_unhex(space + 1, v->results[v->count], result_size) ||
        !ordo_command_decode(canonical, &v->commands[v->count])) {
        return false;
    }
    v->result_sizes[v->count] = (uint32_t)result_size;
    v->bytes_used += (uint32_t)command_size;
    v->count++;
    return true;
}

static void note_lost(struct verify *v, uint32_t index, const struct ordo_answer *answer)
{
    if (v->lost++ > 0) {
        return;
    }
    const struct ordo_result *r = &answer->item.result;
    struct ordo_bytes id = ordo_command_order_id(&v->commands[index]);
    v->first_lost = v->lines[index];
    (void)snprintf(
        v->first_text,
        sizeof(v->first_text),
        "%s of %.*s gives %s at seq %llu now",
        ordo_schema_of(v->commands[index].kind)->name,
        (int)id.size,
        (const char *)id.data,
        ordo_result_name(r->code),
        (unsigned long long)r->seq);
}

static int check_batch(struct sale *sale, struct verify *v)
{
    const struct ordo_answer *answers = NULL;
    if (v->count == 0) {
        return ORDO_EXIT_OK;
    }
    enum ordo_err err = ordo_client_call(
        sale->online.client, v->commands, v->count, (uint32_t)sale->options.patience_ms, &answers);
    if (err != ORDO_OK) {
        return ordo_cli_fail(
            ordo_exit_of(err), "the log could not be sent: %s", ordo_err_text(err));
    }
    for (uint32_t i = 0; i < v->count; i++) {
        uint16_t code = answers[i].item.result.code;
        if (code == ORDO_RESULT_UNKNOWN || code == ORDO_RESULT_BUSY) {
            return ordo_cli_fail(
                ORDO_EXIT_UNAVAILABLE, "the node gave no answer within --patience");
        }
        struct ordo_bytes kept = {v->results[i], v->result_sizes[i]};
        v->checked++;
        if (!ordo_bytes_equal(kept, answers[i].bytes)) {
            note_lost(v, i, &answers[i]);
        }
    }
    v->count = 0;
    v->bytes_used = 0;
    return ORDO_EXIT_OK;
}

static int check_log(struct sale *sale, struct verify *v, FILE *log)
{
    char *line = NULL;
    size_t room = 0;
    uint64_t number = 0;
    int code = ORDO_EXIT_OK;
    for (;;) {
        ssize_t size = getline(&line, &room, log);
        if (size <= 0 || line[size - 1] != '\n' || code != ORDO_EXIT_OK) {
            break;
        }
        line[size - 1] = '\0';
        v->lines[v->count] = ++number;
        if (!read_line(v, line, (size_t)size - 1)) {
            code = ordo_cli_fail(
                ORDO_EXIT_FAILED,
                "%s:%llu is no line of an ack log",
                sale->options.verify,
                (unsigned long long)number);
        } else if (
            v->count == VERIFY_BATCH || VERIFY_BYTES - v->bytes_used < ORDO_COMMAND_SIZE_MAX) {
            code = check_batch(sale, v);
        }
    }
    if (code == ORDO_EXIT_OK && ferror(log) != 0) {
        code = ordo_cli_fail(ORDO_EXIT_IO, "%s: %s", sale->options.verify, strerror(errno));
    }
    free(line);
    return code == ORDO_EXIT_OK ? check_batch(sale, v) : code;
}

static int report(const struct sale *sale, const struct verify *v)
{
    if (sale->online.json) {
        json_t *root = json_pack(
            "{s:b, s:I, s:I}",
            "ok",
            v->lost == 0,
            "checked",
            (json_int_t)v->checked,
            "lost",
            (json_int_t)v->lost);
        if (root != NULL && v->lost > 0) {
            (void)json_object_set_new(root, "first", json_string(v->first_text));
        }
        int code = ordo_online_print_json(root);
        return code == ORDO_EXIT_OK && v->lost > 0 ? ORDO_EXIT_VERIFY : code;
    }
    if (v->lost > 0) {
        return ordo_cli_fail(
            ORDO_EXIT_VERIFY,
            "%llu of %llu acknowledged commands are lost or changed; the first, %s:%llu: %s",
            (unsigned long long)v->lost,
            (unsigned long long)v->checked,
            sale->options.verify,
            (unsigned long long)v->first_lost,
            v->first_text);
    }
    (void)printf("%llu acknowledged commands: each is there\n", (unsigned long long)v->checked);
    return ORDO_EXIT_OK;
}

int sale_verify(struct sale *sale)
{
    FILE *log = fopen(sale->options.verify, "re");
    if (log == NULL) {
        return ordo_cli_fail(ORDO_EXIT_IO, "%s: %s", sale->options.verify, strerror(errno));
    }
    struct verify *v = calloc(1, sizeof(*v));
    int code = ORDO_EXIT_FAILED;
    if (v == NULL || (v->bytes = malloc(VERIFY_BYTES)) == NULL) {
        code = ordo_cli_fail(ORDO_EXIT_FAILED, "out of memory");
    } else {
        code = ordo_online_open(&sale->online);
    }
    if (code == ORDO_EXIT_OK) {
        code = check_log(sale, v, log);
    }
    if (code == ORDO_EXIT_OK) {
        code = report(sale, v);
    }
    ordo_online_close(&sale->online);
    (void)fclose(log);
    if (v != NULL) {
        free(v->bytes);
    }
    free(v);
    return code;
}
