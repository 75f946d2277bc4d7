/* address.h - the URLs that a server binds: their parts, and errors that say what to do. */
#ifndef ORDO_NET_ADDRESS_H
#define ORDO_NET_ADDRESS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define ORDO_URL_SIZE 256

/* The path of ipc:///path, else NULL. Pure. */
const char *ordo_address_ipc_path(const char *url);

/* ipc: or tcp:, what the polled door speaks. Pure. */
bool ordo_address_is_plain(const char *url);

/* The three ways in which listening fails: CONFIG, UNAVAILABLE, UNAVAILABLE. */
enum ordo_err ordo_address_wrong(const char *url, struct ordo_fail *fail);
enum ordo_err ordo_address_in_use(const char *url, struct ordo_fail *fail);
enum ordo_err ordo_address_refused(const char *url, const char *reason, struct ordo_fail *fail);

/* An ipc URL: no file in the way that is not a socket, no living server; the file of a dead one is
 * removed. OK for other URLs. Blocks for at most a second. */
enum ordo_err ordo_address_claim(const char *url, struct ordo_fail *fail) ORDO_MUST_USE;

/* A listening socket on ipc (mode 0600 before anybody can connect) or tcp. Blocks while a name is
 * looked up. CONFIG or UNAVAILABLE, naming the URL. */
enum ordo_err
ordo_address_listen(const char *url, int backlog, int *fd, struct ordo_fail *fail) ORDO_MUST_USE;

#endif
