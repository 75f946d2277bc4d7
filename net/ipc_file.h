/* ipc_file.h - the file of a unix socket: whose it is, and how it answers. */
#ifndef ORDO_NET_IPC_FILE_H
#define ORDO_NET_IPC_FILE_H

#include <stdbool.h>
#include <stdint.h>

/* There is something at the path that is no socket: not ours to remove. */
bool ordo_ipc_is_foreign(const char *path);

/* A process listens on the socket file; a file that nobody listens on is removed. Blocks for at
 * most a second. */
bool ordo_ipc_is_alive(const char *path);

/* Connects as a peer of this SP protocol and exchanges greetings: the descriptor, which the caller
 * closes, or -1. Blocks for at most a second. */
int ordo_ipc_greet(const char *path, uint16_t protocol);

#endif
