/* alloc_page.h - what alloc_fault.c shares with the rig: a file that both map, named by
 * ORDO_ALLOC_PAGE. Plain u64 at fixed places, so that a script can write them: see node_alloc.py.
 */
#ifndef ORDO_TESTS_ALLOC_PAGE_H
#define ORDO_TESTS_ALLOC_PAGE_H

#include <stdint.h>

#define ALLOC_SEEN_MAX 64

struct alloc_seen {
    char thread[16]; /* who allocated */
    uint64_t size;
    uint64_t module; /* of the caller, as an offset into `text` below; 0 = none */
    uint64_t offset; /* of the return address in it */
};

struct alloc_page {
    uint64_t fail_at;  /* the k-th allocation from now on fails; 0 = none */
    uint64_t counted;  /* allocations that could have failed so far */
    uint64_t hits;     /* those that failed */
    uint64_t watching; /* not 0: note who allocates */
    uint64_t watched;  /* how many were seen, those of `seen` first */
    uint64_t live;     /* mallocs less frees */
    struct alloc_seen seen[ALLOC_SEEN_MAX];
    char text[512]; /* names of modules */
};

#endif
