#include "net/client/client_parts.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* Ids of commands: 16 bytes of the kernel's randomness, taken in blocks, because two clients that
 * make the same id would take each other's results for their own.
 */

static void refill_random(struct ordo_client *client)
{
    size_t got = 0;
    while (got < sizeof(client->random)) {
        ssize_t n = getrandom(client->random + got, sizeof(client->random) - got, 0);
        ORDO_ASSERT(n > 0 || errno == EINTR); /* the kernel's pool is ready long before us */
        got += n > 0 ? (size_t)n : 0;
    }
    client->random_left = sizeof(client->random);
}

uint64_t ordo_client_random(struct ordo_client *client)
{
    if (client->random_left < 8) {
        refill_random(client);
    }
    client->random_left -= 8;
    return ordo_get_le64(client->random + client->random_left);
}

bool ordo_client_id_is_zero(const uint8_t id[ORDO_ID_SIZE])
{
    static const uint8_t zero[ORDO_ID_SIZE];
    return memcmp(id, zero, ORDO_ID_SIZE) == 0;
}

void ordo_client_id(struct ordo_client *client, uint8_t id[ORDO_ID_SIZE])
{
    do {
        ordo_put_le64(id, ordo_client_random(client));
        ordo_put_le64(id + 8, ordo_client_random(client));
    } while (ordo_client_id_is_zero(id));
}
