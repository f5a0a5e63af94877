/* Weights as rows drawn from tensors: what a backend is handed, read back by one that only remembers. And GGUF files of
 * one layer, made in memory: their words, defaults, and q and k woven into pairs. */
#include "unit/file/bytes.h"

#include "model/model.h"
#include "quant/half.h"

#include <math.h>
#include <stdio.h>

/* ---- a backend that remembers ------------------------------------------------------------------------------------ */

struct hz_packed {
    const struct hz_weight *weight;
    enum hz_dtype type;
    const uint8_t *mapped;
    uint32_t rows, cols;
    float *values; /* [rows][cols], of dense types */
};

static float dense(enum hz_dtype type, const uint8_t *at)
{
    uint16_t half;
    float v;
    memcpy(&half, at, 2);
    if (type == HZ_F32)
        memcpy(&v, at, 4);
    else
        v = type == HZ_F16 ? hz_f16_f32(half) : hz_bf16_f32(half);
    return v;
}

static hz_status remember(struct hz_device *dev, const struct hz_weight *weight, const struct hz_row_source *rows,
                          const struct hz_pack_options *options, struct hz_packed **packed, uint64_t *bytes,
                          struct hz_error *err)
{
    (void)dev, (void)options;
    uint32_t size = hz_dtype_info(rows->type)->bytes, step = 5; /* no divisor of what the tests have */
    struct hz_packed *p = *packed = calloc(1, sizeof *p);
    *p = (struct hz_packed){weight, rows->type, rows->mapped, rows->rows, rows->cols};
    p->values = calloc((size_t)rows->rows * rows->cols, sizeof *p->values);
    uint8_t *scratch = malloc((size_t)step * rows->cols * size);
    hz_status status = HZ_OK;
    for (uint32_t r = 0; r < rows->rows && status == HZ_OK; r += step) {
        const void *at[8];
        uint32_t n = HZ_MIN(step, rows->rows - r);
        status = rows->read(rows->user, r, n, at, scratch, err);
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t k = 0; k < rows->cols; k++)
                p->values[(size_t)(r + i) * rows->cols + k] =
                    dense(rows->type, (const uint8_t *)at[i] + (size_t)k * size) + weight->add;
        if (rows->done)
            rows->done(rows->user, r, n);
    }
    free(scratch);
    *bytes = 100;
    return status;
}

static void forget(struct hz_device *dev, struct hz_packed *packed)
{
    (void)dev;
    if (packed)
        free(packed->values);
    free(packed);
}

static const struct hz_backend memory = {
    .version = HZ_BACKEND_VERSION, .name = "memory", .pack = remember, .unpack = forget};

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

enum { ROWS = 6, COLS = 4 };

/* f32 [6, 4] "f", bf16 [6, 4] "b", f16 [24] "h", and "i" of a type that nothing reads; f[r][c] = 10 r + c, the others
 * count their elements. */
struct tensors {
    float f[ROWS * COLS];
    uint16_t b[ROWS * COLS], h[ROWS * COLS];
    struct hz_tensor list[4];
    struct hz_checkpoint ck;
};

static void tensors_make(struct tensors *t)
{
    memset(t, 0, sizeof *t);
    for (uint32_t i = 0; i < ROWS * COLS; i++) {
        t->f[i] = (float)(i / COLS * 10 + i % COLS);
        t->b[i] = hz_f32_bf16((float)i);
        t->h[i] = hz_f32_f16((float)i);
    }
    t->list[0] = (struct hz_tensor){"f", HZ_F32, "F32", 2, {ROWS, COLS}, (uint8_t *)t->f, sizeof t->f, "x.safetensors"};
    t->list[1] =
        (struct hz_tensor){"b", HZ_BF16, "BF16", 2, {ROWS, COLS}, (uint8_t *)t->b, sizeof t->b, "x.safetensors"};
    t->list[2] =
        (struct hz_tensor){"h", HZ_F16, "F16", 1, {ROWS * COLS}, (uint8_t *)t->h, sizeof t->h, "x.safetensors"};
    t->list[3] = (struct hz_tensor){"i", HZ_DTYPES, "IQ2_XXS", 2, {1, 8}, (uint8_t *)t->h, 1, "x.gguf"};
    t->ck.path = "x";
    t->ck.table.tensors = t->list;
    t->ck.table.n = HZ_COUNT(t->list);
    for (uint32_t i = 0; i < HZ_COUNT(t->list); i++)
        assert_true(hz_map_put(&t->ck.table.by_name, t->list[i].name, strlen(t->list[i].name), i));
}

