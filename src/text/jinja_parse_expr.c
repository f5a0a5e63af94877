/* jinja_parse_expr.c - expressions. Precedence is jinja2's own: unary minus binds tighter than ** and filters, ~
 * tighter than + and -. */
#include "text/jinja_ast.h"
#include "text/utf8.h"

#include <ctype.h>
#include <string.h>

enum {
    MAX_DEPTH = 256,  /* of a tree; CPython refuses the code that jinja2 makes of 200 */
    MAX_NESTING = 150 /* of the parser's own recursion, a dozen C functions each */
};

bool hz_jinja_is_op(const struct hz_jinja_token *token, const char *op)
{
    return token->type == HZ_JINJA_T_OPERATOR && token->len == strlen(op) && !memcmp(token->text, op, token->len);
}

bool hz_jinja_is_name(const struct hz_jinja_token *token, const char *name)
{
    return token->type == HZ_JINJA_T_NAME && token->len == strlen(name) && !memcmp(token->text, name, token->len);
}

bool hz_jinja_skip_op(struct hz_jinja_parser *p, const char *op)
{
    bool is = hz_jinja_is_op(p->at, op);
    p->at += is;
    return is;
}

bool hz_jinja_skip_name(struct hz_jinja_parser *p, const char *name)
{
    bool is = hz_jinja_is_name(p->at, name);
    p->at += is;
    return is;
}

hz_status hz_jinja_unexpected(struct hz_jinja_parser *p, const char *expected)
{
    static const char *const names[] = {"the end of the template", "text", "'{{'", "'}}'", "'{%'", "'%}'"};
    const struct hz_jinja_token *token = p->at;
    if (token->type < HZ_COUNT(names))
        return hz_jinja_fail_at(p->t, token->line, "expected %s, got %s", expected, names[token->type]);
    return hz_jinja_fail_at(p->t, token->line, "expected %s, got '%.*s'", expected, (int)HZ_MIN(token->len, 60),
                            token->text);
}

hz_status hz_jinja_expect_op(struct hz_jinja_parser *p, const char *op)
{
    char expected[8] = {'\'', op[0], '\''};
    return hz_jinja_skip_op(p, op) ? HZ_OK : hz_jinja_unexpected(p, expected);
}

hz_status hz_jinja_node_new(struct hz_jinja_parser *p, enum hz_jinja_type type, uint32_t line,
                            struct hz_jinja_node **out)
{
    struct hz_jinja_node *node = HZ_PY_NEW(&p->t->py, struct hz_jinja_node);
    if (!node)
        return hz_py_status(&p->t->py);
    node->type = (uint8_t)type;
    node->line = line;
    *out = node;
    return HZ_OK;
}

hz_status hz_jinja_body_add(struct hz_jinja *t, struct hz_jinja_body *body, struct hz_jinja_node *node)
{
    if (body->n == body->cap) {
        size_t cap = HZ_MAX(2 * body->cap, 4);
        struct hz_jinja_node **at = hz_py_alloc(&t->py, cap, sizeof *at);
        if (!at)
            return hz_py_status(&t->py);
        if (body->n)
            memcpy(at, body->at, body->n * sizeof *at);
        body->at = at;
        body->cap = cap;
    }
    body->at[body->n++] = node;
    return HZ_OK;
}

static hz_status deepen(struct hz_jinja_parser *p, struct hz_jinja_node *node, const struct hz_jinja_node *child)
{
    if (child && child->depth >= node->depth)
        node->depth = (uint16_t)(child->depth + 1);
    if (node->depth > MAX_DEPTH)
        return hz_jinja_fail_at(p->t, node->line, "an expression of more than %d levels", MAX_DEPTH);
    return HZ_OK;
}

static hz_status add_item(struct hz_jinja_parser *p, struct hz_jinja_node *node, struct hz_jinja_body *body,
                          struct hz_jinja_node *child)
{
    HZ_TRY(deepen(p, node, child));
    return hz_jinja_body_add(p->t, body, child);
}

/* A node of one or two operands. */
static hz_status node_of(struct hz_jinja_parser *p, enum hz_jinja_type type, uint32_t line, struct hz_jinja_node *a,
                         struct hz_jinja_node *b, struct hz_jinja_node **out)
{
    HZ_TRY(hz_jinja_node_new(p, type, line, out));
    (*out)->a = a;
    (*out)->b = b;
    HZ_TRY(deepen(p, *out, a));
    return deepen(p, *out, b);
}

