/* py.h - Python's values as chat templates see them: the numbers, strings, lists and dictionaries under jinja.h.
 *
 * Everything that a rendering makes lives in one arena and is freed with it; values are immutable once another value
 * can see them (namespaces aside), so they are shared freely. Strings are valid UTF-8 and count in code points. */
#ifndef HZ_TEXT_PY_H
#define HZ_TEXT_PY_H

#include "base/mem.h"
#include "text/json.h"

enum hz_py_kind {
    HZ_PY_MISSING, /* no value: an argument not given, the end of an iterator */
    HZ_PY_UNDEFINED,
    HZ_PY_NONE,
    HZ_PY_BOOL,
    HZ_PY_INT,
    HZ_PY_BIGINT, /* beyond 64 bits */
    HZ_PY_FLOAT,
    HZ_PY_STR,
    HZ_PY_LIST,
    HZ_PY_TUPLE,
    HZ_PY_DICT,
    HZ_PY_RANGE,
    HZ_PY_VIEW, /* dict.keys(), .values(), .items() */
    HZ_PY_ITER, /* a generator: can be walked once */
    HZ_PY_FUNC, /* a function, class or bound method of C */
    HZ_PY_OBJECT
};

struct hz_py_val {
    uint8_t kind;
    bool safe; /* of a STR: markup that is not escaped again */
    union {
        bool b;
        int64_t i;
        double f;
        const struct hz_py_big *big;
        struct hz_py_str *str;
        struct hz_py_list *list; /* also of a TUPLE */
        struct hz_py_dict *dict;
        const struct hz_py_range *range;
        const struct hz_py_view *view;
        struct hz_py_iter *iter;
        const struct hz_py_func *func;
        struct hz_py_object *object;
        const struct hz_py_undefined *undefined;
    };
};

struct hz_py_str {
    const char *data;        /* not NUL-terminated; may point into another string */
    size_t len;              /* bytes */
    size_t chars;            /* code points, SIZE_MAX: not counted yet */
    struct hz_py_home *home; /* the block it ends in, which may have room to append in place; NULL */
};

struct hz_py_list {
    size_t n, cap;
    struct hz_py_val *at;
    bool group; /* a tuple that `groupby` made: its items are also .grouper and .list */
};

struct hz_py_dict { /* keeps the order of insertion; nothing is ever taken out */
    size_t n, cap;
    struct hz_py_entry {
        struct hz_py_val key, value;
        uint64_t hash;
    } * at;
    uint32_t *index; /* open addressing, entry + 1; NULL while small */
    size_t n_index;
};

struct hz_py_range {
    int64_t start, stop, step, len;
};

struct hz_py_view {
    struct hz_py_dict *dict;
    enum { HZ_PY_KEYS, HZ_PY_VALUES, HZ_PY_ITEMS } which;
};

struct hz_py_undefined { /* hint, or: `name` looked up in `of` (a MISSING: as a variable) */
    const char *hint;
    struct hz_py_val of, name;
};

struct hz_py {
    struct hz_arena arena;
    size_t max_bytes; /* of the arena */
    uint64_t steps;   /* what is left */
    int depth;        /* nesting of C calls, kept below HZ_PY_MAX_DEPTH */
    bool autoescape;
    const char *now;
    struct hz_error *err;
};

/* Deepest nesting of evaluation: some hundred bytes of C stack each. */
enum { HZ_PY_MAX_DEPTH = 2500 };

/* ---- failing and limits ----------------------------------------------------------------------------------------- */

hz_status hz_py_fail(struct hz_py *py, const char *fmt, ...) HZ_PRINTF(2, 3);
/* E_LIMIT once the steps are used up. n: nodes evaluated, or 1 for some 64 bytes of work. */
hz_status hz_py_step(struct hz_py *py, size_t n);
hz_status hz_py_enter(struct hz_py *py); /* undone by py->depth-- */
/* Zeroed memory of the rendering; counts as work. NULL: err is filled, return hz_py_status(py). */
void *hz_py_alloc(struct hz_py *py, size_t n, size_t size);