/* Weights of a plan without ops, loaded. */
static hz_status load(struct tensors *t, struct hz_plan *plan, struct hz_weights **weights, struct hz_error *err)
{
    struct hz_weights_options options = {.precision = HZ_EXACT};
    return hz_weights_load(plan, &t->ck, &memory, NULL, &options, weights, err);
}

static void expect(const struct hz_packed *p, const float *want, size_t n)
{
    assert_int_equal((size_t)p->rows * p->cols, n);
    for (size_t i = 0; i < n; i++)
        if (p->values[i] != want[i])
            fail_msg("element %zu is %g, expected %g", i, (double)p->values[i], (double)want[i]);
}

static void pieces(void **state)
{
    (void)state;
    static const uint32_t order[] = {5, 1};
    struct tensors t;
    struct hz_error err = {0};
    struct hz_weights *w;
    tensors_make(&t);
    struct hz_plan *plan = hz_plan_new("pieces");
    struct hz_piece whole = {.tensor = "f", .count = ROWS};
    struct hz_piece parts[] = {{.tensor = "f", .first = 4, .count = 2},
                               {.tensor = "f", .first = 0, .count = 3, .stride = 2},
                               {.tensor = "f", .count = 2, .list = order}};
    struct hz_piece turned = {.tensor = "b", .first = 1, .count = 3, .transposed = true};
    struct hz_piece rest = {.tensor = "b", .count = 1, .transposed = true};
    struct hz_piece halves[] = {{.tensor = "f", .first = 2, .count = 2}, {.tensor = "f", .first = 4, .count = 2}};
    struct hz_weight made[] = {
        {"f", ROWS, COLS, 0, HZ_USE_LINEAR, &whole, 1, 0},
        {"f", 7, COLS, 0, HZ_USE_LINEAR, parts, 3, 0},
        {"b", 3, ROWS, 0, HZ_USE_LINEAR, &turned, 1, 0},
        {"b", 1, ROWS, 0, HZ_USE_LINEAR, &rest, 1, 0},
        {"f", 4, COLS, 2, HZ_USE_LINEAR | HZ_USE_EXPERTS, halves, 2, 0},
    };
    for (size_t i = 0; i < HZ_COUNT(made); i++)
        hz_plan_weight(plan, &made[i]);
    if (load(&t, plan, &w, &err) != HZ_OK)
        fail_msg("%s", err.text);
    assert_int_equal(w->bytes, 500);
    expect(w->packed[0], t.f, ROWS * COLS);
    assert_ptr_equal(w->packed[0]->mapped, t.f);
    expect(w->packed[1], (float[]){40, 41, 42, 43, 50, 51, 52, 53, 0,  1,  2,  3,  20, 21,
                                   22, 23, 40, 41, 42, 43, 50, 51, 52, 53, 10, 11, 12, 13},
           28);
    assert_null(w->packed[1]->mapped);
    expect(w->packed[2], (float[]){1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23}, 18);
    assert_int_equal(w->types[2], HZ_BF16);
    expect(w->packed[3], (float[]){0, 4, 8, 12, 16, 20}, 6);
    expect(w->packed[4], &t.f[2 * COLS], 4 * COLS); /* neighbours: as good as one */
    assert_ptr_equal(w->packed[4]->mapped, &t.f[2 * COLS]);
    hz_weights_free(w);
    hz_plan_free(plan);
    hz_map_free(&t.ck.table.by_name);
}