/* Strings of the tree are shared between threads, so what they would count lazily is counted now. */
static hz_status tree_str(struct hz_jinja_parser *p, const char *s, size_t len, struct hz_py_val *out)
{
    HZ_TRY(hz_py_str_at(&p->t->py, s, len, out));
    hz_py_chars(*out);
    return HZ_OK;
}

/* ---- literals --------------------------------------------------------------------------------------------------- */

static hz_status bad_escape(struct hz_jinja_parser *p)
{
    return hz_jinja_fail_at(p->t, p->at->line, "an escape in a string that Python does not have");
}

/* \x41 and the like: n digits behind s[1]. */
static hz_status hex_escape(struct hz_jinja_parser *p, struct hz_py_sb *sb, const char *s, const char *end, int n)
{
    uint32_t cp = 0;
    for (int i = 2; i < 2 + n; i++) {
        if (s + i >= end || !isxdigit((unsigned char)s[i]))
            return bad_escape(p);
        cp = cp * 16 + (uint32_t)(isdigit((unsigned char)s[i]) ? s[i] - '0' : (s[i] | 0x20) - 'a' + 10);
    }
    if (cp > 0x10FFFF)
        return bad_escape(p);
    hz_py_sb_cp(sb, cp >= 0xD800 && cp <= 0xDFFF ? 0xFFFD : cp); /* half a pair is no text */
    return HZ_OK;
}

/* A backslash before a character that is not ASCII: jinja2 has Python decode it from ASCII with escapes, where the
 * backslash escapes the backslash of the character's own escape. What comes out is that escape, spelled. */
static size_t spelled_escape(struct hz_py_sb *sb, const char *s, const char *end)
{
    uint32_t cp;
    char text[16];
    size_t n = hz_utf8_decode(s, (size_t)(end - s), &cp);
    hz_py_escape_cp(cp, text);
    hz_py_sb_puts(sb, text);
    return n ? n : 1;
}

static hz_status put_escape(struct hz_jinja_parser *p, struct hz_py_sb *sb, const char **s, const char *end)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    char c = (*s)[1];
    const char *at = c ? strchr(from, c) : NULL;
    int hex = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (at) {
        hz_py_sb_putc(sb, to[at - from]);
        *s += 2;
    } else if (c == '\n') {
        *s += 2;
    } else if (hex) {
        HZ_TRY(hex_escape(p, sb, *s, end, hex));
        *s += 2 + hex;
    } else if (c >= '0' && c <= '7') {
        uint32_t cp = 0;
        int i = 1;
        for (; i <= 3 && *s + i < end && (*s)[i] >= '0' && (*s)[i] <= '7'; i++)
            cp = cp * 8 + (uint32_t)((*s)[i] - '0');
        hz_py_sb_cp(sb, cp);
        *s += i;
    } else if (c == 'N') {
        return hz_jinja_fail_at(p->t, p->at->line, "\\N{...} in a string is not supported");
    } else if ((unsigned char)c >= 0x80) {
        *s += 1 + spelled_escape(sb, *s + 1, end);
    } else {
        hz_py_sb_put(sb, *s, 2);
        *s += 2;
    }
    return HZ_OK;
}

/* One or more string tokens, as one string. */
static hz_status parse_string(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    struct hz_py_sb sb;
    hz_py_sb_begin(&sb, &p->t->py);
    for (; p->at->type == HZ_JINJA_T_STRING; p->at++) {
        const char *s = p->at->text + 1, *end = p->at->text + p->at->len - 1;
        while (s < end) {
            const char *escape = memchr(s, '\\', (size_t)(end - s));
            hz_py_sb_put(&sb, s, (size_t)((escape ? escape : end) - s));
            s = escape ? escape : end;
            if (escape)
                HZ_TRY(put_escape(p, &sb, &s, end));
        }
    }
    HZ_TRY(hz_py_sb_end(&sb, &node->value));
    node->value.str->home = NULL; /* nothing may grow in the tree's memory */
    hz_py_chars(node->value);
    return HZ_OK;
}

static hz_status parse_number(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    struct hz_py_val text;
    bool ok;
    HZ_TRY(hz_py_str_at(&p->t->py, p->at->text, p->at->len, &text));
    if (p->at->type == HZ_JINJA_T_INTEGER) {
        HZ_TRY(hz_py_parse_int(&p->t->py, text, 0, &node->value, &ok));
    } else {
        double f = 0;
        ok = hz_py_parse_float(text, &f);
        node->value = hz_py_float(f);
    }
    if (!ok)
        return hz_jinja_unexpected(p, "a number");
    p->at++;
    return HZ_OK;
}

