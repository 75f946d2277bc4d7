/* failpoint.h - named places where a test can end the process, hold it, or make a call fail.
 *
 * Nothing at all in the product: the macros are empty unless the tree is configured with
 * -DORDO_FAILPOINTS=ON, which builds the program as `ordo_failpoints`. There
 *
 *   ORDO_FAILPOINT=NAME:ACTION[:NTH]   acts when NAME is passed the NTH time (1), and
 *   ORDO_FAILPOINT_HITS=FILE           counts every name that is passed, whatever acts: entries of
 *                                      56 bytes of name and 8 of count, little-endian
 *
 * with the actions abort (as kill -9 would, at once), delay=MS, and error[=ERRNO] (EIO). Names are
 * part.place; every name stands in the sources once. Any thread.
 */
#ifndef ORDO_BASE_FAILPOINT_H
#define ORDO_BASE_FAILPOINT_H

#define ORDO_FAILPOINT_NAME_MAX 56 /* with the zero */

#ifdef ORDO_FAILPOINTS

/* 0, or the errno to fail with. */
int ordo_failpoint_pass(const char *name);

#define ORDO_FAILPOINT(name)       ((void)ordo_failpoint_pass(name))
#define ORDO_FAILPOINT_ERROR(name) ordo_failpoint_pass(name)

#else

#define ORDO_FAILPOINT(name)       ((void)0)
#define ORDO_FAILPOINT_ERROR(name) 0

#endif
#endif