static void vectors(void **state)
{
    (void)state;
    static const uint32_t order[] = {23, 0};
    struct tensors t;
    struct hz_error err = {0};
    struct hz_weights *w;
    tensors_make(&t);
    struct hz_plan *plan = hz_plan_new("vectors");
    /* Elements of three types make one vector; 1 is added to each. */
    struct hz_piece mixed[] = {{.tensor = "h", .count = 22, .first = 1},
                               {.tensor = "f", .count = 24},
                               {.tensor = "b", .count = 8, .stride = 3},
                               {.tensor = "b", .count = 16, .first = 1},
                               {.tensor = "h", .count = 2, .list = order}};
    struct hz_piece rows = {.tensor = "h", .count = 24};
    struct hz_weight made[] = {{"h", 1, 72, 0, HZ_USE_VECTOR, mixed, 5, 1},
                               {"h", 4, 6, 4, HZ_USE_VECTOR | HZ_USE_EXPERTS, &rows, 1, 0}};
    for (size_t i = 0; i < HZ_COUNT(made); i++)
        hz_plan_weight(plan, &made[i]);
    if (load(&t, plan, &w, &err) != HZ_OK)
        fail_msg("%s", err.text);
    assert_int_equal(w->types[0], HZ_F32);
    const float *v = w->packed[0]->values;
    assert_true(v[0] == 2 && v[21] == 23 && v[22] == 1 && v[22 + 5] == 12 && v[46] == 1 && v[47] == 4 && v[54] == 2);
    assert_true(v[70] == 24 && v[71] == 1);
    assert_int_equal(w->packed[1]->rows, 4);
    assert_true(w->packed[1]->values[6] == 6 && w->packed[1]->values[23] == 23);
    hz_weights_free(w);
    hz_plan_free(plan);
    hz_map_free(&t.ck.table.by_name);
}

static void refused(const struct hz_weight *weight, const char *words)
{
    struct tensors t;
    struct hz_error err = {0};
    struct hz_weights *w;
    enum hz_dtype type;
    tensors_make(&t);
    struct hz_plan *plan = hz_plan_new("refused");
    hz_plan_weight(plan, weight);
    hz_status status = load(&t, plan, &w, &err);
    assert_null(w);
    assert_failed(status, &err, status, words, NULL);
    assert_true(status != HZ_OK && hz_weights_types(plan, &t.ck, &type, NULL) == status);
    hz_plan_free(plan);
    hz_map_free(&t.ck.table.by_name);
}

static void refusals(void **state)
{
    (void)state;
    static const uint32_t far[] = {0, 6};
#define REFUSED(rows, cols, uses, words, ...)                                                                          \
    do {                                                                                                               \
        struct hz_piece p[] = {__VA_ARGS__};                                                                           \
        refused(&(struct hz_weight){"w", rows, cols, 0, uses, p, HZ_COUNT(p), 0}, words);                              \
    } while (0)
    REFUSED(6, 4, HZ_USE_LINEAR, "no tensor nowhere", {.tensor = "nowhere", .count = 6});
    REFUSED(6, 5, HZ_USE_LINEAR, "tensor f is F32 [6, 4], expected [6, 5]", {.tensor = "f", .count = 6});
    REFUSED(5, 4, HZ_USE_LINEAR, "tensor f is F32 [6, 4], expected [5, 4]", {.tensor = "f", .count = 5});
    REFUSED(7, 4, HZ_USE_LINEAR, "expected at least [7, 4]", {.tensor = "f", .count = 7});
    REFUSED(2, 4, HZ_USE_LINEAR, "expected at least [7, 4]", {.tensor = "f", .count = 2, .list = far});
    REFUSED(3, 4, HZ_USE_LINEAR, "expected at least [9, 4]", {.tensor = "f", .count = 3, .stride = 4});
    REFUSED(1, 4, HZ_USE_LINEAR, "expected at least", {.tensor = "f", .count = 1, .first = UINT32_MAX});
    REFUSED(5, 6, HZ_USE_LINEAR, "expected at least [6, 5]", {.tensor = "f", .count = 5, .transposed = true});
    REFUSED(12, 4, HZ_USE_LINEAR, "b is BF16, but f", {.tensor = "f", .count = 6}, {.tensor = "b", .count = 6});
    REFUSED(7, 4, HZ_USE_LINEAR, "its pieces have 6 rows, expected 7", {.tensor = "f", .count = 6});
    REFUSED(1, 23, HZ_USE_VECTOR, "tensor h is F16 [24], expected [23]", {.tensor = "h", .count = 23});
    REFUSED(1, 8, HZ_USE_LINEAR, "type IQ2_XXS, which this build cannot read", {.tensor = "i", .count = 1});
    REFUSED(1, 8, HZ_USE_VECTOR, "type IQ2_XXS, which this build cannot read", {.tensor = "i", .count = 8});
    REFUSED(0, 4, HZ_USE_LINEAR, "is empty", {.tensor = "f", .count = 0});
#undef REFUSED
}