static hz_status parse_list(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    HZ_TRY(hz_jinja_expect_op(p, "["));
    while (!hz_jinja_is_op(p->at, "]")) {
        struct hz_jinja_node *item;
        if (node->items.n)
            HZ_TRY(hz_jinja_expect_op(p, ","));
        if (hz_jinja_is_op(p->at, "]"))
            break;
        HZ_TRY(hz_jinja_parse_expr(p, &item));
        HZ_TRY(add_item(p, node, &node->items, item));
    }
    return hz_jinja_expect_op(p, "]");
}

static hz_status parse_dict(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    HZ_TRY(hz_jinja_expect_op(p, "{"));
    while (!hz_jinja_is_op(p->at, "}")) {
        struct hz_jinja_node *key, *value;
        if (node->items.n)
            HZ_TRY(hz_jinja_expect_op(p, ","));
        if (hz_jinja_is_op(p->at, "}"))
            break;
        HZ_TRY(hz_jinja_parse_expr(p, &key));
        HZ_TRY(hz_jinja_expect_op(p, ":"));
        HZ_TRY(hz_jinja_parse_expr(p, &value));
        HZ_TRY(add_item(p, node, &node->items, key));
        HZ_TRY(add_item(p, node, &node->items, value));
    }
    return hz_jinja_expect_op(p, "}");
}

static bool is_one_of(const struct hz_jinja_token *token, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (hz_jinja_is_name(token, names[i]))
            return true;
    return false;
}

/* A literal name; false if the token is another name. */
static bool constant_of(const struct hz_jinja_token *token, struct hz_py_val *out)
{
    static const char *const yes[] = {"true", "True"}, *const no[] = {"false", "False"},
                             *const none[] = {"none", "None"};
    bool is_true = is_one_of(token, yes, 2);
    if (is_true || is_one_of(token, no, 2))
        *out = hz_py_bool(is_true);
    else if (is_one_of(token, none, 2))
        *out = hz_py_none();
    else
        return false;
    return true;
}

/* ns: name.attr is the attribute of a namespace to be set. */
static hz_status parse_name(struct hz_jinja_parser *p, bool ns, struct hz_jinja_node *node)
{
    const struct hz_jinja_token *token = p->at++;
    if (constant_of(token, &node->value))
        return HZ_OK;
    node->type = HZ_JINJA_NAME;
    HZ_TRY(tree_str(p, token->text, token->len, &node->value));
    if (!ns || !hz_jinja_skip_op(p, "."))
        return HZ_OK;
    if (p->at->type != HZ_JINJA_T_NAME)
        return hz_jinja_unexpected(p, "a name");
    struct hz_jinja_node *name;
    HZ_TRY(hz_jinja_node_new(p, HZ_JINJA_NAME, token->line, &name));
    name->value = node->value;
    node->a = name;
    node->type = HZ_JINJA_NSREF;
    HZ_TRY(tree_str(p, p->at->text, p->at->len, &node->value));
    p->at++;
    return HZ_OK;
}

static hz_status parse_primary(struct hz_jinja_parser *p, bool ns, struct hz_jinja_node **out)
{
    const struct hz_jinja_token *token = p->at;
    if (hz_jinja_skip_op(p, "(")) {
        HZ_TRY(hz_jinja_parse_tuple(p, HZ_JINJA_PARENTHESES, NULL, out));
        return hz_jinja_expect_op(p, ")");
    }
    HZ_TRY(hz_jinja_node_new(p, HZ_JINJA_CONST, token->line, out));
    switch (token->type) {
    case HZ_JINJA_T_NAME:
        return parse_name(p, ns, *out);
    case HZ_JINJA_T_STRING:
        return parse_string(p, *out);
    case HZ_JINJA_T_INTEGER:
    case HZ_JINJA_T_FLOAT:
        return parse_number(p, *out);
    default:
        break;
    }
    if (hz_jinja_is_op(token, "[")) {
        (*out)->type = HZ_JINJA_LIST;
        return parse_list(p, *out);
    }
    if (hz_jinja_is_op(token, "{")) {
        (*out)->type = HZ_JINJA_DICT;
        return parse_dict(p, *out);
    }
    return hz_jinja_unexpected(p, "an expression");
}

/* ---- calls, subscripts, filters, tests -------------------------------------------------------------------------- */

