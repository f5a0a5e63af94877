/* stops.c - stop strings over a stream of pieces. One Knuth-Morris-Pratt automaton a string: its state is how many
 * bytes at the end of the stream begin the string, so the longest state is exactly the tail that must be held back. */
#include "sample/sample.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_STOP = 4096 };

struct stop {
    char *text;
    uint32_t *fail; /* fail[i]: the longest proper prefix of text that ends text[0..i] */
    size_t len, state;
};

struct hz_stops {
    struct stop *stops;
    size_t n;
    struct hz_buf out; /* held-back bytes first, then the piece */
    size_t shown;      /* bytes of out that were given out by the last call */
};

static hz_status stop_new(struct stop *s, const char *text, struct hz_error *err)
{
    s->len = text ? strlen(text) : 0;
    if (!s->len || s->len > MAX_STOP)
        return hz_fail(err, HZ_E_INVALID, "a stop string of %zu bytes, must have 1 to %d", s->len, MAX_STOP);
    s->text = hz_strndup(text, s->len);
    s->fail = hz_calloc(s->len, sizeof *s->fail);
    if (!s->text || !s->fail)
        return hz_fail_nomem(err, s->len * sizeof *s->fail);
    for (size_t i = 1, k = 0; i < s->len; i++) {
        while (k && s->text[i] != s->text[k])
            k = s->fail[k - 1];
        k += s->text[i] == s->text[k];
        s->fail[i] = (uint32_t)k;
    }
    return HZ_OK;
}

hz_status hz_stops_new(const char *const *stops, size_t n, struct hz_stops **out, struct hz_error *err)
{
    hz_status status;
    struct hz_stops *s = hz_calloc(1, sizeof *s);
    if (!s)
        return hz_fail_nomem(err, sizeof *s);
    hz_buf_init(&s->out, SIZE_MAX / 2);
    s->stops = hz_calloc(n ? n : 1, sizeof *s->stops);
    if (!s->stops) {
        status = hz_fail_nomem(err, n * sizeof *s->stops);
        goto fail;
    }
    s->n = n;
    for (size_t i = 0; i < n; i++)
        if ((status = stop_new(&s->stops[i], stops[i], err)) != HZ_OK)
            goto fail;
    *out = s;
    return HZ_OK;
fail:
    hz_stops_free(s);
    return status;
}

void hz_stops_free(struct hz_stops *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++) {
        free(s->stops[i].text);
        free(s->stops[i].fail);
    }
    free(s->stops);
    hz_buf_free(&s->out);
    free(s);
}

/* Forgets what the last call gave out; the held-back tail moves to the front. */
static void drop_shown(struct hz_stops *s)
{
    memmove(s->out.data, s->out.data + s->shown, s->out.len - s->shown);
    s->out.len -= s->shown;
    s->shown = 0;
}

/* Feeds one byte to all automata; the length of the longest stop string that it completes, or 0. */
static size_t step(struct hz_stops *s, char byte)
{
    size_t met = 0;
    for (size_t k = 0; k < s->n; k++) {
        struct stop *t = &s->stops[k];
        while (t->state && t->text[t->state] != byte)
            t->state = t->fail[t->state - 1];
        t->state += t->text[t->state] == byte;
        if (t->state == t->len)
            met = HZ_MAX(met, t->len);
    }
    return met;
}

hz_status hz_stops_push(struct hz_stops *s, const char *piece, size_t len, const char **out, size_t *out_len, bool *met,
                        struct hz_error *err)
{
    *met = false;
    *out = piece;
    *out_len = len;
    if (!s->n || !len)
        return HZ_OK;
    if (s->shown)
        drop_shown(s);
    size_t before = s->out.len;
    hz_buf_put(&s->out, piece, len);
    HZ_TRY(hz_buf_check(&s->out, "text before a stop string", err));
    size_t held = 0;
    for (size_t i = 0; i < len && !*met; i++) {
        size_t found = step(s, piece[i]);
        if (found) {
            *met = true;
            s->out.len = before + i + 1 - found;
        }
    }
    for (size_t k = 0; k < s->n && !*met; k++)
        held = HZ_MAX(held, s->stops[k].state);
    *out = s->out.data;
    *out_len = s->shown = s->out.len - held;
    return HZ_OK;
}

void hz_stops_flush(struct hz_stops *s, const char **out, size_t *out_len)
{
    if (s->shown)
        drop_shown(s);
    *out = s->out.data ? s->out.data : "";
    *out_len = s->shown = s->out.len;
}