struct progress {
    int calls, stop_at;
    uint64_t done, total;
};

static int on_progress(void *user, const char *what, uint64_t done, uint64_t total)
{
    struct progress *p = user;
    assert_non_null(what);
    assert_true(done >= p->done && done <= total);
    p->done = done;
    p->total = total;
    return ++p->calls == p->stop_at;
}

static void progress(void **state)
{
    (void)state;
    struct tensors t;
    struct hz_error err = {0};
    struct hz_weights *w;
    tensors_make(&t);
    struct hz_plan *plan = hz_plan_new("progress");
    struct hz_piece f = {.tensor = "f", .count = ROWS}, b = {.tensor = "b", .count = ROWS};
    struct hz_piece h = {.tensor = "h", .count = ROWS * COLS};
    hz_plan_weight(plan, &(struct hz_weight){"f", ROWS, COLS, 0, HZ_USE_LINEAR, &f, 1, 0});
    hz_plan_weight(plan, &(struct hz_weight){"b", ROWS, COLS, 0, HZ_USE_LINEAR, &b, 1, 0});
    hz_plan_weight(plan, &(struct hz_weight){"h", 1, ROWS * COLS, 0, HZ_USE_VECTOR, &h, 1, 0});
    struct progress seen = {.stop_at = -1};
    struct hz_weights_options options = {.progress = on_progress, .user = &seen};
    assert_int_equal(hz_weights_load(plan, &t.ck, &memory, NULL, &options, &w, &err), HZ_OK);
    assert_true(seen.done == seen.total && seen.total == sizeof t.f + sizeof t.b + sizeof t.h);
    hz_weights_free(w);
    for (int stop = 1; stop <= 4; stop++) {
        seen = (struct progress){.stop_at = stop};
        hz_status status = hz_weights_load(plan, &t.ck, &memory, NULL, &options, &w, &err);
        assert_failed(status, &err, HZ_E_CANCELLED, "cancelled", NULL);
        assert_null(w);
    }
    hz_plan_free(plan);
    hz_map_free(&t.ck.table.by_name);
}

/* ---- GGUF -------------------------------------------------------------------------------------------------------- */

enum { EMBD = 8, HEADS = 2, KV_HEADS = 1, DIM = 4, FF = 12, VOCAB = 10 };

/* A file of one layer: metadata and tensors are collected, then written. Element i of tensor number t is 1000 t + i. */
struct maker {
    const char *arch;
    struct hz_buf meta, list, data;
    uint32_t n_meta, n_tensors;
};

static void maker_start(struct maker *m, const char *arch)
{
    *m = (struct maker){.arch = arch};
    hz_buf_init(&m->meta, 1 << 20);
    hz_buf_init(&m->list, 1 << 20);
    hz_buf_init(&m->data, 1 << 20);
    gguf_string(&m->meta, "general.architecture", arch);
    m->n_meta = 1;
}

static const char *key_of(const struct maker *m, const char *key)
{
    static char text[128];
    snprintf(text, sizeof text, "%s%s", *key == '.' ? m->arch : "", key);
    return text;
}

static void meta_u32(struct maker *m, const char *key, uint32_t v)
{
    gguf_u32(&m->meta, key_of(m, key), v);
    m->n_meta++;
}

static void meta_f32(struct maker *m, const char *key, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, 4);
    gguf_key(&m->meta, key_of(m, key), HZ_META_F32);
    put_u32(&m->meta, bits);
    m->n_meta++;
}

static void meta_string(struct maker *m, const char *key, const char *v)
{
    gguf_string(&m->meta, key_of(m, key), v);
    m->n_meta++;
}

static void meta_u32s(struct maker *m, const char *key, const uint32_t *v, uint32_t n)
{
    gguf_key(&m->meta, key_of(m, key), HZ_META_ARRAY);
    put_u32(&m->meta, HZ_META_U32);
    put_u64(&m->meta, n);
    for (uint32_t i = 0; i < n; i++)
        put_u32(&m->meta, v[i]);
    m->n_meta++;
}