static hz_status parse_keyword(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    struct hz_jinja_args *args = &node->args;
    struct hz_jinja_node *value;
    struct hz_py_val key;
    HZ_TRY(tree_str(p, p->at->text, p->at->len, &key));
    for (size_t i = 0; i < args->values.n; i++)
        if (args->keywords[i].str->len == key.str->len &&
            !memcmp(args->keywords[i].str->data, key.str->data, key.str->len))
            return hz_jinja_fail_at(p->t, p->at->line, "keyword argument repeated: %.*s", (int)HZ_MIN(key.str->len, 60),
                                    key.str->data);
    p->at += 2;
    HZ_TRY(hz_jinja_parse_expr(p, &value));
    if (args->values.n == args->cap_keywords) {
        size_t cap = HZ_MAX(2 * args->cap_keywords, 4);
        struct hz_py_val *keywords = hz_py_alloc(&p->t->py, cap, sizeof *keywords);
        if (!keywords)
            return hz_py_status(&p->t->py);
        if (args->values.n)
            memcpy(keywords, args->keywords, args->values.n * sizeof *keywords);
        args->keywords = keywords;
        args->cap_keywords = cap;
    }
    args->keywords[args->values.n] = key;
    return add_item(p, node, &args->values, value);
}

static hz_status parse_args(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    struct hz_jinja_args *args = &node->args;
    uint32_t line = p->at->line;
    HZ_TRY(hz_jinja_expect_op(p, "("));
    for (bool first = true; !hz_jinja_is_op(p->at, ")"); first = false) {
        bool ok = !args->star_star;
        if (!first) {
            HZ_TRY(hz_jinja_expect_op(p, ","));
            if (hz_jinja_is_op(p->at, ")"))
                break;
        }
        if (hz_jinja_skip_op(p, "*")) {
            ok = ok && !args->star;
            HZ_TRY(hz_jinja_parse_expr(p, &args->star));
            HZ_TRY(deepen(p, node, args->star));
        } else if (hz_jinja_skip_op(p, "**")) {
            HZ_TRY(hz_jinja_parse_expr(p, &args->star_star));
            HZ_TRY(deepen(p, node, args->star_star));
        } else if (p->at->type == HZ_JINJA_T_NAME && hz_jinja_is_op(p->at + 1, "=")) {
            HZ_TRY(parse_keyword(p, node));
        } else {
            struct hz_jinja_node *value;
            ok = ok && !args->star && !args->values.n;
            HZ_TRY(hz_jinja_parse_expr(p, &value));
            HZ_TRY(add_item(p, node, &args->positional, value));
        }
        if (!ok)
            return hz_jinja_fail_at(p->t, line, "invalid syntax for function call expression");
    }
    return hz_jinja_expect_op(p, ")");
}

static bool at_slice_end(struct hz_jinja_parser *p)
{
    return hz_jinja_is_op(p->at, "]") || hz_jinja_is_op(p->at, ",");
}

/* What jinja2 computes when it compiles: literals and operators on them. */
static bool is_constant(const struct hz_jinja_node *node)
{
    bool plain = !node || node->type == HZ_JINJA_CONST;
    if (plain)
        return true;
    bool operands = node->type == HZ_JINJA_NEG || node->type == HZ_JINJA_POS || node->type == HZ_JINJA_BINARY;
    bool items = node->type == HZ_JINJA_LIST || node->type == HZ_JINJA_TUPLE || node->type == HZ_JINJA_DICT ||
                 node->type == HZ_JINJA_CONCAT;
    bool constant = operands || items;
    for (size_t i = 0; items && constant && i < node->items.n; i++)
        constant = is_constant(node->items.at[i]);
    return constant && (!operands || (is_constant(node->a) && is_constant(node->b)));
}

