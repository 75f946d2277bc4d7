/* nng_pub.h - the socket of the status stream: frames to whoever listens, never waiting for
 * anybody. */
#ifndef ORDO_NET_NNG_PUB_H
#define ORDO_NET_NNG_PUB_H

#include "base/bytes.h"
#include "base/err.h"
#include "net/nng_listen.h"

struct ordo_nng_pub;

/* Its addresses are bound in `listeners`, which must outlive it. Starter thread. */
enum ordo_err ordo_nng_pub_open(
    struct ordo_nng_listeners *listeners,
    struct ordo_nng_pub **out,
    struct ordo_fail *fail) ORDO_MUST_USE;
enum ordo_err ordo_nng_pub_listen(struct ordo_nng_pub *pub, const char *url, struct ordo_fail *fail)
    ORDO_MUST_USE;
void ordo_nng_pub_close(struct ordo_nng_pub *pub);

/* Sends a copy of the frame to every subscriber whose queue has room; one who reads too slowly
 * loses it and sees the gap. False when nobody can have got it. Publish thread; does not block. */
bool ordo_nng_pub_send(struct ordo_nng_pub *pub, struct ordo_bytes frame);

#endif
