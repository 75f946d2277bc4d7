#include "net/client/lib_parts.h"

#include "order/result.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The names that libordo gives to the numbers. The tables are the engine's own, so that a new code
 * needs one line in one place; a number that this library does not know yet has a name too, because
 * a program prints it before it looks.
 */

#define ORDO_TEXT_OF(number)        ORDO_TEXT_OF_ARGUMENT(number)
#define ORDO_TEXT_OF_ARGUMENT(text) #text

const char *ordo_lib_version(void)
{
    return ORDO_TEXT_OF(ORDO_LIB_MAJOR) "." ORDO_TEXT_OF(ORDO_LIB_MINOR);
}

const char *ordo_status_name(unsigned status)
{
    return status < ORDO_STATE_COUNT ? ordo_state_name((uint8_t)status) : "a newer status";
}

const char *ordo_money_name(unsigned money)
{
    return money < ORDO_DISPOSITION_COUNT ? ordo_disposition_name((uint8_t)money)
                                          : "a newer disposition";
}

const char *ordo_code_name(unsigned code)
{
    return ordo_result_name((uint16_t)(code <= UINT16_MAX ? code : UINT16_MAX));
}

const char *ordo_code_text(unsigned code)
{
    return ordo_result_text((uint16_t)(code <= UINT16_MAX ? code : UINT16_MAX));
}

int ordo_lib_code(enum ordo_err err)
{
    switch (err) {
    case ORDO_OK:
        return ORDO_E_OK;
    case ORDO_ERR_FULL:
        return ORDO_E_FULL;
    case ORDO_ERR_LIMIT:
        return ORDO_E_LIMIT;
    case ORDO_ERR_NO_MEMORY:
        return ORDO_E_MEMORY;
    case ORDO_ERR_CONFIG:
    case ORDO_ERR_NOT_FOUND:
        return ORDO_E_CONFIG;
    case ORDO_ERR_UNSUPPORTED:
    case ORDO_ERR_VERSION:
        return ORDO_E_UNSUPPORTED;
    case ORDO_ERR_UNAVAILABLE:
        return ORDO_E_UNAVAILABLE;
    case ORDO_ERR_TIMEOUT:
        return ORDO_E_TIMEOUT;
    case ORDO_ERR_CLOSED:
        return ORDO_E_STOPPED;
    case ORDO_ERR_DAMAGED:
        return ORDO_E_DAMAGED;
    case ORDO_ERR_IO:
    case ORDO_ERR_NO_SPACE:
        return ORDO_E_IO;
    case ORDO_ERR_EMPTY:
    case ORDO_ERR_INVALID:
    case ORDO_ERR_EXISTS:
    case ORDO_ERR_IN_USE:
    case ORDO_ERR_DIVERGED:
    case ORDO_ERR_COUNT:
    default:
        return ORDO_E_INVALID;
    }
}

int ordo_lib_error(struct ordo_error *error, int code, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        error->code = code;
        (void)vsnprintf(error->text, sizeof(error->text), format, arguments);
        va_end(arguments);
    }
    return code;
}

int ordo_lib_fail(struct ordo_error *error, const struct ordo_fail *fail)
{
    return ordo_lib_error(error, ordo_lib_code(fail->err), "%s", fail->text);
}

struct ordo_tunnel_files ordo_lib_tls(const struct ordo_tls_options *tls)
{
    return (struct ordo_tunnel_files){
        .ca = tls->ca, .cert = tls->cert, .key = tls->key, .server = tls->server};
}