/* of[...] behind the bracket. */
static hz_status parse_subscript(struct hz_jinja_parser *p, uint32_t line, struct hz_jinja_node *of,
                                 struct hz_jinja_node **out)
{
    struct hz_jinja_node *start = NULL, *stop = NULL, *step = NULL, *item;
    if (hz_jinja_is_op(p->at, "]")) /* nothing is an empty tuple */
        HZ_TRY(hz_jinja_node_new(p, HZ_JINJA_TUPLE, line, &start));
    else if (!hz_jinja_is_op(p->at, ":"))
        HZ_TRY(hz_jinja_parse_expr(p, &start));
    if (hz_jinja_skip_op(p, ":")) {
        if (!hz_jinja_is_op(p->at, ":") && !at_slice_end(p))
            HZ_TRY(hz_jinja_parse_expr(p, &stop));
        if (hz_jinja_skip_op(p, ":") && !at_slice_end(p))
            HZ_TRY(hz_jinja_parse_expr(p, &step));
        HZ_TRY(node_of(p, HZ_JINJA_SLICE, line, of, start, out));
        (*out)->c = stop;
        (*out)->d = step;
        (*out)->lenient = is_constant(of) && is_constant(start) && is_constant(stop) && is_constant(step);
        HZ_TRY(deepen(p, *out, stop));
        HZ_TRY(deepen(p, *out, step));
        return hz_jinja_expect_op(p, "]");
    }
    if (hz_jinja_is_op(p->at, ",")) { /* a tuple as key */
        struct hz_jinja_node *tuple;
        HZ_TRY(hz_jinja_node_new(p, HZ_JINJA_TUPLE, line, &tuple));
        HZ_TRY(add_item(p, tuple, &tuple->items, start));
        while (hz_jinja_skip_op(p, ",")) {
            HZ_TRY(hz_jinja_parse_expr(p, &item));
            HZ_TRY(add_item(p, tuple, &tuple->items, item));
        }
        start = tuple;
    }
    HZ_TRY(node_of(p, HZ_JINJA_GETITEM, line, of, start, out));
    return hz_jinja_expect_op(p, "]");
}

static hz_status parse_attribute(struct hz_jinja_parser *p, uint32_t line, struct hz_jinja_node *of,
                                 struct hz_jinja_node **out)
{
    struct hz_jinja_node *key;
    if (p->at->type == HZ_JINJA_T_NAME) {
        HZ_TRY(node_of(p, HZ_JINJA_GETATTR, line, of, NULL, out));
        HZ_TRY(tree_str(p, p->at->text, p->at->len, &(*out)->value));
        p->at++;
        return HZ_OK;
    }
    if (p->at->type != HZ_JINJA_T_INTEGER)
        return hz_jinja_unexpected(p, "a name or a number");
    HZ_TRY(hz_jinja_node_new(p, HZ_JINJA_CONST, line, &key));
    HZ_TRY(parse_number(p, key));
    return node_of(p, HZ_JINJA_GETITEM, line, of, key, out);
}

static hz_status parse_call(struct hz_jinja_parser *p, struct hz_jinja_node *fn, struct hz_jinja_node **out)
{
    HZ_TRY(node_of(p, HZ_JINJA_CALL, p->at->line, fn, NULL, out));
    return parse_args(p, *out);
}

static hz_status parse_postfix(struct hz_jinja_parser *p, struct hz_jinja_node **node)
{
    for (;;) {
        uint32_t line = p->at->line;
        if (hz_jinja_skip_op(p, "."))
            HZ_TRY(parse_attribute(p, line, *node, node));
        else if (hz_jinja_skip_op(p, "["))
            HZ_TRY(parse_subscript(p, line, *node, node));
        else if (hz_jinja_is_op(p->at, "("))
            HZ_TRY(parse_call(p, *node, node));
        else
            return HZ_OK;
    }
}

/* The name of a filter or test, which may have dots. */
static hz_status parse_dotted(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    struct hz_py_sb sb;
    hz_py_sb_begin(&sb, &p->t->py);
    do {
        if (p->at->type != HZ_JINJA_T_NAME)
            return hz_jinja_unexpected(p, "a name");
        hz_py_sb_puts(&sb, sb.len ? "." : "");
        hz_py_sb_put(&sb, p->at->text, p->at->len);
        p->at++;
    } while (hz_jinja_skip_op(p, "."));
    return hz_py_sb_end(&sb, &node->value);
}

hz_status hz_jinja_parse_filters(struct hz_jinja_parser *p, struct hz_jinja_node *input, bool first,
                                 struct hz_jinja_node **out)
{
    *out = input;
    while (first || hz_jinja_skip_op(p, "|")) {
        first = false;
        HZ_TRY(node_of(p, HZ_JINJA_FILTER, p->at->line, *out, NULL, out));
        HZ_TRY(parse_dotted(p, *out));
        if (hz_jinja_is_op(p->at, "("))
            HZ_TRY(parse_args(p, *out));
    }
    return HZ_OK;
}