/* The status of what just failed. */
static inline hz_status hz_py_status(const struct hz_py *py)
{
    return py->err->status < 0 ? py->err->status : HZ_E_NOMEM;
}

#define HZ_PY_NEW(py, type) ((type *)hz_py_alloc(py, 1, sizeof(type)))

/* ---- making values ---------------------------------------------------------------------------------------------- */

static inline struct hz_py_val hz_py_none(void)
{
    return (struct hz_py_val){.kind = HZ_PY_NONE};
}

static inline struct hz_py_val hz_py_bool(bool b)
{
    return (struct hz_py_val){.kind = HZ_PY_BOOL, .b = b};
}

static inline struct hz_py_val hz_py_int(int64_t i)
{
    return (struct hz_py_val){.kind = HZ_PY_INT, .i = i};
}

static inline struct hz_py_val hz_py_float(double f)
{
    return (struct hz_py_val){.kind = HZ_PY_FLOAT, .f = f};
}

static inline struct hz_py_val hz_py_object_val(void *object)
{
    return (struct hz_py_val){.kind = HZ_PY_OBJECT, .object = object};
}

/* The bytes stay where they are and must live as long as the value. */
hz_status hz_py_str_at(struct hz_py *py, const char *data, size_t len, struct hz_py_val *out);
hz_status hz_py_str_copy(struct hz_py *py, const char *data, size_t len, struct hz_py_val *out);
/* A part of s in bytes. */
hz_status hz_py_str_part(struct hz_py *py, struct hz_py_val s, size_t from, size_t to, struct hz_py_val *out);
/* "hint", or: `name` is undefined / `of` has no attribute `name`. */
hz_status hz_py_undefined_hint(struct hz_py *py, const char *hint, struct hz_py_val *out);
hz_status hz_py_undefined_of(struct hz_py *py, struct hz_py_val of, struct hz_py_val name, struct hz_py_val *out);
/* Fails with what an undefined value has to say. */
hz_status hz_py_fail_undefined(struct hz_py *py, struct hz_py_val undefined);
/* A JSON value; strings stay in the document. */
hz_status hz_py_from_json(struct hz_py *py, struct hz_json v, struct hz_py_val *out);

struct hz_py_list *hz_py_list_new(struct hz_py *py, size_t cap); /* NULL as hz_py_alloc */
hz_status hz_py_push(struct hz_py *py, struct hz_py_list *list, struct hz_py_val v);
struct hz_py_val hz_py_list_val(struct hz_py_list *list);
struct hz_py_val hz_py_tuple_val(struct hz_py_list *list);
hz_status hz_py_pair(struct hz_py *py, struct hz_py_val a, struct hz_py_val b, struct hz_py_val *out); /* a tuple */

struct hz_py_dict *hz_py_dict_new(struct hz_py *py);
struct hz_py_val hz_py_dict_val(struct hz_py_dict *dict);
/* Fails for a key that cannot be hashed. */
hz_status hz_py_dict_set(struct hz_py *py, struct hz_py_dict *dict, struct hz_py_val key, struct hz_py_val value);
/* *found is NULL when there is no such key; a key that cannot be hashed is an error. */
hz_status hz_py_dict_get(struct hz_py *py, struct hz_py_dict *dict, struct hz_py_val key, struct hz_py_val **found);
struct hz_py_val *hz_py_dict_get_str(struct hz_py_dict *dict, const char *key, size_t len);
bool hz_py_hashable(struct hz_py_val v);

/* ---- strings being built ---------------------------------------------------------------------------------------- */

/* Appending never fails on the spot; hz_py_sb_end says whether all went well. */
struct hz_py_sb {
    struct hz_py *py;
    char *data;
    size_t len, cap;
    hz_status status;
};

