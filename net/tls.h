/* tls.h - certificates for the addresses of tls+tcp: who the server is, and whose clients it takes.
 *
 * A certificate is required of both sides, TLS 1.2 at least. nng 1.5.2 cannot tell who a peer is,
 * so the role of a listener is its CA: who holds a certificate of that CA has the role (README.md
 * §1).
 */
#ifndef ORDO_NET_TLS_H
#define ORDO_NET_TLS_H

#include "base/err.h"
#include "net/role.h"

/* Files in PEM; NULL or empty: not given. Not owned. */
struct ordo_tls_files {
    const char *certificate;         /* the server's, with its chain behind it */
    const char *key;                 /* of the certificate, without a password */
    const char *ca[ORDO_ROLE_COUNT]; /* who signs the clients of a role */
};

struct ordo_tls; /* what nng is given for one listener */

/* Whether an address is one of tls+tcp. */
bool ordo_tls_is_wanted(const char *url);

/* Reads the files for a listener of this role. CONFIG when one is missing or is not what it should
 * be, with the key of the configuration or the file. Starter thread; blocks for the reading. */
enum ordo_err ordo_tls_open(
    const struct ordo_tls_files *files,
    enum ordo_door_role role,
    const char *url,
    struct ordo_tls **out,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* nng's own type behind it, for the listener's option. */
void *ordo_tls_config(struct ordo_tls *tls);

/* NULL is none. */
void ordo_tls_close(struct ordo_tls *tls);

#endif