/* Behind `is`. */
static hz_status parse_test(struct hz_jinja_parser *p, struct hz_jinja_node *of, struct hz_jinja_node **out)
{
    static const char *const ends[] = {"else", "or", "and"};
    uint32_t line = p->at[-1].line;
    bool negated = hz_jinja_skip_name(p, "not");
    HZ_TRY(node_of(p, HZ_JINJA_TEST, line, of, NULL, out));
    HZ_TRY(parse_dotted(p, *out));
    bool literal = p->at->type == HZ_JINJA_T_STRING || p->at->type == HZ_JINJA_T_INTEGER ||
                   p->at->type == HZ_JINJA_T_FLOAT || hz_jinja_is_op(p->at, "[") || hz_jinja_is_op(p->at, "{");
    if (hz_jinja_is_op(p->at, "(")) {
        HZ_TRY(parse_args(p, *out));
    } else if (literal || (p->at->type == HZ_JINJA_T_NAME && !is_one_of(p->at, ends, HZ_COUNT(ends)))) {
        struct hz_jinja_node *arg;
        if (hz_jinja_is_name(p->at, "is"))
            return hz_jinja_fail_at(p->t, line, "You cannot chain multiple tests with is");
        HZ_TRY(parse_primary(p, false, &arg));
        HZ_TRY(parse_postfix(p, &arg));
        HZ_TRY(add_item(p, *out, &(*out)->args.positional, arg));
    }
    return negated ? node_of(p, HZ_JINJA_NOT, line, *out, NULL, out) : HZ_OK;
}

static hz_status parse_filter_expr(struct hz_jinja_parser *p, struct hz_jinja_node **node)
{
    for (;;) {
        if (hz_jinja_is_op(p->at, "|"))
            HZ_TRY(hz_jinja_parse_filters(p, *node, false, node));
        else if (hz_jinja_skip_name(p, "is"))
            HZ_TRY(parse_test(p, *node, node));
        else if (hz_jinja_is_op(p->at, "("))
            HZ_TRY(parse_call(p, *node, node));
        else
            return HZ_OK;
    }
}

/* ---- operators -------------------------------------------------------------------------------------------------- */

static hz_status parse_unary(struct hz_jinja_parser *p, bool with_filter, struct hz_jinja_node **out)
{
    uint32_t line = p->at->line;
    bool minus = hz_jinja_is_op(p->at, "-");
    if (++p->depth > MAX_NESTING)
        return hz_jinja_fail_at(p->t, line, "an expression nested deeper than %d", MAX_NESTING);
    if (minus || hz_jinja_is_op(p->at, "+")) {
        p->at++;
        HZ_TRY(parse_unary(p, false, out));
        HZ_TRY(node_of(p, minus ? HZ_JINJA_NEG : HZ_JINJA_POS, line, *out, NULL, out));
    } else {
        HZ_TRY(parse_primary(p, false, out));
    }
    HZ_TRY(parse_postfix(p, out));
    p->depth--;
    return with_filter ? parse_filter_expr(p, out) : HZ_OK;
}

struct binary {
    const char *text;
    enum hz_py_op op;
};

/* Which of the operators the current token is; it is passed then. */
static const struct binary *skip_binary(struct hz_jinja_parser *p, const struct binary *ops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (hz_jinja_skip_op(p, ops[i].text))
            return &ops[i];
    return NULL;
}

static hz_status parse_pow(struct hz_jinja_parser *p, struct hz_jinja_node **out)
{
    HZ_TRY(parse_unary(p, true, out));
    for (uint32_t line = p->at->line; hz_jinja_skip_op(p, "**"); line = p->at->line) {
        struct hz_jinja_node *right;
        HZ_TRY(parse_unary(p, true, &right));
        HZ_TRY(node_of(p, HZ_JINJA_BINARY, line, *out, right, out));
        (*out)->op = HZ_PY_POW;
    }
    return HZ_OK;
}

static hz_status parse_product(struct hz_jinja_parser *p, struct hz_jinja_node **out)
{
    static const struct binary ops[] = {{"*", HZ_PY_MUL}, {"/", HZ_PY_DIV}, {"//", HZ_PY_FLOORDIV}, {"%", HZ_PY_MOD}};
    const struct binary *b;
    HZ_TRY(parse_pow(p, out));
    for (uint32_t line = p->at->line; (b = skip_binary(p, ops, HZ_COUNT(ops))); line = p->at->line) {
        struct hz_jinja_node *right;
        HZ_TRY(parse_pow(p, &right));
        HZ_TRY(node_of(p, HZ_JINJA_BINARY, line, *out, right, out));
        (*out)->op = (uint8_t)b->op;
    }
    return HZ_OK;
}

