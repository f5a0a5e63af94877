/* weights.c - from tensors to packed weights: every piece of a plan's weight is bound to a tensor and its shape
 * checked, then a row source hands rows to the backend where they lie. */
#include "model/model.h"
#include "base/checked.h"
#include "base/os/file.h"
#include "quant/quant.h"

#include <stdlib.h>
#include <string.h>

/* ---- binding ----------------------------------------------------------------------------------------------------- */

/* A piece and its tensor. Seen as [rows, cols]; a vector's tensor as [elements, 1]. */
struct bound {
    const struct hz_piece *piece;
    const struct hz_tensor *tensor;
    uint32_t start;     /* the weight's row (element of a vector) that is the piece's first */
    uint32_t rows;      /* of the tensor, after turning it if it lies transposed */
    uint64_t row_bytes; /* of the tensor as it lies */
};

struct binding {
    const struct hz_plan *plan;
    const struct hz_checkpoint *ck;
    struct bound *pieces; /* of all weights, one after another */
    size_t *first;        /* [n_weights + 1] */
    uint64_t *drawn;      /* [table.n] rows that all pieces together draw from each tensor */
};

static void unbind(struct binding *b)
{
    free(b->pieces);
    free(b->first);
    free(b->drawn);
}

static bool is_vector(const struct hz_weight *w)
{
    return (w->uses & HZ_USE_VECTOR) != 0;
}

static uint64_t *drawn_of(const struct binding *b, const struct hz_tensor *t)
{
    return &b->drawn[t - b->ck->table.tensors];
}

/* It was expected to have so many rows of so many columns, or elements (cols 0); least: "" or "at least ". */
static hz_status wrong_shape(const struct bound *p, const char *least, uint64_t rows, uint64_t cols,
                             struct hz_error *err)
{
    const struct hz_tensor *t = p->tensor;
    char shape[160];
    hz_tensor_shape(t, shape, sizeof shape);
    if (!cols)
        return hz_fail(err, HZ_E_FORMAT, "%s: tensor %s is %s, expected %s[%llu]", t->file, t->name, shape, least,
                       (unsigned long long)rows);
    return hz_fail(err, HZ_E_FORMAT, "%s: tensor %s is %s, expected %s[%llu, %llu]", t->file, t->name, shape, least,
                   (unsigned long long)(p->piece->transposed ? cols : rows),
                   (unsigned long long)(p->piece->transposed ? rows : cols));
}

/* Sees the piece's tensor as [rows, cols] and checks that the rows it draws are there. */
static hz_status bind_piece(const struct binding *b, const struct hz_weight *w, struct bound *to, struct hz_error *err)
{
    const struct hz_piece *piece = to->piece;
    const struct hz_tensor *t = hz_tensor_find(&b->ck->table, piece->tensor);
    if (!t)
        return hz_fail(err, HZ_E_NOTFOUND, "%s: no tensor %s, which architecture %s needs", b->ck->path, piece->tensor,
                       b->plan->name);
    to->tensor = t;
    enum hz_family family = (unsigned)t->type < HZ_DTYPES ? hz_dtype_family(t->type) : HZ_FAMILY_NONE;
    if (family == HZ_FAMILY_NONE || (is_vector(w) && family != HZ_FAMILY_DENSE))
        return hz_fail(err, HZ_E_UNSUPPORTED, "%s: tensor %s is of type %s, which this build cannot read as a %s",
                       t->file, t->name, t->type_name, is_vector(w) ? "norm or bias" : "weight");
    uint64_t elements = hz_tensor_elements(t), cols = is_vector(w) ? 1 : w->cols, last, rows;
    uint64_t inner = t->n_dims ? t->dims[t->n_dims - 1] : 1;
    uint64_t across = piece->transposed ? inner ? elements / inner : 0 : inner;
    if (!is_vector(w) && across != cols)
        return wrong_shape(to, "", w->rows, cols, err);
    if (piece->transposed && hz_dtype_info(t->type)->block != 1)
        return hz_fail(err, HZ_E_UNSUPPORTED, "%s: tensor %s of %s lies transposed, which only dense types may",
                       t->file, t->name, t->type_name);
    rows = piece->transposed ? inner : elements / cols;
    to->rows = (uint32_t)HZ_MIN(rows, UINT32_MAX);
    to->row_bytes = is_vector(w) ? hz_dtype_info(t->type)->bytes : hz_dtype_row_bytes(t->type, inner);
    if (piece->list) {
        last = 0;
        for (uint32_t i = 0; i < piece->count; i++)
            last = HZ_MAX(last, piece->list[i]);
    } else {
        last = piece->first + (uint64_t)(piece->count - 1) * piece->stride;
    }
    if (!piece->count || last >= to->rows)
        return wrong_shape(to, "at least ", last + 1, is_vector(w) ? 0 : cols, err);
    *drawn_of(b, t) += piece->count;
    return HZ_OK;
}