static void meta_tokens(struct maker *m, const char *const *tokens, uint32_t n)
{
    gguf_key(&m->meta, "tokenizer.ggml.tokens", HZ_META_ARRAY);
    put_u32(&m->meta, HZ_META_STRING);
    put_u64(&m->meta, n);
    for (uint32_t i = 0; i < n; i++)
        put_str(&m->meta, tokens[i]);
    m->n_meta++;
}

/* cols 0: a vector. */
static void tensor(struct maker *m, const char *name, uint32_t rows, uint32_t cols)
{
    uint64_t dims[2] = {cols ? cols : rows, rows};
    gguf_tensor(&m->list, name, cols ? 2 : 1, dims, 0, m->data.len);
    for (uint32_t i = 0; i < rows * HZ_MAX(cols, 1); i++) {
        float v = (float)(1000 * m->n_tensors + i);
        hz_buf_put(&m->data, &v, 4);
    }
    pad_to(&m->data, 32);
    m->n_tensors++;
}

static void block(struct maker *m, uint32_t layer, const char *const *norms)
{
    const struct {
        const char *name;
        uint32_t rows, cols;
    } all[] = {{"attn_q.weight", HEADS * DIM, EMBD},
               {"attn_k.weight", KV_HEADS * DIM, EMBD},
               {"attn_v.weight", KV_HEADS * DIM, EMBD},
               {"attn_output.weight", EMBD, HEADS * DIM},
               {"ffn_gate.weight", FF, EMBD},
               {"ffn_up.weight", FF, EMBD},
               {"ffn_down.weight", EMBD, FF}};
    char name[64];
    for (size_t i = 0; i < HZ_COUNT(all); i++) {
        snprintf(name, sizeof name, "blk.%u.%s", layer, all[i].name);
        tensor(m, name, all[i].rows, all[i].cols);
    }
    for (; *norms; norms++) {
        snprintf(name, sizeof name, "blk.%u.%s.weight", layer, *norms);
        tensor(m, name, strstr(*norms, "attn_q_norm") || strstr(*norms, "attn_k_norm") ? DIM : EMBD, 0);
    }
}

static void small_llama(struct maker *m)
{
    static const char *const norms[] = {"attn_norm", "ffn_norm", NULL};
    maker_start(m, "llama");
    meta_u32(m, ".block_count", 1);
    meta_u32(m, ".context_length", 64);
    meta_u32(m, ".embedding_length", EMBD);
    meta_u32(m, ".attention.head_count", HEADS);
    meta_u32(m, ".feed_forward_length", FF);
    meta_f32(m, ".attention.layer_norm_rms_epsilon", 1e-5f);
    block(m, 0, norms);
    tensor(m, "token_embd.weight", VOCAB, EMBD);
    tensor(m, "output_norm.weight", EMBD, 0);
}

struct opened {
    uint8_t *bytes;
    struct hz_arena arena;
    struct hz_gguf g;
    struct hz_checkpoint ck;
    struct hz_plan *plan; /* NULL: refused, err says why */
    struct hz_model_facts facts;
    struct hz_error err;
};

static void open_made(struct maker *m, struct opened *o)
{
    struct hz_buf b;
    size_t len;
    memset(o, 0, sizeof *o);
    gguf_head(&b, 3, m->n_tensors, m->n_meta);
    hz_buf_put(&b, m->meta.data, m->meta.len);
    hz_buf_put(&b, m->list.data, m->list.len);
    pad_to(&b, 32);
    hz_buf_put(&b, m->data.data, m->data.len);
    hz_buf_free(&m->meta);
    hz_buf_free(&m->list);
    hz_buf_free(&m->data);
    o->bytes = exact_bytes(&b, &len);
    o->ck = (struct hz_checkpoint){.kind = HZ_CHECKPOINT_GGUF, .path = "x.gguf", .gguf = &o->g};
    if (hz_gguf_parse(o->bytes, len, "x.gguf", &o->arena, &o->g, &o->ck.table, &o->err) != HZ_OK)
        fail_msg("%s", o->err.text);
    hz_model_plan(&o->ck, &o->plan, &o->facts, &o->err);
}

static void close_made(struct opened *o)
{
    hz_plan_free(o->plan);
    hz_gguf_free(&o->g);
    hz_tensor_table_free(&o->ck.table);
    hz_arena_free(&o->arena);
    free(o->bytes);
}