static hz_status parse_concat(struct hz_jinja_parser *p, struct hz_jinja_node **out)
{
    struct hz_jinja_node *first, *next;
    uint32_t line = p->at->line;
    HZ_TRY(parse_product(p, &first));
    *out = first;
    if (!hz_jinja_is_op(p->at, "~"))
        return HZ_OK;
    HZ_TRY(hz_jinja_node_new(p, HZ_JINJA_CONCAT, line, out));
    HZ_TRY(add_item(p, *out, &(*out)->items, first));
    while (hz_jinja_skip_op(p, "~")) {
        HZ_TRY(parse_product(p, &next));
        HZ_TRY(add_item(p, *out, &(*out)->items, next));
    }
    return HZ_OK;
}

static hz_status parse_sum(struct hz_jinja_parser *p, struct hz_jinja_node **out)
{
    static const struct binary ops[] = {{"+", HZ_PY_ADD}, {"-", HZ_PY_SUB}};
    const struct binary *b;
    HZ_TRY(parse_concat(p, out));
    for (uint32_t line = p->at->line; (b = skip_binary(p, ops, HZ_COUNT(ops))); line = p->at->line) {
        struct hz_jinja_node *right;
        HZ_TRY(parse_concat(p, &right));
        HZ_TRY(node_of(p, HZ_JINJA_BINARY, line, *out, right, out));
        (*out)->op = (uint8_t)b->op;
    }
    return HZ_OK;
}

/* The comparison at the current token, which is passed then, or -1. */
static int skip_comparison(struct hz_jinja_parser *p)
{
    static const char *const ops[] = {"==", "!=", "<", "<=", ">", ">="};
    for (int i = 0; i < (int)HZ_COUNT(ops); i++)
        if (hz_jinja_skip_op(p, ops[i]))
            return i;
    if (hz_jinja_skip_name(p, "in"))
        return HZ_JINJA_IN;
    if (!hz_jinja_is_name(p->at, "not") || !hz_jinja_is_name(p->at + 1, "in"))
        return -1;
    p->at += 2;
    return HZ_JINJA_NOT_IN;
}

static hz_status parse_compare(struct hz_jinja_parser *p, struct hz_jinja_node **out)
{
    enum { MAX_CHAIN = 64 };
    uint8_t ops[MAX_CHAIN];
    struct hz_jinja_node *first, *next;
    uint32_t line = p->at->line;
    HZ_TRY(parse_sum(p, &first));
    *out = first;
    for (int op; (op = skip_comparison(p)) >= 0;) {
        if (*out == first)
            HZ_TRY(node_of(p, HZ_JINJA_COMPARE, line, first, NULL, out));
        if ((*out)->items.n == MAX_CHAIN)
            return hz_jinja_fail_at(p->t, line, "a chain of more than %d comparisons", MAX_CHAIN);
        ops[(*out)->items.n] = (uint8_t)op;
        HZ_TRY(parse_sum(p, &next));
        HZ_TRY(add_item(p, *out, &(*out)->items, next));
    }
    if (*out == first)
        return HZ_OK;
    (*out)->ops = hz_py_alloc(&p->t->py, (*out)->items.n, 1);
    if (!(*out)->ops)
        return hz_py_status(&p->t->py);
    memcpy((*out)->ops, ops, (*out)->items.n);
    return HZ_OK;
}

static hz_status parse_not(struct hz_jinja_parser *p, struct hz_jinja_node **out)
{
    uint32_t line = p->at->line;
    if (!hz_jinja_skip_name(p, "not"))
        return parse_compare(p, out);
    if (++p->depth > MAX_NESTING)
        return hz_jinja_fail_at(p->t, line, "an expression nested deeper than %d", MAX_NESTING);
    HZ_TRY(parse_not(p, out));
    p->depth--;
    return node_of(p, HZ_JINJA_NOT, line, *out, NULL, out);
}

static hz_status parse_and(struct hz_jinja_parser *p, struct hz_jinja_node **out)
{
    HZ_TRY(parse_not(p, out));
    for (uint32_t line = p->at->line; hz_jinja_skip_name(p, "and"); line = p->at->line) {
        struct hz_jinja_node *right;
        HZ_TRY(parse_not(p, &right));
        HZ_TRY(node_of(p, HZ_JINJA_AND, line, *out, right, out));
    }
    return HZ_OK;
}

