/* cpu.c - the CPU as a device: threads, memory, buffers, and its struct of functions. */
#include "backend/cpu/cpu.h"

#include "base/os/sys.h"

#include <stdlib.h>
#include <string.h>

static void cpu_close(struct hz_device *dev)
{
    if (!dev)
        return;
    hz_queue_free(dev);
    hz_pool_free(dev->pool);
    free(dev);
}

static hz_status cpu_open(const struct hz_device_options *options, struct hz_device **out, struct hz_error *err)
{
    struct hz_device *dev = hz_calloc(1, sizeof *dev);
    if (!dev)
        return hz_fail_nomem(err, sizeof *dev);
    dev->threads = options->threads > 0 ? options->threads : HZ_MIN(hz_cpu_cores(), HZ_POOL_MAX);
    hz_status status = hz_kern_select(options->cpu_rung, &dev->kern, err);
    if (status == HZ_OK)
        status = hz_pool_new(dev->threads, &dev->pool, err);
    if (status == HZ_OK)
        status = hz_queue_new(dev, err);
    if (status != HZ_OK) {
        cpu_close(dev);
        return status;
    }
    hz_log(HZ_LOG_INFO, "cpu: %s, %d threads, rung %s", hz_cpu_name(), dev->threads, dev->kern->name);
    *out = dev;
    return HZ_OK;
}

static hz_status cpu_memory(struct hz_device *dev, struct hz_device_memory *out, struct hz_error *err)
{
    (void)dev, (void)err;
    out->total = hz_memory_total();
    out->free = hz_memory_available();
    out->recommended = out->free / 10 * 9;
    return HZ_OK;
}

static void cpu_describe(struct hz_device *dev, struct hz_buf *out)
{
    hz_buf_puts(out, "{\"name\": \"cpu\", \"processor\": \"");
    for (const char *c = hz_cpu_name(); *c; c++)
        if (*c != '"' && *c != '\\')
            hz_buf_putc(out, *c);
    hz_buf_printf(out, "\", \"threads\": %d, \"rung\": \"%s\"}", dev->threads, dev->kern->name);
}

static hz_status cpu_alloc(struct hz_device *dev, uint64_t bytes, struct hz_buffer **out, struct hz_error *err)
{
    (void)dev;
    struct hz_buffer *b = hz_calloc(1, sizeof *b);
    if (b && bytes <= SIZE_MAX)
        b->data = hz_alloc_aligned((size_t)bytes);
    if (!b || !b->data) {
        free(b);
        return hz_fail_nomem(err, (size_t)bytes);
    }
    b->bytes = bytes;
    *out = b;
    return HZ_OK;
}

static hz_status cpu_wrap(struct hz_device *dev, const void *mapped, uint64_t bytes, struct hz_buffer **out,
                          struct hz_error *err)
{
    (void)dev;
    struct hz_buffer *b = hz_calloc(1, sizeof *b);
    if (!b)
        return hz_fail_nomem(err, sizeof *b);
    *b = (struct hz_buffer){(uint8_t *)mapped, bytes, true};
    *out = b;
    return HZ_OK;
}

static void cpu_free(struct hz_device *dev, struct hz_buffer *buffer)
{
    (void)dev;
    if (buffer && !buffer->borrowed)
        hz_free_aligned(buffer->data, (size_t)buffer->bytes);
    free(buffer);
}

/* The bytes of a place, if `bytes` of them are there. */
static uint8_t *bytes_at(struct hz_place p, uint64_t bytes, struct hz_error *err)
{
    if (p.offset <= p.buffer->bytes && bytes <= p.buffer->bytes - p.offset)
        return p.buffer->data + p.offset;
    hz_fail(err, HZ_E_INVALID, "%llu bytes at %llu of a buffer of %llu", (unsigned long long)bytes,
            (unsigned long long)p.offset, (unsigned long long)p.buffer->bytes);
    return NULL;
}

static hz_status cpu_upload(struct hz_device *dev, struct hz_place to, const void *from, uint64_t bytes,
                            struct hz_error *err)
{
    (void)dev;
    uint8_t *p = bytes_at(to, bytes, err);
    if (!p)
        return HZ_E_INVALID;
    memcpy(p, from, (size_t)bytes);
    return HZ_OK;
}

static hz_status cpu_download(struct hz_device *dev, struct hz_place from, void *to, uint64_t bytes,
                              struct hz_error *err)
{
    (void)dev;
    const uint8_t *p = bytes_at(from, bytes, err);
    if (!p)
        return HZ_E_INVALID;
    memcpy(to, p, (size_t)bytes);
    return HZ_OK;
}

static hz_status cpu_copy(struct hz_device *dev, struct hz_place from, struct hz_place to, uint64_t bytes,
                          struct hz_error *err)
{
    const uint8_t *p = bytes_at(from, bytes, err);
    return p ? cpu_upload(dev, to, p, bytes, err) : HZ_E_INVALID;
}

static struct hz_place cpu_logits(struct hz_exec *x)
{
    struct hz_operand logits = {x->plan->logits, 0, x->plan->n_vocab};
    return (struct hz_place){&x->logits_buffer, (uint64_t)((uint8_t *)hz_at(x, logits, 0) - x->logits_buffer.data)};
}

const struct hz_backend hz_backend_cpu = {
    .version = HZ_BACKEND_VERSION,
    .name = "cpu",
    .kv_bytes = {[HZ_FAST] = 2, [HZ_EXACT] = 4},
    .fusions = 1u << HZ_FUSE_LINEARS | 1u << HZ_FUSE_GATED | 1u << HZ_FUSE_ROWS,
    .open = cpu_open,
    .close = cpu_close,
    .memory = cpu_memory,
    .describe = cpu_describe,
    .alloc = cpu_alloc,
    .free = cpu_free,
    .wrap = cpu_wrap,
    .upload = cpu_upload,
    .download = cpu_download,
    .copy = cpu_copy,
    .pack = hz_cpu_pack,
    .unpack = hz_cpu_unpack,
    .supports = hz_cpu_supports,
    .compile = hz_cpu_compile,
    .discard = hz_cpu_discard,
    .run = hz_cpu_run,
    .sample = hz_cpu_sample,
    .wait = hz_cpu_wait,
    .logits = cpu_logits,
};
