/* net.h - the network of the simulation: stream sockets between actors and the node.
 *
 * The client library's own calls (socket, connect, send, recv, poll) end here. Bytes keep their
 * order within a connection and arrive after a drawn delay; a connection can be cut, or fall silent
 * without a word. The server's end is door.c's.
 */
#ifndef ORDO_TESTS_SIM_NET_H
#define ORDO_TESTS_SIM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_FD        (1 << 19) /* below simfs's */
#define NET_CONNS_MAX 24

#define NET_REQUESTS "/sim-requests" /* the node's addresses */
#define NET_STREAM   "/sim-stream"

struct net_faults {
    uint32_t delay_us;    /* at most */
    uint32_t slow_of;     /* one piece in so many takes a thousand times as long; 0 = none */
    uint32_t cut_of;      /* sends that find the connection cut */
    uint32_t silent_of;   /* sends after which nothing arrives any more, either way */
    uint32_t refuse_of;   /* connects */
    uint32_t pub_drop_of; /* frames of the stream, for each subscriber */
};

struct net_counts {
    uint64_t connects;
    uint64_t refused;
    uint64_t cuts;
    uint64_t silences;
    uint64_t slow;
    uint64_t pub_drops;
};

extern struct net_faults net_faults;
extern struct net_counts net_counts;

/* Every connection is gone. */
void net_begin(void);

/* The node is gone: killed (its ends are reset) or without power (silence). */
void net_server_gone(bool silently);

/* Addresses of the node; kind and role are the door's. */
void net_listen(const char *path, uint32_t kind, uint32_t role);

/* When the next bytes are there for the server, or for a client's descriptor. */
uint64_t net_server_due_ns(void);
uint64_t net_client_due_ns(int fd);

/* False: not a descriptor of the network. */
bool net_close(int fd);

/* ---- for door.c ---- */

struct net_peer {
    uint32_t kind;
    uint32_t role;
    uint32_t generation; /* another one for each connection */
    bool greeted;
};

/* The next connection with bytes that have come; -1 = none. */
int net_next_readable(void);
struct net_peer *net_peer(int conn); /* NULL when it is gone */
const uint8_t *net_bytes(int conn, size_t *size);
void net_consume(int conn, size_t size);
/* What has come is a part of something: due again when more comes. */
void net_wait(int conn);
void net_answer(int conn, const void *bytes, size_t size);
void net_cut(int conn);

#endif
