#include "net/nng_pub.h"

#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <stdlib.h>

/* PUB never blocks: nng keeps a queue a subscriber and drops what does not fit, silently. So the
 * stream is a fast path only; the numbers in the frames and the heartbeat let a subscriber see what
 * he lost. Frames in the queues are shared, so a slow subscriber costs at most QUEUE_FRAMES frames,
 * not his own copies of them.
 */

#define QUEUE_FRAMES 256
#define RECEIVE_MAX  1024 /* subscribers send nothing; nng must not accept more than a greeting */

struct ordo_nng_pub {
    nng_socket socket;
    struct ordo_nng_listeners *listeners;
};

enum ordo_err ordo_nng_pub_open(
    struct ordo_nng_listeners *listeners, struct ordo_nng_pub **out, struct ordo_fail *fail)
{
    struct ordo_nng_pub *pub = calloc(1, sizeof(*pub));
    if (pub == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the publishing socket");
    }
    pub->listeners = listeners;
    int error = nng_pub0_open(&pub->socket);
    if (error != 0) {
        free(pub);
        return ordo_fail_set(
            fail, ORDO_ERR_UNAVAILABLE, "nng cannot open a socket: %s", nng_strerror(error));
    }
    error = nng_socket_set_int(pub->socket, NNG_OPT_SENDBUF, QUEUE_FRAMES);
    if (error == 0) {
        error = nng_socket_set_size(pub->socket, NNG_OPT_RECVMAXSZ, RECEIVE_MAX);
    }
    if (error != 0) {
        ordo_nng_pub_close(pub);
        return ordo_fail_set(
            fail,
            ORDO_ERR_UNAVAILABLE,
            "nng refuses the options of the publishing socket: %s",
            nng_strerror(error));
    }
    *out = pub;
    return ORDO_OK;
}

enum ordo_err ordo_nng_pub_listen(struct ordo_nng_pub *pub, const char *url, struct ordo_fail *fail)
{
    return ordo_nng_listen(pub->listeners, pub->socket.id, ORDO_ROLE_SUBSCRIBER, url, fail);
}

void ordo_nng_pub_close(struct ordo_nng_pub *pub)
{
    (void)nng_close(pub->socket);
    free(pub);
}

bool ordo_nng_pub_send(struct ordo_nng_pub *pub, struct ordo_bytes frame)
{
    nng_msg *message;
    if (nng_msg_alloc(&message, 0) != 0) {
        return false;
    }
    if (nng_msg_append(message, frame.data, frame.size) != 0 ||
        nng_sendmsg(pub->socket, message, NNG_FLAG_NONBLOCK) != 0) {
        nng_msg_free(message);
        return false;
    }
    return true;
}