void hz_py_sb_begin(struct hz_py_sb *sb, struct hz_py *py);
void hz_py_sb_put(struct hz_py_sb *sb, const char *data, size_t len);
void hz_py_sb_puts(struct hz_py_sb *sb, const char *s);
void hz_py_sb_putc(struct hz_py_sb *sb, char c);
void hz_py_sb_cp(struct hz_py_sb *sb, uint32_t cp); /* a code point */
void hz_py_sb_fill(struct hz_py_sb *sb, const char *s, size_t len, size_t times);
void hz_py_sb_str(struct hz_py_sb *sb, struct hz_py_val s);
hz_status hz_py_sb_end(struct hz_py_sb *sb, struct hz_py_val *out);

/* ---- what every value can be asked ------------------------------------------------------------------------------ */

bool hz_py_truth(struct hz_py_val v);
const char *hz_py_type_name(struct hz_py_val v); /* "str", "NoneType" */
/* str() and repr(); an undefined value is "". */
hz_status hz_py_str_of(struct hz_py *py, struct hz_py_val v, struct hz_py_val *out);
void hz_py_put_str(struct hz_py_sb *sb, struct hz_py_val v);
void hz_py_put_repr(struct hz_py_sb *sb, struct hz_py_val v);
void hz_py_put_ascii(struct hz_py_sb *sb, struct hz_py_val v); /* repr with escapes for all but ASCII */
void hz_py_escape_cp(uint32_t cp, char out[16]);               /* \xe9, \u65e5 or \U0001f600 */
hz_status hz_py_equal(struct hz_py *py, struct hz_py_val a, struct hz_py_val b, bool *out);
/* a < b as Python orders them; values without an order are an error. */
hz_status hz_py_less(struct hz_py *py, struct hz_py_val a, struct hz_py_val b, bool *out);
/* `needle in haystack` */
hz_status hz_py_contains(struct hz_py *py, struct hz_py_val haystack, struct hz_py_val needle, bool *out);
/* len(), or -1 if the value has none. */
int64_t hz_py_len(struct hz_py_val v);
/* JSON as Python's json.dumps writes it. */
struct hz_py_dumps {
    bool ensure_ascii, sort_keys;
    bool pretty; /* `indent` holds what one level is indented by */
    const char *indent;
    size_t indent_len;
    const char *item_sep, *key_sep;
    size_t item_sep_len, key_sep_len;
};
hz_status hz_py_to_json(struct hz_py *py, struct hz_py_val v, const struct hz_py_dumps *how, struct hz_py_val *out);

/* ---- walking ---------------------------------------------------------------------------------------------------- */

struct hz_py_iter {
    /* *out is MISSING at the end. */
    hz_status (*next)(struct hz_py *py, struct hz_py_iter *it, struct hz_py_val *out);
    bool done;
};

bool hz_py_iterable(struct hz_py_val v);
/* Fails for what cannot be walked. */
hz_status hz_py_iter(struct hz_py *py, struct hz_py_val v, struct hz_py_iter **out);
hz_status hz_py_next(struct hz_py *py, struct hz_py_iter *it, struct hz_py_val *out);
/* All items, in a fresh list. */
hz_status hz_py_list_of(struct hz_py *py, struct hz_py_val v, struct hz_py_list **out);
/* Items from the last to the first; false in *can for what has no reverse. */
hz_status hz_py_reversed(struct hz_py *py, struct hz_py_val v, struct hz_py_val *out, bool *can);
/* Sorts stably. keys: one for each item, or NULL: the items themselves. */
hz_status hz_py_sort(struct hz_py *py, struct hz_py_list *items, const struct hz_py_val *keys, bool reverse);

/* ---- operators -------------------------------------------------------------------------------------------------- */

enum hz_py_op { HZ_PY_ADD, HZ_PY_SUB, HZ_PY_MUL, HZ_PY_DIV, HZ_PY_FLOORDIV, HZ_PY_MOD, HZ_PY_POW };
hz_status hz_py_binary(struct hz_py *py, enum hz_py_op op, struct hz_py_val a, struct hz_py_val b,
                       struct hz_py_val *out);
