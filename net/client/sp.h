/* sp.h - one connection that speaks the SP framing of nng's ipc and tcp transports over a plain
 * socket, or through a tunnel of TLS (nng_tls.h) that looks like one.
 *
 * Both sides open with 8 bytes (00 53 50 00, protocol u16 big-endian, 00 00); a peer of the wrong
 * protocol is refused. A message is its length as u64 big-endian (behind a byte 01 on ipc) and that
 * many bytes. Nothing here knows requests or replies. All calls are non-blocking; one thread uses a
 * connection.
 *
 * Memory: the receive buffer begins with ORDO_SP_BUFFER bytes and grows only by bytes that have
 * arrived; an announced length over message_max closes the connection before anything is taken.
 */
#ifndef ORDO_NET_CLIENT_SP_H
#define ORDO_NET_CLIENT_SP_H

#include "base/bytes.h"
#include "base/err.h"
#include "net/client/nng_tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define ORDO_SP_URL_MAX    255 /* bytes of a URL */
#define ORDO_SP_GREETING   8
#define ORDO_SP_PREFIX_MAX 9 /* bytes in front of a message */
#define ORDO_SP_BUFFER     65536

enum ordo_sp_protocol {
    ORDO_SP_PUB = 0x20,
    ORDO_SP_SUB = 0x21,
    ORDO_SP_REQ = 0x30,
    ORDO_SP_REP = 0x31,
};

enum ordo_sp_phase {
    ORDO_SP_CLOSED,
    ORDO_SP_CONNECTING, /* connect() is under way */
    ORDO_SP_GREETING_SENT,
    ORDO_SP_OPEN,
};

struct ordo_sp {
    char url[ORDO_SP_URL_MAX + 1];
    struct sockaddr_storage address;
    socklen_t address_size;
    bool ipc;
    bool tls;
    struct ordo_tunnel *tunnel; /* of tls+tcp; NULL until use_tls */
    uint16_t own;               /* enum ordo_sp_protocol */
    uint16_t peer;              /* what the other side must be */
    size_t message_max;
    enum ordo_sp_phase phase;
    int fd; /* -1 when closed */
    uint8_t *in;
    size_t in_size;  /* allocated */
    size_t in_begin; /* first byte not consumed */
    size_t in_end;
};

/* Parses and resolves the URL: ipc://PATH, tcp://HOST:PORT or tls+tcp://HOST:PORT (use_tls is owed
 * then). Does not connect. CONFIG for a URL that is none, UNSUPPORTED for another transport. A host
 * name that is no address asks the resolver and may block. fini is owed on success. */
enum ordo_err ordo_sp_init(
    struct ordo_sp *sp,
    const char *url,
    enum ordo_sp_protocol own,
    enum ordo_sp_protocol peer,
    size_t message_max,
    struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_sp_fini(struct ordo_sp *sp);

/* The certificates for a URL of tls+tcp; does nothing for others. CONFIG as of ordo_tunnel_open. */
enum ordo_err
ordo_sp_use_tls(struct ordo_sp *sp, const struct ordo_tunnel_files *files, struct ordo_fail *fail)
    ORDO_MUST_USE;

/* Begins to connect a closed connection. UNAVAILABLE when nobody listens. */
enum ordo_err ordo_sp_connect(struct ordo_sp *sp, struct ordo_fail *fail) ORDO_MUST_USE;

/* Closes the socket and forgets what was received; connect may follow. */
void ordo_sp_close(struct ordo_sp *sp);

/* What poll() should wait for besides what the caller wants to send. */
short ordo_sp_events(const struct ordo_sp *sp, bool wants_to_send);

/* Goes on with connect and greeting after poll(). OK when messages may flow, EMPTY when it is not
 * yet so; anything else has closed the connection. */
enum ordo_err ordo_sp_progress(struct ordo_sp *sp, struct ordo_fail *fail) ORDO_MUST_USE;

/* Writes the prefix of a message of `size` payload bytes; returns the prefix's size. */
size_t ordo_sp_prefix(const struct ordo_sp *sp, uint8_t out[ORDO_SP_PREFIX_MAX], uint64_t size);

/* Sends what the socket takes now; *sent may be less than all, or 0. An error has closed the
 * connection. Only while open. */
enum ordo_err ordo_sp_send(
    struct ordo_sp *sp,
    const struct iovec *parts,
    size_t count,
    size_t *sent,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Receives once into the buffer. EMPTY when nothing is there; CLOSED when the peer has closed. Any
 * error has closed the connection. Only while open; messages are taken by next before. */
enum ordo_err ordo_sp_receive(struct ordo_sp *sp, struct ordo_fail *fail) ORDO_MUST_USE;

/* The next whole message; its bytes are valid until the next receive or close. EMPTY when there is
 * none yet. INVALID has closed the connection. */
enum ordo_err
ordo_sp_next(struct ordo_sp *sp, struct ordo_bytes *message, struct ordo_fail *fail) ORDO_MUST_USE;

/* True when the last receive may have left more in the socket. */
bool ordo_sp_may_have_more(const struct ordo_sp *sp);

#endif