/* A weight's pieces have one type, and together its rows. */
static hz_status bind_weight(const struct binding *b, uint32_t index, struct hz_error *err)
{
    const struct hz_weight *w = &b->plan->weights[index];
    uint64_t want = is_vector(w) ? (uint64_t)w->rows * w->cols : w->rows, have = 0;
    if (!w->rows || !w->cols || !w->n_pieces)
        return hz_fail(err, HZ_E_INVALID, "weight %s is empty", w->name);
    for (uint32_t i = 0; i < w->n_pieces; i++) {
        struct bound *to = &b->pieces[b->first[index] + i];
        to->piece = &w->pieces[i];
        to->start = (uint32_t)have;
        HZ_TRY(bind_piece(b, w, to, err));
        have += to->piece->count;
        const struct hz_tensor *t = to->tensor, *t0 = to[-(ptrdiff_t)i].tensor;
        if (!is_vector(w) && t->type != t0->type)
            return hz_fail(err, HZ_E_UNSUPPORTED, "%s: tensor %s is %s, but %s, with which it makes one weight, is %s",
                           t->file, t->name, t->type_name, t0->name, t0->type_name);
    }
    if (have != want)
        return hz_fail(err, HZ_E_INVALID, "weight %s: its pieces have %llu rows, expected %llu", w->name,
                       (unsigned long long)have, (unsigned long long)want);
    return HZ_OK;
}

/* A tensor of which rows are left over is not what the architecture takes it for. */
static hz_status check_whole(const struct binding *b, struct hz_error *err)
{
    for (size_t i = 0; i < b->first[b->plan->n_weights]; i++) {
        const struct bound *p = &b->pieces[i];
        uint64_t rows = *drawn_of(b, p->tensor), cols = hz_tensor_elements(p->tensor) / HZ_MAX(p->rows, 1);
        if (rows < p->rows)
            return wrong_shape(p, "", rows, cols == 1 ? 0 : cols, err);
    }
    return HZ_OK;
}

static hz_status bind(const struct hz_plan *plan, const struct hz_checkpoint *ck, struct binding *b,
                      struct hz_error *err)
{
    size_t n = 0;
    for (uint32_t i = 0; i < plan->n_weights; i++)
        n += plan->weights[i].n_pieces;
    *b = (struct binding){plan, ck, hz_calloc(n + 1, sizeof *b->pieces),
                          hz_calloc(plan->n_weights + (size_t)1, sizeof(size_t)),
                          hz_calloc(ck->table.n + 1, sizeof *b->drawn)};
    hz_status status = b->pieces && b->first && b->drawn ? HZ_OK : hz_fail_nomem(err, n * sizeof *b->pieces);
    for (uint32_t i = 0; i < plan->n_weights && status == HZ_OK; i++) {
        b->first[i + 1] = b->first[i] + plan->weights[i].n_pieces;
        status = bind_weight(b, i, err);
    }
    if (status == HZ_OK)
        status = check_whole(b, err);
    if (status != HZ_OK)
        unbind(b);
    return status;
}

/* Vectors go to the backend as f32, whatever they are stored as. */
static enum hz_dtype type_of(const struct binding *b, uint32_t w)
{
    return is_vector(&b->plan->weights[w]) ? HZ_F32 : b->pieces[b->first[w]].tensor->type;
}

hz_status hz_weights_types(const struct hz_plan *plan, const struct hz_checkpoint *ck, enum hz_dtype *types,
                           struct hz_error *err)
{
    struct binding b;
    HZ_TRY(bind(plan, ck, &b, err));
    for (uint32_t i = 0; i < plan->n_weights; i++)
        types[i] = type_of(&b, i);
    unbind(&b);
    return HZ_OK;
}