hz_status hz_py_negative(struct hz_py *py, struct hz_py_val a, struct hz_py_val *out);
hz_status hz_py_positive(struct hz_py *py, struct hz_py_val a, struct hz_py_val *out);
/* a + b of strings that are no markup. */
hz_status hz_py_concat(struct hz_py *py, struct hz_py_val a, struct hz_py_val b, struct hz_py_val *out);
/* v[start:stop:step], MISSING or None where not given. */
hz_status hz_py_slice(struct hz_py *py, struct hz_py_val v, struct hz_py_val start, struct hz_py_val stop,
                      struct hz_py_val step, struct hz_py_val *out);
/* v[key]; *out is MISSING where Python raises a LookupError or TypeError. */
hz_status hz_py_subscript(struct hz_py *py, struct hz_py_val v, struct hz_py_val key, struct hz_py_val *out);
/* Escapes & < > ' " unless v is markup already; the result is markup. */
hz_status hz_py_escape(struct hz_py *py, struct hz_py_val v, struct hz_py_val *out);

/* ---- numbers (py_int.c) ----------------------------------------------------------------------------------------- */

bool hz_py_is_int(struct hz_py_val v);    /* bool too */
bool hz_py_is_number(struct hz_py_val v); /* int, bool or float */
/* An int or bool within 64 bits. */
bool hz_py_small(struct hz_py_val v, int64_t *out);
double hz_py_double(struct hz_py_val number);
/* Digits of base 2 to 36 without sign or prefix; underscores were taken out. */
hz_status hz_py_int_digits(struct hz_py *py, const char *digits, size_t len, int base, bool negative,
                           struct hz_py_val *out);
hz_status hz_py_int_from_double(struct hz_py *py, double f, struct hz_py_val *out); /* truncates; finite */
hz_status hz_py_int_op(struct hz_py *py, enum hz_py_op op, struct hz_py_val a, struct hz_py_val b,
                       struct hz_py_val *out);
int hz_py_number_order(struct hz_py_val a, struct hz_py_val b); /* -1, 0, 1; 2 if a NaN is among them */
/* Digits of |v| in base 2, 8, 10 or 16. */
void hz_py_put_digits(struct hz_py_sb *sb, struct hz_py_val v, int base);
bool hz_py_int_negative(struct hz_py_val v);
/* Python's int(text, base) and float(text); false where it raises ValueError. */
hz_status hz_py_parse_int(struct hz_py *py, struct hz_py_val s, int64_t base, struct hz_py_val *out, bool *ok);
bool hz_py_parse_float(struct hz_py_val s, double *out);

/* ---- strings (py_str.c, py_case.c, py_format.c) ----------------------------------------------------------------- */

size_t hz_py_chars(struct hz_py_val s);
/* Byte offset of a code point's index, at most len. */
size_t hz_py_offset(struct hz_py_val s, size_t index);
bool hz_py_is_printable(uint32_t cp);
bool hz_py_is_word(uint32_t cp); /* letters, digits and marks: regex \w */
bool hz_py_str_is(struct hz_py_val v, const char *text);
/* Where needle first lies in s[from..to), or SIZE_MAX; counts as work. All in bytes. */
size_t hz_py_find(const char *s, size_t from, size_t to, const char *needle, size_t n);
size_t hz_py_rfind(const char *s, size_t from, size_t to, const char *needle, size_t n);
/* Trims blanks (chars MISSING or None) or the given characters at the left, right or both. */
enum { HZ_PY_LEFT = 1, HZ_PY_RIGHT = 2 };
hz_status hz_py_strip(struct hz_py *py, struct hz_py_val s, struct hz_py_val chars, int sides, struct hz_py_val *out);
hz_status hz_py_replace(struct hz_py *py, struct hz_py_val s, struct hz_py_val from, struct hz_py_val to, int64_t count,
                        struct hz_py_val *out);
hz_status hz_py_splitlines(struct hz_py *py, struct hz_py_val s, bool keep_ends, struct hz_py_list **out);
hz_status hz_py_split(struct hz_py *py, struct hz_py_val s, struct hz_py_val sep, int64_t max, struct hz_py_list **out);
hz_status hz_py_rsplit(struct hz_py *py, struct hz_py_val s, struct hz_py_val sep, int64_t max,
                       struct hz_py_list **out);
