/* gguf.c - GGUF read from memory.
 *
 * A file is: magic, version, two counts, the metadata, the tensor list, padding to general.alignment, the tensors.
 * Nothing in it is believed: a count must fit into the bytes that are left before memory is taken for it, and every
 * string, array and tensor must lie inside the file. Refused, each by name: other versions, big-endian files, names or
 * keys that stand twice, shapes of more than four or of empty dimensions, type ids whose size is unknown. */
#include "file/gguf.h"

#include "base/checked.h"
#include "file/sniff.h"

#include <inttypes.h>
#include <string.h>

enum {
    GGUF_MAX_DIMS = 4,
    DEFAULT_ALIGNMENT = 32,
    MAX_ARRAY_DEPTH = 4,
    LEAST_META = 8 + 4 + 1, /* bytes of the shortest entry: an empty key, a type, a byte */
    LEAST_TENSOR = 8 + 4 + 4 + 8
};

/* Bytes of one value; 0 for those that say their size themselves. */
static const struct {
    const char *name;
    uint8_t bytes;
} meta_types[HZ_META_TYPES] = {
    [HZ_META_U8] = {"u8", 1},       [HZ_META_I8] = {"i8", 1},     [HZ_META_U16] = {"u16", 2},
    [HZ_META_I16] = {"i16", 2},     [HZ_META_U32] = {"u32", 4},   [HZ_META_I32] = {"i32", 4},
    [HZ_META_F32] = {"f32", 4},     [HZ_META_BOOL] = {"bool", 1}, [HZ_META_STRING] = {"string", 0},
    [HZ_META_ARRAY] = {"array", 0}, [HZ_META_U64] = {"u64", 8},   [HZ_META_I64] = {"i64", 8},
    [HZ_META_F64] = {"f64", 8},
};

struct parser {
    struct hz_cursor c;
    struct hz_arena *arena;
    struct hz_gguf *g;
    struct hz_error *err;
};

const char *hz_meta_type_name(enum hz_meta_type type)
{
    return (unsigned)type < HZ_META_TYPES ? meta_types[type].name : "unknown";
}

static struct hz_str read_str(struct hz_cursor *c)
{
    uint64_t len = hz_cursor_u64(c);
    const uint8_t *s = hz_cursor_bytes(c, len);
    return s ? (struct hz_str){(const char *)s, len} : (struct hz_str){"", 0};
}

/* What "%.*s" takes: a key or name cut to a length that leaves room for the rest of the line. */
#define SHOWN(str) (int)HZ_MIN((str).len, (uint64_t)200), (str).s

/* ---- metadata --------------------------------------------------------------------------------------------------- */

/* The next number or bool of m->type. */
static void read_number(struct hz_cursor *c, struct hz_meta *m)
{
    switch (m->type) {
    case HZ_META_U8:
    case HZ_META_BOOL:
        m->v.u = hz_cursor_u8(c);
        break;
    case HZ_META_I8:
        m->v.i = (int8_t)hz_cursor_u8(c);
        break;
    case HZ_META_U16:
        m->v.u = hz_cursor_u16(c);
        break;
    case HZ_META_I16:
        m->v.i = (int16_t)hz_cursor_u16(c);
        break;
    case HZ_META_U32:
        m->v.u = hz_cursor_u32(c);
        break;
    case HZ_META_I32:
        m->v.i = (int32_t)hz_cursor_u32(c);
        break;
    case HZ_META_F32:
        m->v.f = (double)hz_cursor_f32(c);
        break;
    case HZ_META_U64:
        m->v.u = hz_cursor_u64(c);
        break;
    case HZ_META_I64:
        m->v.i = (int64_t)hz_cursor_u64(c);
        break;
    case HZ_META_F64:
        m->v.f = hz_cursor_f64(c);
        break;
    default:
        c->failed = true;
    }
}

static hz_status fail_bool(const struct parser *p, struct hz_str key)
{
    return hz_fail(p->err, HZ_E_FORMAT, "metadata key '%.*s' holds a bool that is neither 0 nor 1", SHOWN(key));
}