static void gguf_refused(struct maker *m, const char *words)
{
    struct opened o;
    open_made(m, &o);
    if (o.plan)
        fail_msg("taken, though %s", words);
    assert_failed(o.err.status, &o.err, o.err.status, "x.gguf", words, NULL);
    close_made(&o);
}

static void gguf_taken(struct maker *m, struct opened *o)
{
    open_made(m, o);
    if (!o->plan)
        fail_msg("%s", o->err.text);
}

static const struct hz_packed *packed_of(const struct hz_weights *w, const char *name)
{
    for (uint32_t i = 0; i < w->n; i++)
        if (!strcmp(w->packed[i]->weight->name, name))
            return w->packed[i];
    fail_msg("no weight %s", name);
    return NULL;
}

static void permuted(void **state)
{
    (void)state;
    /* Where llama.cpp's converter puts row r of a head of 4: [h, half, i] goes to [h, i, half]. */
    static const uint32_t went[] = {0, 2, 1, 3, 4, 6, 5, 7};
    struct maker m;
    struct opened o;
    struct hz_weights *w;
    struct hz_error err = {0};
    struct hz_weights_options options = {.precision = HZ_EXACT};
    small_llama(&m);
    meta_u32(&m, ".attention.head_count_kv", KV_HEADS);
    tensor(&m, "blk.0.attn_q.bias", HEADS * DIM, 0);
    tensor(&m, "blk.0.attn_k.bias", KV_HEADS * DIM, 0);
    tensor(&m, "blk.0.attn_v.bias", KV_HEADS * DIM, 0);
    gguf_taken(&m, &o);
    assert_int_equal(hz_weights_load(o.plan, &o.ck, &memory, NULL, &options, &w, &err), HZ_OK);
    const struct hz_packed *q = packed_of(w, "blk.0.attn_q.weight"), *k = packed_of(w, "blk.0.attn_k.weight");
    const struct hz_packed *v = packed_of(w, "blk.0.attn_v.weight"), *q_bias = packed_of(w, "blk.0.attn_q.bias");
    const struct hz_packed *k_bias = packed_of(w, "blk.0.attn_k.bias"), *v_bias = packed_of(w, "blk.0.attn_v.bias");
    float first = *(const float *)hz_tensor_find(&o.ck.table, "blk.0.attn_q.bias")->data;
    for (uint32_t r = 0; r < HEADS * DIM; r++) {
        assert_true(q->values[r * EMBD + 3] == (float)(went[r] * EMBD + 3));
        assert_true(q_bias->values[r] == first + (float)went[r]);
    }
    for (uint32_t r = 0; r < KV_HEADS * DIM; r++) {
        assert_true(k->values[r * EMBD] == (float)(1000 + went[r] * EMBD));
        assert_true(k_bias->values[r] == first + 1000 + (float)went[r]);
        assert_true(v->values[r * EMBD] == (float)(2000 + r * EMBD) && v_bias->values[r] == first + 2000 + (float)r);
    }
    hz_weights_free(w);
    close_made(&o);
}

static void gguf_defaults(void **state)
{
    (void)state;
    struct maker m;
    struct opened o;
    /* No head_count_kv: as many as heads, so k is too small. */
    small_llama(&m);
    gguf_refused(&m, "tensor blk.0.attn_k.weight is F32 [4, 8], expected at least [8, 8]");
    small_llama(&m);
    meta_u32s(&m, ".attention.head_count_kv", (uint32_t[]){KV_HEADS}, 1);
    meta_string(&m, "quantize.imatrix.file", "vendors write what they like");
    meta_u32(&m, "general.file_type", 0);
    gguf_taken(&m, &o);
    assert_int_equal(o.facts.context, 64);
    assert_true(o.plan->ropes[0].inv_freq[0][1] == 0.01f);                   /* base 10000 */
    assert_int_equal(o.plan->weights[0].uses, HZ_USE_EMBED | HZ_USE_LINEAR); /* no output.weight */
    close_made(&o);
    small_llama(&m);
    meta_u32s(&m, ".attention.head_count_kv", (uint32_t[]){1, 2}, 2);
    gguf_refused(&m, "llama.attention.head_count_kv differs by layer");
    small_llama(&m);
    meta_u32(&m, ".attention.head_count_kv", 1);
    meta_u32(&m, ".attention.mystery", 1);
    gguf_refused(&m, "llama.attention.mystery");
    small_llama(&m);
    meta_u32(&m, ".attention.head_count_kv", 1);
    meta_u32(&m, ".vocab_size", VOCAB + 1);
    gguf_refused(&m, "10 rows for a vocabulary of 11");
    small_llama(&m);
    meta_u32(&m, ".attention.head_count_kv", 1);
    meta_u32(&m, ".rope.dimension_count", 2);
    gguf_refused(&m, "woven into pairs");
    maker_start(&m, "llama");
    gguf_refused(&m, "no llama.context_length");
    maker_start(&m, "warp");
    gguf_refused(&m, "architecture \"warp\"");
}

