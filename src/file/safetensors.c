/* safetensors.c - safetensors read and written.
 *
 * A file is: the header's length (8 bytes), the header (JSON: name to dtype, shape and data_offsets), the data. The
 * checks are those of the format's own library, so that a file is good here exactly when it is good there. */
#include "file/safetensors.h"

#include "base/checked.h"
#include "base/cursor.h"
#include "file/sniff.h"
#include "text/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8, MAX_HEADER = 100000000 }; /* the library's limit */

static const char metadata_key[] = "__metadata__";

/* Types that quant/ does not know, with the bits of an element: enough for tensors that nobody asks for. */
static const struct {
    const char *name;
    uint32_t bits;
} sized_types[] = {{"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"C64", 64}};

/* Where a tensor lies, counted from the start of the data. */
struct span {
    uint64_t begin, end;
    const char *name;
};

struct reader {
    const char *path;
    const uint8_t *data; /* behind the header */
    uint64_t data_bytes;
    struct hz_arena *arena;
    struct hz_error *err;
};

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* Bits of an element of a type that safetensors can name; 0 for GGUF's block types. */
static uint32_t element_bits(enum hz_dtype type)
{
    const struct hz_dtype_info *info = hz_dtype_info(type);
    return info->block == 1 || type == HZ_F4 ? info->bytes * 8 / info->block : 0;
}

static hz_status set_type(const struct reader *r, struct hz_tensor *t, struct hz_json dtype, uint32_t *bits)
{
    size_t len;
    const char *name = hz_json_str(dtype, &len);
    if (!name)
        return hz_fail(r->err, HZ_E_FORMAT, "tensor '%.200s': dtype is %s, expected a string", t->name,
                       hz_json_kind_name(dtype.kind));
    if (hz_dtype_by_name(name, len, &t->type) && (*bits = element_bits(t->type))) {
        t->type_name = hz_dtype_info(t->type)->name;
        return HZ_OK;
    }
    t->type = HZ_DTYPES;
    for (size_t i = 0; i < HZ_COUNT(sized_types); i++)
        if (hz_json_str_is(dtype, sized_types[i].name)) {
            t->type_name = sized_types[i].name;
            *bits = sized_types[i].bits;
            return HZ_OK;
        }
    return hz_fail(r->err, HZ_E_UNSUPPORTED, "tensor '%.200s' has the unknown dtype '%.100s'", t->name, name);
}

/* The i-th element of an array of natural numbers. */
static bool natural_at(struct hz_json array, size_t i, uint64_t *out)
{
    struct hz_json v = hz_json_at(array, i);
    int64_t number;
    if (v.kind != HZ_JSON_INT || !hz_json_int(v, &number) || number < 0)
        return false;
    *out = (uint64_t)number;
    return true;
}

static hz_status set_shape(const struct reader *r, struct hz_tensor *t, struct hz_json shape, uint64_t *elements)
{
    size_t n = hz_json_len(shape);
    if (shape.kind != HZ_JSON_ARRAY)
        return hz_fail(r->err, HZ_E_FORMAT, "tensor '%.200s': shape is %s, expected an array", t->name,
                       hz_json_kind_name(shape.kind));
    if (n > HZ_MAX_DIMS)
        return hz_fail(r->err, HZ_E_LIMIT, "tensor '%.200s' has %zu dimensions, expected at most %d", t->name, n,
                       HZ_MAX_DIMS);
    t->n_dims = (uint32_t)n;
    for (size_t i = 0; i < n; i++)
        if (!natural_at(shape, i, &t->dims[i]))
            return hz_fail(r->err, HZ_E_FORMAT, "tensor '%.200s': shape[%zu] is not a natural number below 2^63",
                           t->name, i);
    if (!hz_dims_elements(t->dims, t->n_dims, elements))
        return hz_fail(r->err, HZ_E_FORMAT, "the shape of tensor '%.200s' multiplies to more than 2^63", t->name);
    return HZ_OK;
}

/* One entry of the header; t->name is set already. */
static hz_status read_tensor(const struct reader *r, struct hz_json entry, struct hz_tensor *t, struct span *span)
{
    uint32_t bits = 0;
    uint64_t elements = 0, size_bits;
    if (entry.kind != HZ_JSON_OBJECT)
        return hz_fail(r->err, HZ_E_FORMAT, "tensor '%.200s' is %s, expected an object", t->name,
                       hz_json_kind_name(entry.kind));
    HZ_TRY(set_type(r, t, hz_json_get(entry, "dtype"), &bits));
    HZ_TRY(set_shape(r, t, hz_json_get(entry, "shape"), &elements));
    struct hz_json offsets = hz_json_get(entry, "data_offsets");
    if (hz_json_len(offsets) != 2 || !natural_at(offsets, 0, &span->begin) || !natural_at(offsets, 1, &span->end))
        return hz_fail(r->err, HZ_E_FORMAT, "tensor '%.200s': data_offsets are not two natural numbers below 2^63",
                       t->name);
    if (span->begin > span->end || span->end > r->data_bytes)
        return hz_fail(r->err, HZ_E_FORMAT,
                       "tensor '%.200s' lies at %" PRIu64 "..%" PRIu64 " of %" PRIu64 " bytes of data%s", t->name,
                       span->begin, span->end, r->data_bytes, span->begin > span->end ? "" : ": incomplete download?");
    t->bytes = span->end - span->begin;
    if (!hz_mul_u64(elements, bits, &size_bits) || size_bits % 8 || size_bits / 8 != t->bytes) {
        char shape[200];
        return hz_fail(r->err, HZ_E_FORMAT, "tensor '%.200s' is %s, which does not fill its %" PRIu64 " bytes", t->name,
                       hz_tensor_shape(t, shape, sizeof shape), t->bytes);
    }
    t->data = r->data + span->begin;
    t->file = r->path;
    span->name = t->name;
    return HZ_OK;
}

/* __metadata__ is absent, null or strings by name; nothing here uses it. */
static hz_status check_metadata(const struct reader *r, struct hz_json metadata)
{
    if (metadata.kind != HZ_JSON_OBJECT && metadata.kind != HZ_JSON_NULL)
        return hz_fail(r->err, HZ_E_FORMAT, "%s is %s, expected an object", metadata_key,
                       hz_json_kind_name(metadata.kind));
    for (struct hz_json_iter it = hz_json_each(metadata); hz_json_next(&it);)
        if (it.value.kind != HZ_JSON_STRING)
            return hz_fail(r->err, HZ_E_FORMAT, "%s: '%.100s' is %s, expected a string", metadata_key, it.key,
                           hz_json_kind_name(it.value.kind));
    return HZ_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* The data is covered without holes and without overlaps: bytes that no name accounts for would be a place to hide
 * another file in. */
static hz_status check_cover(const struct reader *r, struct span *spans, size_t n)
{
    uint64_t at = 0;
    if (n)
        qsort(spans, n, sizeof *spans, by_place);
    for (size_t i = 0; i < n; at = spans[i++].end)
        if (spans[i].begin != at)
            return hz_fail(r->err, HZ_E_FORMAT,
                           "tensor '%.200s' begins at byte %" PRIu64 " of the data, expected %" PRIu64, spans[i].name,
                           spans[i].begin, at);
    if (at != r->data_bytes)
        return hz_fail(r->err, HZ_E_FORMAT, "the tensors cover %" PRIu64 " of %" PRIu64 " bytes of data", at,
                       r->data_bytes);
    return HZ_OK;
}

static hz_status read_tensors(const struct reader *r, struct hz_json root, struct span *spans,
                              struct hz_tensor_table *table, hz_tensor_filter *wanted, void *user)
{
    size_t n = 0;
    for (struct hz_json_iter it = hz_json_each(root); hz_json_next(&it);) {
        struct hz_tensor t = {.name = it.key};
        if (!strcmp(it.key, metadata_key)) {
            HZ_TRY(check_metadata(r, it.value));
            continue;
        }
        if (memchr(it.key, 0, it.key_len))
            return hz_fail(r->err, HZ_E_FORMAT, "the tensor name '%.200s...' holds a NUL", it.key);
        t.name = hz_arena_strndup(r->arena, it.key, it.key_len);
        if (!t.name)
            return hz_fail_nomem(r->err, it.key_len);
        HZ_TRY(read_tensor(r, it.value, &t, &spans[n++]));
        if (!wanted || wanted(user, t.name))
            HZ_TRY(hz_tensor_add(table, &t, r->err));
    }
    return check_cover(r, spans, n);
}

/* The JSON reader lets the last of two equal names win. So the names are counted in the text, which is sound JSON:
 * text[i] is the quote that opens a string, the result the place behind the one that closes it. */
static size_t string_end(const char *text, size_t i)
{
    for (i++; text[i] != '"'; i++)
        i += text[i] == '\\';
    return i + 1;
}

static hz_status check_names_in(const char *text, size_t len, size_t n_names, struct hz_map *seen, struct hz_error *err)
{
    int depth = 0;
    bool at_key = false;
    uint32_t other;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if (c == '{' || c == ',')
            at_key = depth == 1;
        if (c != '"')
            continue;
        size_t end = string_end(text, i);
        const char *name = text + i + 1;
        size_t name_len = end - i - 2;
        if (at_key && hz_map_get(seen, name, name_len, &other))
            return hz_fail(err, HZ_E_FORMAT, "tensor '%.*s' stands twice in the header", (int)HZ_MIN(name_len, 200),
                           name);
        if (at_key && !hz_map_put(seen, name, name_len, 0))
            return hz_fail_nomem(err, name_len);
        at_key = false;
        i = end - 1;
    }
    if (seen->n != n_names)
        return hz_fail(err, HZ_E_FORMAT, "two tensor names of the header are equal behind their escapes");
    return HZ_OK;
}

static hz_status check_names(const char *text, size_t len, size_t n_names, struct hz_error *err)
{
    struct hz_map seen = {0};
    hz_status status = check_names_in(text, len, n_names, &seen, err);
    hz_map_free(&seen);
    return status;
}

static hz_status read_header(const struct reader *r, const char *text, size_t len, struct hz_json root,
                             struct hz_tensor_table *table, hz_tensor_filter *wanted, void *user)
{
    size_t n = hz_json_len(root);
    if (root.kind != HZ_JSON_OBJECT)
        return hz_fail(r->err, HZ_E_FORMAT, "the header is %s, expected an object", hz_json_kind_name(root.kind));
    HZ_TRY(check_names(text, len, n, r->err));
    struct span *spans = hz_calloc(n, sizeof *spans);
    if (!spans)
        return hz_fail_nomem(r->err, n * sizeof *spans);
    hz_status status = read_tensors(r, root, spans, table, wanted, user);
    free(spans);
    return status;
}

hz_status hz_safetensors_read(const struct hz_file_map *map, const char *path, struct hz_arena *arena,
                              struct hz_tensor_table *table, hz_tensor_filter *wanted, void *user, struct hz_error *err)
{
    struct hz_cursor c = hz_cursor_of(map->data, map->size);
    uint64_t len = hz_cursor_u64(&c);
    if (c.failed || len > MAX_HEADER || len > hz_cursor_left(&c)) {
        bool begins = !c.failed && hz_cursor_left(&c) && map->data[c.at] == '{';
        return hz_fail(err, HZ_E_FORMAT, "%s: not a safetensors file (its header would have %" PRIu64 " bytes): %s",
                       path, len, begins ? "incomplete download?" : hz_file_looks_like(map->data, map->size));
    }
    const char *text = (const char *)hz_cursor_bytes(&c, len);
    struct reader r = {path, map->data + c.at, hz_cursor_left(&c), arena, err};
    struct hz_json_doc *doc;
    HZ_TRY(hz_json_parse(text, (size_t)len, path, &doc, err));
    hz_status status = read_header(&r, text, (size_t)len, hz_json_root(doc), table, wanted, user);
    hz_json_free(doc);
    return status == HZ_OK ? HZ_OK : hz_fail_in(err, status, "%s", path);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static int wide_first(const void *a, const void *b)
{
    const struct hz_tensor *x = *(const struct hz_tensor *const *)a, *y = *(const struct hz_tensor *const *)b;
    uint32_t wx = element_bits(x->type), wy = element_bits(y->type);
    return wx != wy ? (wx < wy) - (wx > wy) : strcmp(x->name, y->name);
}

static hz_status check_writable(const struct hz_tensor *t, struct hz_map *names, struct hz_error *err)
{
    uint64_t elements, bits = t->type < HZ_DTYPES ? element_bits(t->type) : 0, total;
    uint32_t other;
    if (!bits)
        return hz_fail(err, HZ_E_UNSUPPORTED, "tensor '%.200s': safetensors cannot hold its type", t->name);
    if (!strcmp(t->name, metadata_key) || hz_map_get(names, t->name, strlen(t->name), &other))
        return hz_fail(err, HZ_E_INVALID, "the tensor name '%.200s' is taken", t->name);
    if (t->n_dims > HZ_MAX_DIMS || !hz_dims_elements(t->dims, t->n_dims, &elements) ||
        !hz_mul_u64(elements, bits, &total) || total % 8 || total / 8 != t->bytes)
        return hz_fail(err, HZ_E_INVALID, "tensor '%.200s': its shape does not make %" PRIu64 " bytes", t->name,
                       t->bytes);
    return hz_map_put(names, t->name, strlen(t->name), 0) ? HZ_OK : hz_fail_nomem(err, names->n);
}

/* The tensors as they will lie in the file. */
static hz_status make_order(const struct hz_tensor *tensors, size_t n, const struct hz_tensor **order,
                            struct hz_error *err)
{
    struct hz_map names = {0};
    hz_status status = HZ_OK;
    for (size_t i = 0; i < n && status == HZ_OK; i++) {
        order[i] = &tensors[i];
        status = check_writable(&tensors[i], &names, err);
    }
    hz_map_free(&names);
    if (n && status == HZ_OK)
        qsort(order, n, sizeof *order, wide_first);
    return status;
}

/* The header of the tensors in the order given, filled with blanks to a multiple of 8 bytes. */
static hz_status make_header(const struct hz_tensor *const *order, size_t n, struct hz_buf *out, struct hz_error *err)
{
    struct hz_json_writer w;
    uint64_t at = 0;
    hz_json_begin(&w, out, 0);
    hz_json_object(&w);
    for (size_t i = 0; i < n; i++) {
        const struct hz_tensor *t = order[i];
        hz_json_key(&w, t->name);
        hz_json_object(&w);
        hz_json_key(&w, "dtype");
        hz_json_put_cstr(&w, hz_dtype_info(t->type)->name);
        hz_json_key(&w, "shape");
        hz_json_array(&w);
        for (uint32_t d = 0; d < t->n_dims; d++)
            hz_json_put_int(&w, (int64_t)t->dims[d]);
        hz_json_end_array(&w);
        hz_json_key(&w, "data_offsets");
        hz_json_array(&w);
        hz_json_put_int(&w, (int64_t)at);
        if (!hz_add_u64(at, t->bytes, &at) || at > INT64_MAX)
            return hz_fail(err, HZ_E_LIMIT, "the tensors have more than 2^63 bytes together");
        hz_json_put_int(&w, (int64_t)at);
        hz_json_end_array(&w);
        hz_json_end_object(&w);
    }
    hz_json_end_object(&w);
    while (!out->failed && out->len % 8)
        hz_buf_putc(out, ' ');
    return hz_buf_check(out, "the safetensors header", err);
}

static hz_status write_file(const char *path, const struct hz_buf *header, const struct hz_tensor *const *order,
                            size_t n, struct hz_error *err)
{
    struct hz_file_writer *writer;
    uint8_t length[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++)
        length[i] = (uint8_t)((uint64_t)header->len >> (8 * i));
    HZ_TRY(hz_file_create(path, &writer, err));
    hz_status status = hz_file_write(writer, length, sizeof length, err);
    if (status == HZ_OK)
        status = hz_file_write(writer, header->data, header->len, err);
    for (size_t i = 0; i < n && status == HZ_OK; i++)
        status = hz_file_write(writer, order[i]->data, (size_t)order[i]->bytes, err);
    hz_status finished = hz_file_finish(writer, status == HZ_OK, err);
    return status == HZ_OK ? finished : status;
}

hz_status hz_safetensors_write(const char *path, const struct hz_tensor *tensors, size_t n, struct hz_error *err)
{
    const struct hz_tensor **order = hz_calloc(n, sizeof *order);
    struct hz_buf header;
    if (!order)
        return hz_fail_nomem(err, n * sizeof *order);
    hz_buf_init(&header, MAX_HEADER);
    hz_status status = make_order(tensors, n, order, err);
    if (status == HZ_OK)
        status = make_header(order, n, &header, err);
    if (status == HZ_OK)
        status = write_file(path, &header, order, n, err);
    else
        hz_fail_in(err, status, "%s", path);
    hz_buf_free(&header);
    free(order);
    return status;
}