/* Steps over the n elements of an array. Work is bounded by the bytes left: no element is empty. */
static hz_status skip_elements(struct parser *p, struct hz_str key, uint32_t type, uint64_t n, int depth)
{
    struct hz_cursor *c = &p->c;
    if (type >= HZ_META_TYPES)
        return hz_fail(p->err, HZ_E_UNSUPPORTED, "metadata key '%.*s' holds an array of unknown value type %" PRIu32,
                       SHOWN(key), type);
    if (depth > MAX_ARRAY_DEPTH)
        return hz_fail(p->err, HZ_E_LIMIT, "metadata key '%.*s' nests arrays deeper than %d", SHOWN(key),
                       MAX_ARRAY_DEPTH);
    uint64_t least = type == HZ_META_STRING ? 8 : type == HZ_META_ARRAY ? 4 + 8 : meta_types[type].bytes;
    if (c->failed || n > hz_cursor_left(c) / least)
        return hz_fail(p->err, HZ_E_FORMAT,
                       "metadata key '%.*s': an array of %" PRIu64 " %ss passes the end of the file", SHOWN(key), n,
                       hz_meta_type_name((enum hz_meta_type)type));
    if (meta_types[type].bytes) {
        const uint8_t *at = hz_cursor_bytes(c, n * least);
        for (uint64_t i = 0; type == HZ_META_BOOL && i < n; i++)
            if (at[i] > 1)
                return fail_bool(p, key);
        return HZ_OK;
    }
    for (uint64_t i = 0; i < n && !c->failed; i++) {
        if (type == HZ_META_STRING) {
            read_str(c);
        } else {
            uint32_t inner = hz_cursor_u32(c);
            HZ_TRY(skip_elements(p, key, inner, hz_cursor_u64(c), depth + 1));
        }
    }
    return HZ_OK;
}

static hz_status read_value(struct parser *p, struct hz_meta *m)
{
    struct hz_cursor *c = &p->c;
    if (m->type == HZ_META_STRING) {
        m->v.str = read_str(c);
    } else if (m->type == HZ_META_ARRAY) {
        uint32_t type = hz_cursor_u32(c);
        uint64_t n = hz_cursor_u64(c), start = c->at;
        HZ_TRY(skip_elements(p, m->key, type, n, 1));
        m->v.array.type = (enum hz_meta_type)type;
        m->v.array.n = n;
        m->v.array.data = c->base + start;
        m->v.array.bytes = c->at - start;
    } else {
        read_number(c, m);
        if (m->type == HZ_META_BOOL && m->v.u > 1)
            return fail_bool(p, m->key);
    }
    if (c->failed)
        return hz_fail(p->err, HZ_E_FORMAT, "metadata key '%.*s': its %s passes the end of the file", SHOWN(m->key),
                       hz_meta_type_name(m->type));
    return HZ_OK;
}

static hz_status read_metadata(struct parser *p, uint64_t n)
{
    struct hz_gguf *g = p->g;
    struct hz_cursor *c = &p->c;
    if (n > hz_cursor_left(c) / LEAST_META)
        return hz_fail(p->err, HZ_E_FORMAT, "%" PRIu64 " metadata entries cannot lie in the %" PRIu64 " bytes left", n,
                       hz_cursor_left(c));
    g->meta = hz_arena_alloc(p->arena, n, sizeof *g->meta);
    if (!g->meta || !hz_map_reserve(&g->by_key, n))
        return hz_fail_nomem(p->err, n * sizeof *g->meta);
    for (g->n_meta = 0; g->n_meta < n; g->n_meta++) {
        struct hz_meta *m = &g->meta[g->n_meta];
        uint32_t other;
        m->key = read_str(c);
        uint32_t type = hz_cursor_u32(c);
        if (c->failed)
            return hz_fail(p->err, HZ_E_FORMAT, "the file ends inside metadata entry %zu of %" PRIu64, g->n_meta + 1,
                           n);
        if (type >= HZ_META_TYPES)
            return hz_fail(p->err, HZ_E_UNSUPPORTED, "metadata key '%.*s' has the unknown value type %" PRIu32,
                           SHOWN(m->key), type);
        if (hz_map_get(&g->by_key, m->key.s, m->key.len, &other))
            return hz_fail(p->err, HZ_E_FORMAT, "metadata key '%.*s' stands twice", SHOWN(m->key));
        m->type = (enum hz_meta_type)type;
        HZ_TRY(read_value(p, m));
        if (!hz_map_put(&g->by_key, m->key.s, m->key.len, (uint32_t)g->n_meta))
            return hz_fail_nomem(p->err, m->key.len);
    }
    return HZ_OK;
}