/* Layers of a Qwen 3 with experts that have none: no key says so. */
static void gguf_dense_layer(void **state)
{
    static const char *const norms[] = {"attn_norm", "ffn_norm", "attn_q_norm", "attn_k_norm", NULL};
    struct maker m;
    struct opened o;
    uint32_t glus = 0, routes = 0;
    (void)state;
    maker_start(&m, "qwen3moe");
    meta_u32(&m, ".block_count", 2);
    meta_u32(&m, ".context_length", 64);
    meta_u32(&m, ".embedding_length", EMBD);
    meta_u32(&m, ".attention.head_count", HEADS);
    meta_u32(&m, ".attention.head_count_kv", KV_HEADS);
    meta_u32(&m, ".attention.key_length", DIM);
    meta_u32(&m, ".attention.value_length", DIM);
    meta_u32(&m, ".feed_forward_length", FF);
    meta_u32(&m, ".expert_count", 2);
    meta_u32(&m, ".expert_used_count", 1);
    meta_u32(&m, ".expert_feed_forward_length", DIM);
    meta_f32(&m, ".attention.layer_norm_rms_epsilon", 1e-5f);
    block(&m, 0, norms);
    block(&m, 1, norms);
    tensor(&m, "blk.1.ffn_gate_inp.weight", 2, EMBD);
    tensor(&m, "blk.1.ffn_gate_exps.weight", 2 * DIM, EMBD);
    tensor(&m, "blk.1.ffn_up_exps.weight", 2 * DIM, EMBD);
    tensor(&m, "blk.1.ffn_down_exps.weight", 2 * EMBD, DIM);
    tensor(&m, "token_embd.weight", VOCAB, EMBD);
    tensor(&m, "output_norm.weight", EMBD, 0);
    gguf_taken(&m, &o);
    for (uint32_t i = 0; i < o.plan->n_ops; i++) {
        glus += o.plan->ops[i].kind == HZ_OP_GLU && o.plan->ops[i].layer == 0;
        routes += o.plan->ops[i].kind == HZ_OP_ROUTE && o.plan->ops[i].layer == 1;
    }
    assert_int_equal(glus, 1);
    assert_int_equal(routes, 1);
    close_made(&o);
}

static void gguf_rope(void **state)
{
    (void)state;
    struct maker m;
    struct opened o;
    small_llama(&m);
    meta_u32(&m, ".attention.head_count_kv", 1);
    meta_f32(&m, ".rope.scale_linear", 4); /* the old word for it */
    meta_f32(&m, ".rope.freq_base", 100);
    gguf_taken(&m, &o);
    assert_true(o.plan->ropes[0].inv_freq[0][0] == 0.25f && o.plan->ropes[0].inv_freq[0][1] == 0.025f);
    close_made(&o);
    small_llama(&m);
    meta_u32(&m, ".attention.head_count_kv", 1);
    meta_f32(&m, ".rope.scaling.factor", 4);
    meta_string(&m, ".rope.scaling.type", "none");
    tensor(&m, "rope_freqs.weight", DIM / 2, 0); /* 11000, 11001 */
    gguf_taken(&m, &o);
    assert_true(o.plan->ropes[0].inv_freq[0][0] == 1.0f / 11000);
    close_made(&o);
    small_llama(&m);
    meta_u32(&m, ".attention.head_count_kv", 1);
    tensor(&m, "rope_freqs.weight", DIM, 0);
    gguf_refused(&m, "rope_freqs.weight is F32 [4], expected F32 [2]");
    small_llama(&m);
    meta_u32(&m, ".attention.head_count_kv", 1);
    meta_string(&m, ".rope.scaling.type", "spiral");
    gguf_refused(&m, "\"spiral\"");
}

