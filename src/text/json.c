#include "text/json.h"

#include "base/mem.h"
#include "base/os/file.h"
#include "text/json_scan.h"

#include <json-c/json.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 30 };

struct hz_json_doc {
    struct json_object *root;
};

/* Hangs as user data at the objects that have keys with U+0000 in them: the real keys of the marked ones. */
struct nul_keys {
    size_t n;
    struct nul_key {
        const char *marked;
        char *key;
        size_t len;
    } of[];
};

static void nul_keys_free(struct json_object *object, void *data)
{
    (void)object;
    struct nul_keys *keys = data;
    for (size_t i = 0; i < keys->n; i++)
        free(keys->of[i].key);
    free(keys);
}

static bool nul_key_init(struct nul_key *k, const char *marked)
{
    size_t n = strlen(marked);
    *k = (struct nul_key){marked, hz_strndup(marked, n), 0};
    if (!k->key)
        return false;
    for (const char *p = marked; *p; p++)
        if (!strncmp(p, HZ_JSON_NUL_MARK, 2)) {
            k->key[k->len++] = '\0';
            p++;
        } else {
            k->key[k->len++] = *p;
        }
    k->key[k->len] = '\0';
    return true;
}

static bool nul_keys_of_object(struct json_object *object)
{
    size_t n = 0;
    json_object_object_foreach(object, counted, ignored)
    {
        (void)ignored;
        n += strstr(counted, HZ_JSON_NUL_MARK) != NULL;
    }
    if (!n)
        return true;
    struct nul_keys *keys = hz_calloc(1, sizeof *keys + n * sizeof keys->of[0]);
    if (!keys)
        return false;
    json_object_set_userdata(object, keys, nul_keys_free);
    json_object_object_foreach(object, key, unused)
    {
        (void)unused;
        if (strstr(key, HZ_JSON_NUL_MARK) && !nul_key_init(&keys->of[keys->n++], key))
            return false;
    }
    return true;
}

/* Depth is bounded by the scan. */
static bool nul_keys_below(struct json_object *o)
{
    if (json_object_is_type(o, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(o); i++)
            if (!nul_keys_below(json_object_array_get_idx(o, i)))
                return false;
    } else if (json_object_is_type(o, json_type_object)) {
        if (!nul_keys_of_object(o))
            return false;
        json_object_object_foreach(o, key, value)
        {
            (void)key;
            if (!nul_keys_below(value))
                return false;
        }
    }
    return true;
}

/* json-c on one text. On success *end is where the document ended, on failure where the trouble is. */
static enum json_tokener_error tokenize(const char *text, size_t len, struct json_object **root, size_t *end)
{
    struct json_tokener *tokener = json_tokener_new_ex(HZ_JSON_MAX_DEPTH + 2);
    if (!tokener)
        return json_tokener_error_size;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
    *root = json_tokener_parse_ex(tokener, text, (int)len);
    enum json_tokener_error e = json_tokener_get_error(tokener);
    *end = json_tokener_get_parse_end(tokener);
    if (e == json_tokener_continue) { /* a number or nothing at the end: json-c wants to see that no more comes */
        *root = json_tokener_parse_ex(tokener, "", 1);
        e = json_tokener_get_error(tokener);
        *end = len;
    }
    json_tokener_free(tokener);
    return e == json_tokener_continue ? json_tokener_error_parse_eof : e;
}

static hz_status parse_checked(const char *text, size_t len, const char *name, struct json_object **root,
                               struct hz_error *err)
{
    size_t end;
    enum json_tokener_error e = tokenize(text, len, root, &end);
    if (e == json_tokener_error_size)
        return hz_fail_nomem(err, len);
    if (e != json_tokener_success)
        return hz_json_fail_at(text, HZ_MIN(end, len), name, json_tokener_error_desc(e), err);
    while (end < len && (text[end] == ' ' || text[end] == '\t' || text[end] == '\r' || text[end] == '\n'))
        end++;
    return end < len ? hz_json_fail_at(text, end, name, "text after the end of the document", err) : HZ_OK;
}

