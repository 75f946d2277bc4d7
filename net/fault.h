/* fault.h - how the readers of frames say what was wrong: inside ordo_wire only. */
#ifndef ORDO_NET_FAULT_H
#define ORDO_NET_FAULT_H

#include "net/frame.h"
#include "order/result.h"

/* Fills the fault; always false, for a return in one line. The text is cut at its maximum. */
bool ordo_fault_set(struct ordo_wire_fault *fault, uint16_t code, const char *format, ...)
    ORDO_PRINTF(3, 4);

#endif