static void gguf_gemma3(void **state)
{
    (void)state;
    static const char *const norms[] = {"attn_norm",   "post_attention_norm", "ffn_norm", "post_ffw_norm",
                                        "attn_q_norm", "attn_k_norm",         NULL};
    struct maker m;
    struct opened o;
    maker_start(&m, "gemma3");
    meta_u32(&m, ".block_count", 6);
    meta_u32(&m, ".context_length", 64);
    meta_u32(&m, ".embedding_length", EMBD);
    meta_u32(&m, ".attention.head_count", HEADS);
    meta_u32(&m, ".attention.head_count_kv", KV_HEADS);
    meta_u32(&m, ".attention.key_length", DIM);
    meta_u32(&m, ".attention.value_length", DIM);
    meta_u32(&m, ".attention.sliding_window", 5);
    meta_u32(&m, ".feed_forward_length", FF);
    meta_f32(&m, ".attention.layer_norm_rms_epsilon", 1e-6f);
    meta_f32(&m, ".rope.freq_base", 1e6f);
    meta_f32(&m, ".rope.scaling.factor", 8);
    meta_string(&m, ".rope.scaling.type", "linear");
    for (uint32_t i = 0; i < 6; i++)
        block(&m, i, norms);
    tensor(&m, "token_embd.weight", VOCAB, EMBD);
    tensor(&m, "output_norm.weight", EMBD, 0);
    gguf_taken(&m, &o);
    assert_int_equal(o.plan->n_ropes, 2);
    assert_true(o.plan->ropes[0].inv_freq[0][1] == 0.01f);             /* local: base 10000, not scaled */
    assert_true(o.plan->ropes[1].inv_freq[0][1] == (float)(1e-3 / 8)); /* global */
    for (uint32_t i = 0; i < o.plan->n_ops; i++) {
        const struct hz_op *op = &o.plan->ops[i];
        if (op->kind == HZ_OP_ATTEND) {
            assert_int_equal(op->u.attend.window, op->layer == 5 ? 0 : 5);
            assert_true(op->u.attend.scale == 0.5f); /* of the key length */
        }
        if (op->kind == HZ_OP_ROPE)
            assert_int_equal(op->u.rope.table, op->layer == 5);
    }
    for (uint32_t i = 0; i < o.plan->n_weights; i++)
        assert_true(o.plan->weights[i].add == 0); /* the file has added 1 */
    close_made(&o);
}

/* The keys' ids; ends known by spelling come from the tokenizer. */
static void gguf_ends(void **state)
{
    (void)state;
    static const char *const tokens[] = {"a", "<|im_end|>", "b", "<end_of_turn>", "</s>", "c", "<|im_end|> "};
    struct maker m;
    struct opened o;
    small_llama(&m);
    meta_u32(&m, ".attention.head_count_kv", 1);
    meta_tokens(&m, tokens, HZ_COUNT(tokens));
    meta_u32(&m, "tokenizer.ggml.eos_token_id", 5);
    meta_u32(&m, "tokenizer.ggml.eot_token_id", 1);
    meta_u32(&m, "tokenizer.ggml.bos_token_id", 0);
    meta_f32(&m, "general.sampling.temp", 0.25f);
    gguf_taken(&m, &o);
    assert_int_equal(o.facts.n_eos, 2);
    assert_true(o.facts.eos[0] == 5 && o.facts.eos[1] == 1);
    assert_int_equal(o.facts.bos, 0);
    assert_true(o.facts.sampling.temperature == 0.25f && isnan(o.facts.sampling.top_p));
    close_made(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces),           cmocka_unit_test(vectors),   cmocka_unit_test(refusals),
        cmocka_unit_test(progress),         cmocka_unit_test(permuted),  cmocka_unit_test(gguf_defaults),
        cmocka_unit_test(gguf_dense_layer), cmocka_unit_test(gguf_rope), cmocka_unit_test(gguf_gemma3),
        cmocka_unit_test(gguf_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
