#include "order/result.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

const char *ordo_result_name(uint16_t code)
{
    switch (code) {
#define NAME_CASE(NAME, number, name, text)                                                        \
    case number:                                                                                   \
        return name;
        ORDO_RESULTS(NAME_CASE)
#undef NAME_CASE
    default:
        return "?";
    }
}

const char *ordo_result_text(uint16_t code)
{
    switch (code) {
#define TEXT_CASE(NAME, number, name, text)                                                        \
    case number:                                                                                   \
        return text;
        ORDO_RESULTS(TEXT_CASE)
#undef TEXT_CASE
    default:
        return "?";
    }
}

static const char *const state_names[] = {
#define STATE_NAME(NAME, number, name, chinese) name,
    ORDO_STATES(STATE_NAME)
#undef STATE_NAME
};

static const char *const state_chinese[] = {
#define STATE_CHINESE(NAME, number, name, chinese) chinese,
    ORDO_STATES(STATE_CHINESE)
#undef STATE_CHINESE
};

static const char *const disposition_names[] = {
#define DISPOSITION_NAME(NAME, number, name) name,
    ORDO_DISPOSITIONS(DISPOSITION_NAME)
#undef DISPOSITION_NAME
};

static const char *const account_names[] = {
#define ACCOUNT_NAME(NAME, number, name) name,
    ORDO_ACCOUNTS(ACCOUNT_NAME)
#undef ACCOUNT_NAME
};

const char *ordo_state_name(uint8_t state)
{
    return state < ORDO_STATE_COUNT ? state_names[state] : "?";
}

const char *ordo_state_chinese(uint8_t state)
{
    return state < ORDO_STATE_COUNT ? state_chinese[state] : "?";
}

const char *ordo_disposition_name(uint8_t disposition)
{
    return disposition < ORDO_DISPOSITION_COUNT ? disposition_names[disposition] : "?";
}

const char *ordo_account_name(uint8_t account)
{
    return account < ORDO_ACCOUNT_COUNT ? account_names[account] : "?";
}

bool ordo_state_find(const char *name, uint8_t *state)
{
    for (uint8_t i = ORDO_STATE_PENDING; i < ORDO_STATE_COUNT; i++) {
        if (strcasecmp(name, state_names[i]) == 0 || strcmp(name, state_chinese[i]) == 0) {
            *state = i;
            return true;
        }
    }
    return false;
}