/* general.alignment: 0 would divide, and another type than u32 was read as 0 by readers that believed it. */
static hz_status read_alignment(const struct parser *p, uint64_t *alignment)
{
    const struct hz_meta *m = hz_gguf_get(p->g, "general.alignment");
    *alignment = DEFAULT_ALIGNMENT;
    if (!m)
        return HZ_OK;
    if (m->type != HZ_META_U32)
        return hz_fail(p->err, HZ_E_FORMAT, "general.alignment is of type %s, expected u32",
                       hz_meta_type_name(m->type));
    if (!m->v.u || m->v.u % 8)
        return hz_fail(p->err, HZ_E_FORMAT, "general.alignment is %" PRIu64 ", expected a multiple of 8", m->v.u);
    *alignment = m->v.u;
    return HZ_OK;
}

/* ---- tensors ---------------------------------------------------------------------------------------------------- */

/* Type, and elements and bytes of its blocks, of a type id; t->name is set already. A type that can be sized but not
 * read stays HZ_DTYPES, which is enough for a file that holds one among tensors nobody asks for. */
static hz_status set_type(const struct parser *p, struct hz_tensor *t, uint32_t id, uint32_t *block, uint32_t *bytes)
{
    const char *name = hz_gguf_type_name(id);
    if (!hz_gguf_type_size(id, block, bytes))
        return hz_fail(p->err, HZ_E_UNSUPPORTED, "tensor '%.200s' has the %s type id %" PRIu32 "%s%s", t->name,
                       name ? "unsupported" : "unknown", id, name ? ", " : "", name ? name : "");
    t->type_name = name;
    if (!hz_dtype_by_gguf(id, &t->type))
        t->type = HZ_DTYPES;
    return HZ_OK;
}

static hz_status read_name(struct parser *p, size_t i, struct hz_tensor *t)
{
    struct hz_str name = read_str(&p->c);
    if (p->c.failed)
        return hz_fail(p->err, HZ_E_FORMAT, "the file ends inside the tensor list, at entry %zu", i + 1);
    if (memchr(name.s, 0, name.len))
        return hz_fail(p->err, HZ_E_FORMAT, "the name of tensor %zu holds a NUL", i + 1);
    t->name = hz_arena_strndup(p->arena, name.s, name.len);
    return t->name ? HZ_OK : hz_fail_nomem(p->err, name.len);
}

/* One entry of the list. *offset counts from the start of the data, whose place is known only after the list. */
static hz_status read_tensor(struct parser *p, size_t i, struct hz_tensor *t, uint64_t *offset)
{
    struct hz_cursor *c = &p->c;
    uint32_t block, block_bytes;
    uint64_t elements;
    HZ_TRY(read_name(p, i, t));
    t->file = p->g->path;
    t->n_dims = hz_cursor_u32(c);
    if (!c->failed && t->n_dims > GGUF_MAX_DIMS)
        return hz_fail(p->err, HZ_E_FORMAT, "tensor '%.200s' has %" PRIu32 " dimensions, expected at most %d", t->name,
                       t->n_dims, GGUF_MAX_DIMS);
    for (uint32_t d = t->n_dims; d-- > 0 && !c->failed;)
        t->dims[d] = hz_cursor_u64(c);
    uint32_t id = hz_cursor_u32(c);
    *offset = hz_cursor_u64(c);
    if (c->failed)
        return hz_fail(p->err, HZ_E_FORMAT, "the file ends inside the tensor list, at '%.200s'", t->name);
    HZ_TRY(set_type(p, t, id, &block, &block_bytes));
    if (!hz_dims_elements(t->dims, t->n_dims, &elements))
        return hz_fail(p->err, HZ_E_FORMAT, "the dimensions of tensor '%.200s' multiply to more than 2^63", t->name);
    if (!elements)
        return hz_fail(p->err, HZ_E_FORMAT, "tensor '%.200s' has a dimension of 0", t->name);
    uint64_t row = t->n_dims ? t->dims[t->n_dims - 1] : 1;
    if (row % block)
        return hz_fail(p->err, HZ_E_FORMAT,
                       "tensor '%.200s' has rows of %" PRIu64 " elements, not a multiple of %s's %" PRIu32, t->name,
                       row, t->type_name, block);
    if (!hz_mul_u64(elements / block, block_bytes, &t->bytes))
        return hz_fail(p->err, HZ_E_FORMAT, "the size of tensor '%.200s' passes 2^64 bytes", t->name);
    return HZ_OK;
}

