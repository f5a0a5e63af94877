/* progress.h - one line on the terminal that says how far something is. Nothing at all where stderr is no terminal. */
#ifndef HZ_CLI_PROGRESS_H
#define HZ_CLI_PROGRESS_H

#include "base/status.h"

struct hz_progress { /* starts as {0} */
    bool shown;
    double next; /* clock of the next drawing */
};

/* A hz_progress_fn; user is a struct hz_progress. Bytes. Asks to stop once Ctrl-C was pressed. */
int hz_progress_bytes(void *user, const char *what, uint64_t done, uint64_t total);
/* Likewise for things that are counted, not weighed. */
void hz_progress_count(struct hz_progress *p, const char *what, uint64_t done, uint64_t total);
/* Takes the line away. */
void hz_progress_end(struct hz_progress *p);

#endif
