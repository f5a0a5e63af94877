/* engine.c - an engine is opened and closed: options, the device, the engine thread. */
#include "engine/internal.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SEQS = 4096, MAX_BATCH_TOKENS = 1 << 16 };

hz_status hz_options_copy(void *to, size_t own, const void *from, const char *what, struct hz_error *err)
{
    size_t size;
    memset(to, 0, own);
    if (!from)
        return hz_fail(err, HZ_E_INVALID, "%s is NULL", what);
    memcpy(&size, from, sizeof size); /* every options struct begins with it */
    if (size < sizeof size)
        return hz_fail(err, HZ_E_INVALID, "%s.size is %zu, must be sizeof the struct", what, size);
    for (size_t i = own; i < size; i++)
        if (((const char *)from)[i])
            return hz_fail(err, HZ_E_UNSUPPORTED, "%s has fields that this version (%s) does not know", what,
                           HZ_VERSION);
    memcpy(to, from, HZ_MIN(size, own));
    return HZ_OK;
}

static hz_status fill_options(struct hz_engine *e, const struct hz_engine_options *options, struct hz_error *err)
{
    struct hz_engine_options *o = &e->options, none = {.size = sizeof none};
    HZ_TRY(hz_options_copy(o, sizeof *o, options ? options : &none, "hz_engine_options", err));
    o->max_seqs = o->max_seqs ? o->max_seqs : 32;
    o->batch_tokens = o->batch_tokens ? o->batch_tokens : 512;
    if (o->max_seqs > MAX_SEQS)
        return hz_fail(err, HZ_E_INVALID, "max_seqs is %u, at most %d", o->max_seqs, MAX_SEQS);
    if (o->batch_tokens > MAX_BATCH_TOKENS)
        return hz_fail(err, HZ_E_INVALID, "batch_tokens is %u, at most %d", o->batch_tokens, MAX_BATCH_TOKENS);
    if (o->threads < 0)
        return hz_fail(err, HZ_E_INVALID, "threads is %d, must be 0 or more", o->threads);
    e->device_name = hz_strndup(o->device ? o->device : "auto", strlen(o->device ? o->device : "auto"));
    e->rung = o->cpu_rung ? hz_strndup(o->cpu_rung, strlen(o->cpu_rung)) : NULL;
    if (!e->device_name || (o->cpu_rung && !e->rung))
        return hz_fail_nomem(err, 16);
    o->device = e->device_name;
    o->cpu_rung = e->rung;
    return HZ_OK;
}

hz_status hz_engine_open(const struct hz_engine_options *options, hz_engine **engine, struct hz_error *err)
{
    struct hz_engine *e = hz_calloc(1, sizeof *e);
    if (!e)
        return hz_fail_nomem(err, sizeof *e);
    hz_status status = fill_options(e, options, err);
    if (status != HZ_OK)
        goto fail;
    e->incoming_end = &e->incoming;
    e->lock = hz_mutex_new();
    e->cond = hz_cond_new();
    if (!e->lock || !e->cond) {
        status = hz_fail_nomem(err, 64);
        goto fail;
    }
    e->backend = hz_backend_find(e->device_name);
    if (!e->backend) {
        status = hz_fail(err, HZ_E_UNSUPPORTED, "no device %s in this build", e->device_name);
        goto fail;
    }
    struct hz_device_options device = {.threads = e->options.threads, .cpu_rung = e->options.cpu_rung};
    if ((status = e->backend->open(&device, &e->device, err)) != HZ_OK)
        goto fail;
    *engine = e;
    return HZ_OK;
fail:
    hz_engine_close(e);
    return status;
}

void hz_engine_close(hz_engine *e)
{
    if (!e)
        return;
    if (e->thread) {
        hz_mutex_lock(e->lock);
        e->stopping = true;
        hz_cond_signal(e->cond);
        hz_mutex_unlock(e->lock);
        hz_thread_join(e->thread);
    }
    hz_engine_unload(e);
    if (e->device)
        e->backend->close(e->device);
    hz_cond_free(e->cond);
    hz_mutex_free(e->lock);
    free(e->device_name);
    free(e->rung);
    free(e);
}

void hz_engine_kick(struct hz_engine *e)
{
    hz_mutex_lock(e->lock);
    e->kicked = true;
    hz_cond_signal(e->cond);
    hz_mutex_unlock(e->lock);
}

void hz_engine_counts_now(const struct hz_engine *e, struct hz_engine_counts *out)
{
    hz_mutex_lock(e->lock);
    *out = e->counts;
    hz_mutex_unlock(e->lock);
}