static hz_status read_tensors(struct parser *p, uint64_t n, uint64_t alignment, struct hz_tensor_table *table)
{
    struct hz_cursor *c = &p->c;
    if (n > hz_cursor_left(c) / LEAST_TENSOR)
        return hz_fail(p->err, HZ_E_FORMAT, "%" PRIu64 " tensors cannot be listed in the %" PRIu64 " bytes left", n,
                       hz_cursor_left(c));
    uint64_t *offsets = hz_arena_alloc(p->arena, n, sizeof *offsets);
    size_t first = table->n;
    if (!offsets || !hz_map_reserve(&table->by_name, first + n))
        return hz_fail_nomem(p->err, n * sizeof *offsets);
    for (size_t i = 0; i < n; i++) {
        struct hz_tensor t = {0};
        HZ_TRY(read_tensor(p, i, &t, &offsets[i]));
        HZ_TRY(hz_tensor_add(table, &t, p->err));
    }
    uint64_t start, end;
    if (!hz_round_up_u64(c->at, alignment, &start))
        return hz_fail(p->err, HZ_E_FORMAT, "general.alignment %" PRIu64 " passes the end of the file", alignment);
    for (size_t i = 0; i < n; i++) {
        struct hz_tensor *t = &table->tensors[first + i];
        if (offsets[i] % alignment)
            return hz_fail(p->err, HZ_E_FORMAT,
                           "tensor '%.200s' is at offset %" PRIu64 ", not a multiple of the alignment %" PRIu64,
                           t->name, offsets[i], alignment);
        if (!hz_add_u64(start, offsets[i], &offsets[i]) || !hz_add_u64(offsets[i], t->bytes, &end) || end > c->size)
            return hz_fail(p->err, HZ_E_FORMAT,
                           "tensor '%.200s' passes the end of the file (%" PRIu64 " bytes): incomplete download?",
                           t->name, c->size);
        t->data = c->base + offsets[i];
    }
    return HZ_OK;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static hz_status read_header(struct parser *p, uint64_t *n_tensors, uint64_t *n_meta)
{
    struct hz_cursor *c = &p->c;
    const uint8_t *magic = hz_cursor_bytes(c, 4);
    if (!magic || memcmp(magic, "GGUF", 4))
        return hz_fail(p->err, HZ_E_FORMAT, "not a GGUF file: %s", hz_file_looks_like(c->base, c->size));
    uint32_t version = p->g->version = hz_cursor_u32(c);
    if (!c->failed && version && !(version & 0xffff))
        return hz_fail(p->err, HZ_E_UNSUPPORTED, "a big-endian GGUF, expected little-endian");
    if (!c->failed && version != 2 && version != 3)
        return hz_fail(p->err, HZ_E_UNSUPPORTED, "GGUF version %" PRIu32 ", expected 2 or 3", version);
    *n_tensors = hz_cursor_u64(c);
    *n_meta = hz_cursor_u64(c);
    return c->failed ? hz_fail(p->err, HZ_E_FORMAT, "the file ends inside the header") : HZ_OK;
}

static hz_status parse(struct parser *p, struct hz_tensor_table *table)
{
    uint64_t n_tensors = 0, n_meta = 0, alignment = DEFAULT_ALIGNMENT;
    HZ_TRY(read_header(p, &n_tensors, &n_meta));
    HZ_TRY(read_metadata(p, n_meta));
    HZ_TRY(read_alignment(p, &alignment));
    return read_tensors(p, n_tensors, alignment, table);
}

hz_status hz_gguf_parse(const uint8_t *data, uint64_t size, const char *path, struct hz_arena *arena, struct hz_gguf *g,
                        struct hz_tensor_table *table, struct hz_error *err)
{
    struct parser p = {hz_cursor_of(data, size), arena, g, err};
    *g = (struct hz_gguf){.path = path};
    hz_status status = parse(&p, table);
    if (status != HZ_OK) {
        hz_gguf_free(g);
        hz_fail_in(err, status, "%s", path);
    }
    return status;
}

void hz_gguf_free(struct hz_gguf *g)
{
    hz_map_free(&g->by_key);
    *g = (struct hz_gguf){0};
}

/* ---- getters ---------------------------------------------------------------------------------------------------- */

const struct hz_meta *hz_gguf_get(const struct hz_gguf *g, const char *key)
{
    uint32_t i;
    return hz_map_get(&g->by_key, key, strlen(key), &i) ? &g->meta[i] : NULL;
}

bool hz_meta_int(const struct hz_meta *m, int64_t *out)
{
    switch (m ? m->type : HZ_META_TYPES) {
    case HZ_META_U8:
    case HZ_META_U16:
    case HZ_META_U32:
    case HZ_META_U64:
    case HZ_META_BOOL:
        if (m->v.u > INT64_MAX)
            return false;
        *out = (int64_t)m->v.u;
        return true;
    case HZ_META_I8:
    case HZ_META_I16:
    case HZ_META_I32:
    case HZ_META_I64:
        *out = m->v.i;
        return true;
    default:
        return false;
    }
}

bool hz_meta_double(const struct hz_meta *m, double *out)
{
    int64_t i;
    if (!m || m->type == HZ_META_BOOL)
        return false;
    if (m->type == HZ_META_F32 || m->type == HZ_META_F64)
        *out = m->v.f;
    else if (m->type == HZ_META_U64)
        *out = (double)m->v.u;
    else if (hz_meta_int(m, &i))
        *out = (double)i;
    else
        return false;
    return true;
}

bool hz_meta_bool(const struct hz_meta *m, bool *out)
{
    if (!m || m->type != HZ_META_BOOL)
        return false;
    *out = m->v.u;
    return true;
}

struct hz_cursor hz_meta_elements(const struct hz_meta *m)
{
    return m && m->type == HZ_META_ARRAY ? hz_cursor_of(m->v.array.data, m->v.array.bytes) : hz_cursor_of(NULL, 0);
}

/* The next element as a value of its own; false at the end and for strings and arrays. */
static bool next_number(const struct hz_meta *m, struct hz_cursor *c, struct hz_meta *element)
{
    if (!m || m->type != HZ_META_ARRAY || !meta_types[m->v.array.type].bytes || !hz_cursor_left(c))
        return false;
    element->type = m->v.array.type;
    read_number(c, element);
    return !c->failed;
}

bool hz_meta_next_str(const struct hz_meta *m, struct hz_cursor *c, struct hz_str *out)
{
    if (!m || m->type != HZ_META_ARRAY || m->v.array.type != HZ_META_STRING || !hz_cursor_left(c))
        return false;
    *out = read_str(c);
    return !c->failed;
}

bool hz_meta_next_double(const struct hz_meta *m, struct hz_cursor *c, double *out)
{
    struct hz_meta element;
    return next_number(m, c, &element) && hz_meta_double(&element, out);
}

bool hz_meta_next_int(const struct hz_meta *m, struct hz_cursor *c, int64_t *out)
{
    struct hz_meta element;
    return next_number(m, c, &element) && hz_meta_int(&element, out);
}