/* ---- reading rows ------------------------------------------------------------------------------------------------ */

/* What a row source's callbacks see: one weight. */
struct reader {
    const struct binding *b;
    const struct hz_weight *w;
    const struct bound *pieces;
};

/* The piece that has the weight's row (or a vector's element) `row`. */
static const struct bound *piece_at(const struct reader *r, uint64_t row)
{
    uint32_t low = 0, high = r->w->n_pieces;
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (r->pieces[mid].start <= row)
            low = mid;
        else
            high = mid;
    }
    return &r->pieces[low];
}

/* Which row of its tensor that is. */
static uint64_t tensor_row(const struct bound *p, uint64_t row)
{
    uint64_t i = row - p->start;
    return p->piece->list ? p->piece->list[i] : p->piece->first + i * p->piece->stride;
}

/* A column of a tensor that lies [in, out], put together as a row. */
static void gather(const struct bound *p, uint64_t column, uint32_t n, uint8_t *out)
{
    uint32_t size = hz_dtype_info(p->tensor->type)->bytes;
    const uint8_t *from = p->tensor->data + column * size;
    for (uint32_t i = 0; i < n; i++)
        memcpy(out + (size_t)i * size, from + i * p->row_bytes, size);
}

static hz_status read_rows(void *user, uint32_t first, uint32_t n, const void **at, void *scratch, struct hz_error *err)
{
    const struct reader *r = user;
    uint64_t row_bytes = hz_dtype_row_bytes(r->pieces[0].tensor->type, r->w->cols);
    if (first > r->w->rows || n > r->w->rows - first)
        return hz_fail(err, HZ_E_INTERNAL, "weight %s: rows %u to %u of %u", r->w->name, first, first + n, r->w->rows);
    for (uint32_t i = 0; i < n; i++) {
        const struct bound *p = piece_at(r, first + i);
        uint64_t row = tensor_row(p, first + i);
        uint8_t *own = (uint8_t *)scratch + i * row_bytes;
        if (p->piece->transposed)
            gather(p, row, r->w->cols, own);
        at[i] = p->piece->transposed ? own : p->tensor->data + row * p->row_bytes;
    }
    return HZ_OK;
}

static hz_status read_vector(void *user, uint32_t first, uint32_t n, const void **at, void *scratch,
                             struct hz_error *err)
{
    const struct reader *r = user;
    if (first > r->w->rows || n > r->w->rows - first)
        return hz_fail(err, HZ_E_INTERNAL, "weight %s: rows %u to %u of %u", r->w->name, first, first + n, r->w->rows);
    float *out = scratch;
    for (uint32_t i = 0; i < n; i++) {
        at[i] = out;
        for (uint32_t k = 0; k < r->w->cols; k++) {
            uint64_t element = (uint64_t)(first + i) * r->w->cols + k;
            const struct bound *p = piece_at(r, element);
            hz_dequantize_c(p->tensor->type)(p->tensor->data + tensor_row(p, element) * p->row_bytes, out++, 1);
        }
    }
    return HZ_OK;
}

/* Gives the pages of the rows back, where no other weight may draw them too. */
static void rows_done(void *user, uint32_t first, uint32_t n)
{
    const struct reader *r = user;
    for (uint32_t i = 0; i < n;) {
        const struct bound *p = piece_at(r, first + i);
        uint32_t run = HZ_MIN(n - i, p->piece->count - (first + i - p->start));
        if (!p->piece->list && !p->piece->transposed && p->piece->stride == 1 && *drawn_of(r->b, p->tensor) <= p->rows)
            hz_file_dont_need(p->tensor->data + tensor_row(p, first + i) * p->row_bytes, run * p->row_bytes);
        i += run;
    }
}

/* The same for all tensors that a packed weight was drawn from: rows that lie apart, and pages that a fault nearby has
 * mapped again. If another weight draws from them too, it fetches them from the page cache once more. */
static void weight_done(const struct reader *r)
{
    for (uint32_t i = 0; i < r->w->n_pieces; i++)
        if (i == 0 || r->pieces[i].tensor != r->pieces[i - 1].tensor)
            hz_file_dont_need(r->pieces[i].tensor->data, r->pieces[i].tensor->bytes);
}