enum hz_py_case { HZ_PY_UPPER, HZ_PY_LOWER, HZ_PY_TITLE, HZ_PY_CAPITALIZE, HZ_PY_SWAPCASE, HZ_PY_CASEFOLD };
hz_status hz_py_change_case(struct hz_py *py, enum hz_py_case to, struct hz_py_val s, struct hz_py_val *out);
/* isalpha() and the like by the method's name. */
bool hz_py_str_class(struct hz_py_val s, const char *method);
/* s % args */
hz_status hz_py_percent(struct hz_py *py, struct hz_py_val s, struct hz_py_val args, struct hz_py_val *out);
/* s.format(*args, **kwargs); kw may be NULL. */
hz_status hz_py_str_format(struct hz_py *py, struct hz_py_val s, const struct hz_py_val *args, size_t n,
                           struct hz_py_dict *kw, struct hz_py_val *out);
/* format(v, "%.1f") of a float. */
void hz_py_put_fixed(struct hz_py_sb *sb, double v, int precision);
hz_status hz_py_strftime(struct hz_py *py, struct hz_py_val format, struct hz_py_val *out);

/* ---- attributes, functions and objects (py_attr.c, py_call.c) --------------------------------------------------- */

struct hz_py_args { /* what a call was given */
    struct hz_py_val *at;
    size_t n;
    struct hz_py_dict *kw; /* or NULL */
};

struct hz_py_call {        /* what a function of C gets: its parameters in order, MISSING where not given */
    struct hz_py_val self; /* the method's object, the filter's input */
    struct hz_py_val *arg;
    struct hz_py_args rest; /* surplus for "*" and "**" */
};

/* params: names separated by spaces; "=" behind a name: may be left out; "/" : no keywords for those before; "*" and
 * "**": takes a surplus of positional and keyword arguments. */
struct hz_py_def {
    const char *name, *params;
    hz_status (*fn)(struct hz_py *py, struct hz_py_call *call, struct hz_py_val *out);
};

struct hz_py_func {
    const struct hz_py_def *def;
    struct hz_py_val self; /* MISSING: a plain function */
};

struct hz_py_class {
    const char *name;
    /* Leaves *out MISSING if there is no such attribute. May be NULL, as may the others. */
    hz_status (*attr)(struct hz_py *py, struct hz_py_object *o, const char *name, size_t len, struct hz_py_val *out);
    hz_status (*call)(struct hz_py *py, struct hz_py_object *o, const struct hz_py_args *args, struct hz_py_val *out);
    hz_status (*iter)(struct hz_py *py, struct hz_py_object *o, struct hz_py_iter **out);
    void (*repr)(struct hz_py_sb *sb, struct hz_py_object *o);
};

struct hz_py_object {
    const struct hz_py_class *cls;
};

/* Python's getattr; *out is MISSING if there is none, or where the sandbox hides it. */
hz_status hz_py_attr(struct hz_py *py, struct hz_py_val v, const char *name, size_t len, struct hz_py_val *out);
hz_status hz_py_func(struct hz_py *py, const struct hz_py_def *def, struct hz_py_val self, struct hz_py_val *out);
/* Binds args to def's parameters and calls it. */
hz_status hz_py_apply(struct hz_py *py, const struct hz_py_def *def, struct hz_py_val self,
                      const struct hz_py_args *args, struct hz_py_val *out);
bool hz_py_callable(struct hz_py_val v);
hz_status hz_py_call(struct hz_py *py, struct hz_py_val fn, const struct hz_py_args *args, struct hz_py_val *out);

/* Reading parameters: the default where MISSING, an error naming what was expected otherwise. */
hz_status hz_py_arg_int(struct hz_py *py, struct hz_py_val v, int64_t otherwise, int64_t *out);
hz_status hz_py_arg_str(struct hz_py *py, struct hz_py_val v, const char *what);

#endif
