/* pack.c - weights as the CPU keeps them: tiles of 16 rows, made by all threads while the rows stream past; vectors as
 * f32; an embedding that is only looked up, and with --mmap every mapped matrix, as published. */
#include "backend/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

struct packing {
    const struct hz_row_source *rows;
    struct hz_packed *w;
    uint8_t *tiles;
    uint32_t chunk_tiles, chunks; /* of one expert */
    struct hz_work work;
    _Atomic int failed;
    struct hz_error *errors; /* one for each thread */
    uint8_t *scratch;        /* HZ_TILE published rows for each thread */
};

/* Packs the tiles of one chunk. */
static hz_status pack_chunk(struct packing *p, uint32_t chunk, int thread)
{
    struct hz_packed *w = p->w;
    uint32_t expert = chunk / p->chunks, tile = chunk % p->chunks * p->chunk_tiles;
    uint32_t end = HZ_MIN(tile + p->chunk_tiles, w->tiles), first = expert * w->rows + tile * HZ_TILE;
    uint8_t *scratch = p->scratch + (size_t)thread * HZ_TILE * w->row_bytes;
    for (; tile < end; tile++) {
        const void *at[HZ_TILE];
        uint32_t row = tile * HZ_TILE, n = HZ_MIN(w->rows - row, (uint32_t)HZ_TILE);
        HZ_TRY(p->rows->read(p->rows->user, expert * w->rows + row, n, at, scratch, &p->errors[thread]));
        w->linear->pack(at, n, w->cols, p->tiles + ((size_t)expert * w->tiles + tile) * w->tile_bytes);
    }
    if (p->rows->done)
        p->rows->done(p->rows->user, first, HZ_MIN(expert * w->rows + end * HZ_TILE, (expert + 1) * w->rows) - first);
    return HZ_OK;
}

static void pack_on_thread(struct hz_pool *pool, int thread, void *arg)
{
    (void)pool;
    struct packing *p = arg;
    uint32_t chunk;
    while (!atomic_load(&p->failed) && hz_work_next(&p->work, thread, &chunk))
        if (pack_chunk(p, chunk, thread) != HZ_OK)
            atomic_store(&p->failed, 1 + thread);
}

static hz_status pack_tiles(struct hz_device *dev, const struct hz_row_source *rows, struct hz_packed *w,
                            uint64_t *owned, struct hz_error *err)
{
    size_t threads = (size_t)dev->threads, bytes = (size_t)w->experts * w->tiles * w->tile_bytes;
    struct packing *p = hz_alloc_aligned(sizeof *p);
    hz_status status = HZ_OK;
    if (!p)
        return hz_fail_nomem(err, sizeof *p);
    p->rows = rows;
    p->w = w;
    p->tiles = hz_store_take(dev, bytes, &w->store);
    p->errors = hz_calloc(threads, sizeof *p->errors);
    p->scratch = hz_alloc_aligned(threads * HZ_TILE * w->row_bytes);
    if (!p->tiles || !p->errors || !p->scratch) {
        status = hz_fail_nomem(err, bytes);
        goto done;
    }
    p->chunk_tiles = (uint32_t)HZ_MAX((1u << 20) / w->tile_bytes, 1); /* about 1 MiB between hints to the system */
    p->chunks = (w->tiles + p->chunk_tiles - 1) / p->chunk_tiles;
    hz_work_set(&p->work, p->chunks * w->experts, dev->threads);
    hz_pool_run(dev->pool, pack_on_thread, p);
    int failed = atomic_load(&p->failed);
    if (failed) {
        status = p->errors[failed - 1].status;
        if (err)
            *err = p->errors[failed - 1];
        goto done;
    }
    w->data = p->tiles;
    *owned = bytes;
done:
    hz_free_aligned(p->scratch, threads * HZ_TILE * w->row_bytes);
    free(p->errors);
    hz_free_aligned(p, sizeof *p);
    return status;
}

