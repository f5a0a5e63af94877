/* progress.c - the progress bar. */
#include "cli/progress.h"

#include "base/os/sys.h"
#include "cli/table.h"
#include "cli/term.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Draws at most twenty times a second, and always when all is done. */
static void draw(struct hz_progress *p, const char *what, uint64_t done, uint64_t total, const char *amount)
{
    double now = hz_clock();
    if (!hz_term_is_tty(HZ_TERM_ERR) || (now < p->next && done < total))
        return;
    double part = total ? HZ_MIN((double)done / (double)total, 1.0) : 1.0;
    char line[512], bar[64];
    int room = hz_term_width() - (int)strlen(what) - (int)strlen(amount) - 12; /* blanks, brackets and the percentage */
    int width = HZ_MAX(HZ_MIN(room, 40), 0), full = (int)(part * width);
    memset(bar, '=', (size_t)full);
    memset(bar + full, ' ', (size_t)(width - full));
    snprintf(line, sizeof line, "%s [%.*s] %3d %%  %s", what, width, bar, (int)(part * 100), amount);
    fprintf(stderr, "\r%.*s", hz_term_width() - 1, line);
    fflush(stderr);
    p->shown = true;
    p->next = now + 0.05;
}

int hz_progress_bytes(void *user, const char *what, uint64_t done, uint64_t total)
{
    char of[32], to[32], amount[72];
    snprintf(amount, sizeof amount, "%s of %s", hz_format_bytes(done, to), hz_format_bytes(total, of));
    draw(user, what, done, total, amount);
    return hz_term_interrupted();
}

void hz_progress_count(struct hz_progress *p, const char *what, uint64_t done, uint64_t total)
{
    char amount[64];
    snprintf(amount, sizeof amount, "%" PRIu64 " of %" PRIu64, done, total);
    draw(p, what, done, total, amount);
}

void hz_progress_end(struct hz_progress *p)
{
    if (!p->shown)
        return;
    fprintf(stderr, "\r%*s\r", hz_term_width() - 1, "");
    fflush(stderr);
    p->shown = false;
}
