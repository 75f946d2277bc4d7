/* canary.h - planted bugs, to prove that the simulator sees: one at a time is switched on. */
#ifndef ORDO_TESTS_SIM_CANARY_H
#define ORDO_TESTS_SIM_CANARY_H

enum canary {
    CANARY_NONE,
    CANARY_FLUSH_SKIPPED,           /* a flush does nothing, and says that it did */
    CANARY_FOLDER_FLUSH_SKIPPED,    /* the same of names */
    CANARY_ACK_BEFORE_FLUSH,        /* a write is said to be done when it begins */
    CANARY_SHORT_WRITE_IGNORED,     /* a part of a write is said to be all of it */
    CANARY_SNAPSHOT_BEFORE_DURABLE, /* a snapshot is complete before its journal is */
    CANARY_REPLY_BEFORE_DURABLE,    /* answers wait for apply alone */
    CANARY_STREAM_BEFORE_DURABLE,   /* updates do */
    CANARY_COUNT
};

extern enum canary canary;

#endif