hz_status hz_json_parse(const char *text, size_t len, const char *name, struct hz_json_doc **doc, struct hz_error *err)
{
    *doc = NULL;
    name = name ? name : "JSON";
    if (len > MAX_FILE)
        return hz_fail(err, HZ_E_LIMIT, "%s: %zu bytes of JSON, more than 1 GiB", name, len);
    struct hz_buf mended;
    hz_buf_init(&mended, 2 * len + 64);
    struct hz_json_doc *d = hz_calloc(1, sizeof *d);
    bool nul_keys = false;
    hz_status status = d ? hz_json_scan(text, len, name, &mended, &nul_keys, err) : hz_fail_nomem(err, sizeof *d);
    if (status != HZ_OK)
        goto fail;
    status = mended.len ? parse_checked(mended.data, mended.len, name, &d->root, err)
                        : parse_checked(text, len, name, &d->root, err);
    if (status != HZ_OK && mended.len) { /* fails on the text as it stands too, and there the place is right */
        json_object_put(d->root);
        status = parse_checked(text, len, name, &d->root, err);
    }
    if (status != HZ_OK)
        goto fail;
    if (nul_keys && !nul_keys_below(d->root)) {
        status = hz_fail_nomem(err, len);
        goto fail;
    }
    hz_buf_free(&mended);
    *doc = d;
    return HZ_OK;
fail:
    hz_buf_free(&mended);
    hz_json_free(d);
    return status;
}

hz_status hz_json_load(const char *path, struct hz_json_doc **doc, struct hz_error *err)
{
    *doc = NULL;
    char *text;
    size_t len;
    HZ_TRY(hz_file_read(path, MAX_FILE, &text, &len, err));
    hz_status status = hz_json_parse(text, len, path, doc, err);
    free(text);
    return status;
}

void hz_json_free(struct hz_json_doc *doc)
{
    if (!doc)
        return;
    json_object_put(doc->root);
    free(doc);
}

/* The text of a float as it stood, or NULL for NaN and the infinities. */
static const char *float_text(struct json_object *o)
{
    return json_object_get_userdata(o);
}

static bool is_long_int(struct json_object *o)
{
    const char *text = float_text(o);
    size_t n = text ? strlen(text) : 0, mark = strlen(HZ_JSON_LONG_MARK);
    return n > mark && !strcmp(text + n - mark, HZ_JSON_LONG_MARK);
}

static struct hz_json value_of(struct json_object *o)
{
    switch (json_object_get_type(o)) {
    case json_type_null:
        return (struct hz_json){NULL, HZ_JSON_NULL};
    case json_type_boolean:
        return (struct hz_json){o, HZ_JSON_BOOL};
    case json_type_int:
        return (struct hz_json){o, HZ_JSON_INT};
    case json_type_double:
        return (struct hz_json){o, is_long_int(o) ? HZ_JSON_BIGINT : HZ_JSON_FLOAT};
    case json_type_string:
        return (struct hz_json){o, HZ_JSON_STRING};
    case json_type_array:
        return (struct hz_json){o, HZ_JSON_ARRAY};
    case json_type_object:
        return (struct hz_json){o, HZ_JSON_OBJECT};
    }
    return (struct hz_json){NULL, HZ_JSON_ABSENT};
}

struct hz_json hz_json_root(const struct hz_json_doc *doc)
{
    return value_of(doc->root);
}

struct hz_json hz_json_get(struct hz_json object, const char *key)
{
    struct json_object *value;
    bool found = object.kind == HZ_JSON_OBJECT && json_object_object_get_ex(object.ref, key, &value);
    return found ? value_of(value) : (struct hz_json){NULL, HZ_JSON_ABSENT};
}

struct hz_json hz_json_get_n(struct hz_json object, const char *key, size_t len)
{
    char copy[256];
    if (len < sizeof copy && !memchr(key, '\0', len)) {
        memcpy(copy, key, len);
        copy[len] = '\0';
        return hz_json_get(object, copy);
    }
    struct hz_json_iter it = hz_json_each(object); /* json-c looks up C strings alone */
    while (object.kind == HZ_JSON_OBJECT && hz_json_next(&it))
        if (it.key_len == len && !memcmp(it.key, key, len))
            return it.value;
    return (struct hz_json){NULL, HZ_JSON_ABSENT};
}