/* Row 0, if the rows lie one behind another. */
static const uint8_t *mapped_rows(const struct reader *r)
{
    const struct bound *p = r->pieces;
    for (uint32_t i = 0; i < r->w->n_pieces; i++) {
        const struct hz_piece *piece = p[i].piece;
        if (piece->transposed || piece->list || (piece->stride != 1 && piece->count > 1))
            return NULL;
        if (p[i].tensor->data + piece->first * p[i].row_bytes !=
            p[0].tensor->data + (p[0].piece->first + (uint64_t)p[i].start) * p[0].row_bytes)
            return NULL;
    }
    return p[0].tensor->data + p[0].piece->first * p[0].row_bytes;
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

static uint64_t published_bytes(const struct binding *b, uint32_t w)
{
    uint64_t bytes = 0;
    for (size_t i = b->first[w]; i < b->first[w + 1]; i++) {
        const struct bound *p = &b->pieces[i];
        uint64_t row = p->piece->transposed ? p->tensor->bytes / HZ_MAX(p->rows, 1) : p->row_bytes;
        bytes += p->piece->count * row;
    }
    return bytes;
}

static hz_status load_weight(const struct binding *b, uint32_t index, const struct hz_weights_options *options,
                             struct hz_weights *to, struct hz_error *err)
{
    const struct hz_weight *w = &b->plan->weights[index];
    struct reader r = {b, w, &b->pieces[b->first[index]]};
    struct hz_row_source rows = {.type = to->types[index], .rows = w->rows, .cols = w->cols, .user = &r};
    rows.read = is_vector(w) ? read_vector : read_rows;
    if (!is_vector(w)) {
        rows.done = rows_done;
        rows.mapped = mapped_rows(&r);
    }
    struct hz_pack_options pack = {options->precision, options->borrow};
    uint64_t bytes = 0;
    hz_status status = to->backend->pack(to->dev, w, &rows, &pack, &to->packed[index], &bytes, err);
    to->bytes += bytes;
    if (!is_vector(w))
        weight_done(&r);
    return status == HZ_OK ? HZ_OK : hz_fail_in(err, status, "%s", w->name);
}

hz_status hz_weights_load(const struct hz_plan *plan, const struct hz_checkpoint *ck, const struct hz_backend *backend,
                          struct hz_device *dev, const struct hz_weights_options *options, struct hz_weights **weights,
                          struct hz_error *err)
{
    struct binding b;
    *weights = NULL;
    HZ_TRY(bind(plan, ck, &b, err));
    uint64_t total = 0, done = 0;
    for (uint32_t i = 0; i < plan->n_weights; i++)
        total += published_bytes(&b, i);
    struct hz_weights *to = hz_calloc(1, sizeof *to);
    hz_status status = to ? HZ_OK : hz_fail_nomem(err, sizeof *to);
    if (to) {
        *to = (struct hz_weights){hz_calloc(plan->n_weights + (size_t)1, sizeof(struct hz_packed *)),
                                  hz_calloc(plan->n_weights + (size_t)1, sizeof *to->types),
                                  plan->n_weights,
                                  0,
                                  backend,
                                  dev};
        if (!to->packed || !to->types)
            status = hz_fail_nomem(err, plan->n_weights * sizeof *to->packed);
    }
    for (uint32_t i = 0; status == HZ_OK && i < plan->n_weights; i++) {
        if (options->progress && options->progress(options->user, plan->weights[i].name, done, total)) {
            status = hz_fail(err, HZ_E_CANCELLED, "loading %s was cancelled", ck->path);
            break;
        }
        to->types[i] = type_of(&b, i);
        status = load_weight(&b, i, options, to, err);
        done += published_bytes(&b, i);
    }
    if (status == HZ_OK && options->progress && options->progress(options->user, "", done, total))
        status = hz_fail(err, HZ_E_CANCELLED, "loading %s was cancelled", ck->path);
    unbind(&b);
    if (status != HZ_OK) {
        hz_weights_free(to);
        to = NULL;
    }
    *weights = to;
    return status;
}

void hz_weights_free(struct hz_weights *weights)
{
    if (!weights)
        return;
    for (uint32_t i = 0; weights->packed && i < weights->n; i++)
        weights->backend->unpack(weights->dev, weights->packed[i]);
    free(weights->packed);
    free(weights->types);
    free(weights);
}
