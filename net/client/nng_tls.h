/* nng_tls.h - the encrypted way to a node: a plain file descriptor in front of a TLS connection of
 * nng.
 *
 * The rest of libordo speaks SP framing over sockets; here the other end of a socket pair is
 * carried through nng's TLS stream by two threads of its own, which run nothing of the caller. nng
 * is used in this file of the library alone. One thread uses a tunnel.
 */
#ifndef ORDO_NET_CLIENT_NNG_TLS_H
#define ORDO_NET_CLIENT_NNG_TLS_H

#include "base/err.h"

#include <stddef.h>

#define ORDO_TUNNEL_REASON_MAX 160

struct ordo_tunnel;

/* Files in PEM; read at open. */
struct ordo_tunnel_files {
    const char *ca;     /* who signs the node's certificate */
    const char *cert;   /* ours */
    const char *key;    /* of it, without a password */
    const char *server; /* the name in the node's certificate; NULL = the URL's host */
};

/* Reads the files for connections to url, tls+tcp://HOST:PORT. CONFIG when one is missing or none,
 * with its name. Blocks for the reading. */
enum ordo_err ordo_tunnel_open(
    const char *url,
    const struct ordo_tunnel_files *files,
    struct ordo_tunnel **out,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Connections that stand go on until their descriptor is closed. NULL is none. */
void ordo_tunnel_close(struct ordo_tunnel *tunnel);

/* Begins to connect; *fd is the caller's, non-blocking, and takes bytes at once. A connection that
 * fails or ends closes the other side of it. */
enum ordo_err
ordo_tunnel_dial(struct ordo_tunnel *tunnel, int *fd, struct ordo_fail *fail) ORDO_MUST_USE;

/* Why the last connection failed or ended, "" when it was not by TLS or the network. */
void ordo_tunnel_reason(struct ordo_tunnel *tunnel, char reason[ORDO_TUNNEL_REASON_MAX]);

#endif
