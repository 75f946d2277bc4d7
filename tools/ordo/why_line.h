/* why_line.h - what a command is, in one line for people, and who sent it. Inside of the verb. */
#ifndef ORDO_TOOLS_WHY_LINE_H
#define ORDO_TOOLS_WHY_LINE_H

#include "record.h"
#include "why_words.h"

#define ORDO_WHY_LINE_MAX 512

/* "the shop asked to create the order: 2 of product 7 for 19.80 CNY". */
void ordo_why_line(
    enum ordo_language language, const struct ordo_command *command, char line[ORDO_WHY_LINE_MAX]);

/* "operator anna because asked by phone", "gateway alipay, verified by ..."; of an effect that is
 * not the command's own order: the engine. */
void ordo_why_who(
    enum ordo_language language, const struct ordo_command *command, char line[ORDO_WHY_LINE_MAX]);

/* "alipay", or the channel's number. */
void ordo_why_channel(uint64_t channel, char *out, size_t size);

#endif
