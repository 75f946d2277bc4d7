/* lib_parts.h - the inside of libordo's public handles (ordo/ordo.h): the handle of a client, the
 * way from a public command to an encoded one and from an answer to a public end.
 *
 * Public names and the project's own never meet in one header but here. One thread.
 */
#ifndef ORDO_NET_CLIENT_LIB_PARTS_H
#define ORDO_NET_CLIENT_LIB_PARTS_H

#include "net/client/client.h"
#include "net/client/ordo/ordo.h"

/* ---- lib_words.c ---- */

/* The public number of an error. */
int ordo_lib_code(enum ordo_err err);

/* Fills *error (may be NULL) and returns its code. */
int ordo_lib_fail(struct ordo_error *error, const struct ordo_fail *fail);
int ordo_lib_error(struct ordo_error *error, int code, const char *format, ...) ORDO_PRINTF(3, 4);

struct ordo_tunnel_files ordo_lib_tls(const struct ordo_tls_options *tls);

/* ---- lib_cmd.c ---- */

/* Texts point into what the caller of the library gave; lists are written to the scratch.
 * ORDO_E_INVALID when the kind has no such form. */
int ordo_lib_command(
    const struct ordo_cmd *cmd, struct ordo_command *command, struct ordo_writer *scratch);

/* The same for a kind from 192 on, which has the generic form only. */
int ordo_lib_service(
    const struct ordo_cmd *cmd, struct ordo_service *service, struct ordo_writer *scratch);

/* ---- lib_end.c ---- */

/* Memory of what a struct ordo_end points to. */
struct ordo_lib_space {
    uint8_t *data;
    size_t size;
    size_t used;
};

/* Makes an end of an answer; it points into the space and into the answer's bytes. False: out of
 * memory, the body is missing then and all else there. */
bool ordo_lib_end(
    const struct ordo_answer *answer,
    uint32_t kind,
    struct ordo_lib_space *space,
    struct ordo_end *end);

/* A copy of a text with a zero byte behind it; NULL: out of room. */
const char *ordo_lib_text(struct ordo_lib_space *space, struct ordo_bytes text);

#endif