static hz_status pack_vector(struct hz_device *dev, const struct hz_weight *weight, const struct hz_row_source *rows,
                             struct hz_packed *w, uint64_t *owned, struct hz_error *err)
{
    hz_dequantize_fn *dequantize = hz_dequantize_c(rows->type);
    uint8_t *scratch = hz_alloc_aligned(w->row_bytes);
    hz_status status = HZ_OK;
    *owned = (uint64_t)w->rows * w->experts * w->cols * sizeof(float);
    w->vector = (float *)(void *)hz_store_take(dev, (size_t)*owned, &w->store);
    if (!dequantize)
        status =
            hz_fail(err, HZ_E_UNSUPPORTED, "%s: a vector of type %s", weight->name, hz_dtype_info(rows->type)->name);
    else if (!scratch || !w->vector)
        status = hz_fail_nomem(err, (size_t)*owned);
    for (uint32_t r = 0; status == HZ_OK && r < w->rows * w->experts; r++) {
        const void *at;
        float *out = w->vector + (size_t)r * w->cols;
        status = rows->read(rows->user, r, 1, &at, scratch, err);
        if (status != HZ_OK)
            break;
        dequantize(at, out, w->cols);
        for (uint32_t i = 0; weight->add != 0 && i < w->cols; i++)
            out[i] += weight->add;
    }
    hz_free_aligned(scratch, w->row_bytes);
    return status;
}

hz_status hz_cpu_pack(struct hz_device *dev, const struct hz_weight *weight, const struct hz_row_source *rows,
                      const struct hz_pack_options *options, struct hz_packed **packed, uint64_t *bytes,
                      struct hz_error *err)
{
    struct hz_packed *w = hz_calloc(1, sizeof *w);
    hz_status status;
    *bytes = 0;
    if (!w)
        return hz_fail_nomem(err, sizeof *w);
    w->type = rows->type;
    w->linear = &dev->kern->linear[rows->type];
    w->experts = HZ_MAX(weight->experts, 1);
    w->rows = weight->rows / w->experts;
    w->cols = weight->cols;
    w->precise = options->precision == HZ_EXACT || weight->uses & HZ_USE_ROUTER;
    w->row_bytes = (size_t)hz_dtype_row_bytes(rows->type, weight->cols);
    if (weight->uses & HZ_USE_VECTOR) {
        w->rows = 1;
        status = pack_vector(dev, weight, rows, w, bytes, err);
    } else if (!w->linear->mul) {
        status = hz_fail(err, HZ_E_UNSUPPORTED, "%s: weights of type %s have no kernel here", weight->name,
                         hz_dtype_info(rows->type)->name);
    } else {
        w->tiles = (w->rows + HZ_TILE - 1) / HZ_TILE;
        w->tile_bytes = hz_tile_bytes(w->linear, w->cols);
        /* A table that is only looked up needs no tiles: it stays in the file, touched row by row. */
        w->borrowed = rows->mapped && (options->borrow || weight->uses == HZ_USE_EMBED);
        w->data = rows->mapped;
        status = w->borrowed ? HZ_OK : pack_tiles(dev, rows, w, bytes, err);
    }
    if (status != HZ_OK) {
        hz_cpu_unpack(dev, w);
        return status;
    }
    *packed = w;
    return HZ_OK;
}

void hz_cpu_unpack(struct hz_device *dev, struct hz_packed *packed)
{
    if (packed)
        hz_store_drop(dev, packed->store);
    free(packed);
}

void hz_cpu_row(const struct hz_packed *w, uint32_t row, float *out)
{
    if (w->borrowed) {
        hz_dequantize_c(w->type)(w->data + (size_t)row * w->row_bytes, out, w->cols);
        return;
    }
    uint32_t tile = row / w->rows * w->tiles + row % w->rows / HZ_TILE;
    w->linear->unpack(w->data + (size_t)tile * w->tile_bytes, row % w->rows % HZ_TILE, w->cols, out);
}