struct hz_json hz_json_at(struct hz_json array, size_t i)
{
    if (i >= hz_json_len(array) || array.kind != HZ_JSON_ARRAY)
        return (struct hz_json){NULL, HZ_JSON_ABSENT};
    return value_of(json_object_array_get_idx(array.ref, i));
}

size_t hz_json_len(struct hz_json v)
{
    if (v.kind == HZ_JSON_ARRAY)
        return json_object_array_length(v.ref);
    return v.kind == HZ_JSON_OBJECT ? (size_t)json_object_object_length(v.ref) : 0;
}

bool hz_json_bool(struct hz_json v, bool otherwise)
{
    return v.kind == HZ_JSON_BOOL ? json_object_get_boolean(v.ref) : otherwise;
}

bool hz_json_int(struct hz_json v, int64_t *out)
{
    if (v.kind == HZ_JSON_FLOAT) {
        double d = json_object_get_double(v.ref);
        if (!(d >= -0x1p63 && d < 0x1p63) || d != floor(d))
            return false;
        *out = (int64_t)d;
        return true;
    }
    if (v.kind != HZ_JSON_INT)
        return false;
    *out = json_object_get_int64(v.ref);
    return true;
}

bool hz_json_double(struct hz_json v, double *out)
{
    if (v.kind == HZ_JSON_INT)
        *out = (double)json_object_get_int64(v.ref);
    else if (v.kind == HZ_JSON_BIGINT || v.kind == HZ_JSON_FLOAT)
        *out = json_object_get_double(v.ref);
    else if (hz_json_str_is(hz_json_get(v, "__float__"), "Infinity"))
        *out = INFINITY;
    else if (hz_json_str_is(hz_json_get(v, "__float__"), "-Infinity"))
        *out = -INFINITY;
    else if (hz_json_str_is(hz_json_get(v, "__float__"), "NaN"))
        *out = NAN;
    else
        return false;
    return true;
}

const char *hz_json_str(struct hz_json v, size_t *len)
{
    if (len)
        *len = v.kind == HZ_JSON_STRING ? (size_t)json_object_get_string_len(v.ref) : 0;
    return v.kind == HZ_JSON_STRING ? json_object_get_string(v.ref) : NULL;
}

bool hz_json_str_is(struct hz_json v, const char *s)
{
    size_t len;
    const char *text = hz_json_str(v, &len);
    return text && len == strlen(s) && !memcmp(text, s, len);
}

const char *hz_json_digits(struct hz_json v, size_t *len)
{
    const char *text = v.kind == HZ_JSON_BIGINT ? float_text(v.ref) : NULL;
    *len = text ? strlen(text) - strlen(HZ_JSON_LONG_MARK) : 0;
    return text;
}

const char *hz_json_kind_name(enum hz_json_kind kind)
{
    static const char *const names[] = {
        "nothing",  "null",     "a boolean", "an integer", "an integer of too many digits",
        "a number", "a string", "an array",  "an object"};
    return (unsigned)kind < HZ_COUNT(names) ? names[kind] : "?";
}

struct hz_json_iter hz_json_each(struct hz_json container)
{
    struct hz_json_iter it = {.container = container};
    if (container.kind == HZ_JSON_OBJECT)
        it.at = json_object_get_object(container.ref)->head;
    return it;
}

bool hz_json_next(struct hz_json_iter *it)
{
    if (it->container.kind == HZ_JSON_ARRAY) {
        it->value = hz_json_at(it->container, it->i++);
        return it->value.kind != HZ_JSON_ABSENT;
    }
    struct lh_entry *entry = it->at;
    if (!entry)
        return false;
    it->key = lh_entry_k(entry);
    it->key_len = strlen(it->key);
    it->value = value_of(lh_entry_v(entry));
    it->at = entry->next;
    it->i++;
    const struct nul_keys *keys = json_object_get_userdata(it->container.ref);
    for (size_t k = 0; keys && k < keys->n; k++)
        if (keys->of[k].marked == it->key) {
            it->key_len = keys->of[k].len;
            it->key = keys->of[k].key;
            break;
        }
    return true;
}