static hz_status parse_or(struct hz_jinja_parser *p, struct hz_jinja_node **out)
{
    HZ_TRY(parse_and(p, out));
    for (uint32_t line = p->at->line; hz_jinja_skip_name(p, "or"); line = p->at->line) {
        struct hz_jinja_node *right;
        HZ_TRY(parse_and(p, &right));
        HZ_TRY(node_of(p, HZ_JINJA_OR, line, *out, right, out));
    }
    return HZ_OK;
}

hz_status hz_jinja_parse_expr(struct hz_jinja_parser *p, struct hz_jinja_node **out)
{
    if (++p->depth > MAX_NESTING)
        return hz_jinja_fail_at(p->t, p->at->line, "an expression nested deeper than %d", MAX_NESTING);
    HZ_TRY(parse_or(p, out));
    for (uint32_t line = p->at->line; hz_jinja_skip_name(p, "if"); line = p->at->line) {
        struct hz_jinja_node *test, *other = NULL;
        HZ_TRY(parse_or(p, &test));
        if (hz_jinja_skip_name(p, "else"))
            HZ_TRY(hz_jinja_parse_expr(p, &other));
        HZ_TRY(node_of(p, HZ_JINJA_COND, line, *out, test, out));
        (*out)->c = other;
        HZ_TRY(deepen(p, *out, other));
    }
    p->depth--;
    return HZ_OK;
}

/* ---- tuples and targets ----------------------------------------------------------------------------------------- */

static bool at_tuple_end(struct hz_jinja_parser *p, const char *end_name)
{
    return p->at->type == HZ_JINJA_T_VARIABLE_END || p->at->type == HZ_JINJA_T_BLOCK_END ||
           hz_jinja_is_op(p->at, ")") || (end_name && hz_jinja_is_name(p->at, end_name));
}

enum tuple_of { EXPRESSIONS, OPERANDS, TARGETS, TARGETS_OR_NAMESPACES };

static hz_status parse_tuple_of(struct hz_jinja_parser *p, enum tuple_of what, bool parentheses, const char *end_name,
                                struct hz_jinja_node **out)
{
    struct hz_jinja_node *tuple, *item = NULL;
    bool is_tuple = false;
    HZ_TRY(hz_jinja_node_new(p, HZ_JINJA_TUPLE, p->at->line, &tuple));
    while (!at_tuple_end(p, end_name)) {
        if (what == EXPRESSIONS)
            HZ_TRY(hz_jinja_parse_expr(p, &item));
        else if (what == OPERANDS)
            HZ_TRY(parse_or(p, &item));
        else
            HZ_TRY(parse_primary(p, what == TARGETS_OR_NAMESPACES, &item));
        HZ_TRY(add_item(p, tuple, &tuple->items, item));
        if (!hz_jinja_skip_op(p, ","))
            break;
        is_tuple = true;
    }
    if (!is_tuple && !tuple->items.n && !parentheses)
        return hz_jinja_unexpected(p, "an expression");
    *out = is_tuple || !tuple->items.n ? tuple : item;
    return HZ_OK;
}

hz_status hz_jinja_parse_tuple(struct hz_jinja_parser *p, int flags, const char *end_name, struct hz_jinja_node **out)
{
    return parse_tuple_of(p, flags & HZ_JINJA_NO_COND ? OPERANDS : EXPRESSIONS, flags & HZ_JINJA_PARENTHESES, end_name,
                          out);
}

static hz_status check_target(struct hz_jinja_parser *p, const struct hz_jinja_node *target)
{
    if (target->type == HZ_JINJA_TUPLE) {
        for (size_t i = 0; i < target->items.n; i++)
            HZ_TRY(check_target(p, target->items.at[i]));
        return HZ_OK;
    }
    if (target->type == HZ_JINJA_NAME || target->type == HZ_JINJA_NSREF)
        return HZ_OK;
    return hz_jinja_fail_at(p->t, target->line, "can't assign to what is no name");
}

hz_status hz_jinja_parse_target(struct hz_jinja_parser *p, bool ns, const char *end_name, struct hz_jinja_node **out)
{
    HZ_TRY(parse_tuple_of(p, ns ? TARGETS_OR_NAMESPACES : TARGETS, false, end_name, out));
    return check_target(p, *out);
}

hz_status hz_jinja_parse_target_name(struct hz_jinja_parser *p, struct hz_jinja_node **out)
{
    if (p->at->type != HZ_JINJA_T_NAME)
        return hz_jinja_unexpected(p, "a name");
    HZ_TRY(hz_jinja_node_new(p, HZ_JINJA_CONST, p->at->line, out));
    HZ_TRY(parse_name(p, false, *out));
    return check_target(p, *out);
}
