/* jinja_ast.h - a template as a tree, and what the parts of the interpreter share while they build it. */
#ifndef HZ_TEXT_JINJA_AST_H
#define HZ_TEXT_JINJA_AST_H

#include "text/jinja.h"
#include "text/py.h"

enum hz_jinja_type {
    /* expressions */
    HZ_JINJA_CONST,
    HZ_JINJA_NAME,
    HZ_JINJA_TUPLE,
    HZ_JINJA_LIST,
    HZ_JINJA_DICT, /* items: key, value, key, value */
    HZ_JINJA_COND, /* a if b else c */
    HZ_JINJA_AND,
    HZ_JINJA_OR,
    HZ_JINJA_NOT,
    HZ_JINJA_COMPARE, /* a, then items with ops */
    HZ_JINJA_BINARY,
    HZ_JINJA_CONCAT, /* items joined by ~ */
    HZ_JINJA_NEG,
    HZ_JINJA_POS,
    HZ_JINJA_GETATTR, /* a.name */
    HZ_JINJA_GETITEM, /* a[b] */
    HZ_JINJA_SLICE,   /* a[b:c:d] */
    HZ_JINJA_CALL,    /* a(args) */
    HZ_JINJA_FILTER,  /* a | name(args); a is NULL in filter blocks */
    HZ_JINJA_TEST,    /* a is name(args) */
    HZ_JINJA_NSREF,   /* name.attr, as a target only */
    /* statements */
    HZ_JINJA_OUTPUT,       /* items; template data are CONSTs with `data` set */
    HZ_JINJA_FOR,          /* for a in b if c: body, else orelse; d: the target again, for the test */
    HZ_JINJA_IF,           /* if a: body, else orelse (an elif is an IF alone in it) */
    HZ_JINJA_SET,          /* a = b */
    HZ_JINJA_SET_BLOCK,    /* a = body, through filter b if there is one */
    HZ_JINJA_WITH,         /* params = defaults: body */
    HZ_JINJA_MACRO,        /* params with defaults; body */
    HZ_JINJA_CALL_BLOCK,   /* as MACRO, and the call a that gets it as caller; a is NULL in a generation block */
    HZ_JINJA_FILTER_BLOCK, /* body through filter a */
    HZ_JINJA_AUTOESCAPE,   /* a says whether; body */
    HZ_JINJA_BLOCK,        /* name, body */
    HZ_JINJA_BREAK,
    HZ_JINJA_CONTINUE,
    HZ_JINJA_LOAD_TEMPLATE /* include, import, extends: there is no loader, so running it fails */
};

enum hz_jinja_compare {
    HZ_JINJA_EQ,
    HZ_JINJA_NE,
    HZ_JINJA_LT,
    HZ_JINJA_LE,
    HZ_JINJA_GT,
    HZ_JINJA_GE,
    HZ_JINJA_IN,
    HZ_JINJA_NOT_IN
};

/* A place for a variable: a slot of the frame `up` functions outwards. */
struct hz_jinja_ref {
    uint16_t up, slot;
};

/* What a scope does with one of its own variables on entry. */
struct hz_jinja_load {
    enum { HZ_JINJA_PARAMETER, HZ_JINJA_RESOLVE, HZ_JINJA_ALIAS, HZ_JINJA_UNDEFINED } how;
    uint16_t slot;
    struct hz_jinja_ref outer; /* of an ALIAS: the variable outside with that name */
    const struct hz_py_str *name;
};

struct hz_jinja_scope {
    struct hz_jinja_load *loads;
    size_t n;
    uint16_t n_slots; /* of the frame, where the scope is a function of its own; else 0 */
};

struct hz_jinja_node;

struct hz_jinja_body {
    struct hz_jinja_node **at;
    size_t n, cap;
};

struct hz_jinja_args {
    struct hz_jinja_body positional, values; /* values: of the keywords */
    struct hz_py_val *keywords;
    size_t cap_keywords;
    struct hz_jinja_node *star, *star_star;
};

struct hz_jinja_node {
    uint8_t type;
    uint8_t op;     /* enum hz_py_op of a BINARY */
    bool data;      /* of a CONST: template text, never escaped */
    bool recursive; /* of a FOR */
    bool lenient;   /* of a SLICE of constants: jinja2 folds it with getitem, which gives undefined for an error */
    bool wants[3];  /* of a MACRO or CALL_BLOCK: its body mentions caller, kwargs, varargs */
    uint16_t depth; /* of the tree below, bounded */
    uint32_t line;
    struct hz_py_val
        value; /* of a CONST; the name of a NAME, GETATTR, FILTER, TEST, NSREF (its attribute), MACRO, BLOCK */
    struct hz_jinja_node *a, *b, *c, *d;
    union {
        struct hz_jinja_body items;
        struct { /* statements with bodies */
            struct hz_jinja_body body, orelse;
            struct hz_jinja_body params,
                defaults; /* of a MACRO: NAMEs, and values of the last of them; of a WITH: pairs */
            struct hz_jinja_scope scope, test_scope, else_scope;
            struct hz_jinja_ref loop;       /* of a FOR: the variable `loop` */
            struct hz_jinja_ref special[3]; /* of a MACRO: caller, kwargs, varargs, where wanted */
        };
        struct hz_jinja_args args; /* of a CALL, FILTER, TEST */
    };
    uint8_t *ops;                /* of a COMPARE: enum hz_jinja_compare of each item */
    const struct hz_py_def *def; /* of a FILTER or TEST; NULL: unknown, an error when it runs */
    struct hz_jinja_ref ref;     /* of a NAME, NSREF (the namespace), MACRO */
};

struct hz_jinja {
    struct hz_py py; /* owns the tree; constants were made in it */
    char *name;
    char *source; /* newlines normalized; constants point into it */
    size_t len;
    struct hz_jinja_body body;
    struct hz_jinja_scope scope;
    struct hz_jinja_body blocks; /* all BLOCKs */
};

/* ---- tokens (jinja_lex.c) --------------------------------------------------------------------------------------- */

enum hz_jinja_token_type {
    HZ_JINJA_T_EOF,
    HZ_JINJA_T_DATA,
    HZ_JINJA_T_VARIABLE_BEGIN,
    HZ_JINJA_T_VARIABLE_END,
    HZ_JINJA_T_BLOCK_BEGIN,
    HZ_JINJA_T_BLOCK_END,
    HZ_JINJA_T_NAME,
    HZ_JINJA_T_STRING, /* text: with its quotes */
    HZ_JINJA_T_INTEGER,
    HZ_JINJA_T_FLOAT,
    HZ_JINJA_T_OPERATOR
};

struct hz_jinja_token {
    enum hz_jinja_token_type type;
    uint32_t line;
    const char *text;
    size_t len;
};

/* Errors of the text: "name:line: words". */
hz_status hz_jinja_fail_at(struct hz_jinja *t, uint32_t line, const char *fmt, ...) HZ_PRINTF(3, 4);
/* All tokens of t->source, EOF at the end; in t's arena. */
hz_status hz_jinja_lex(struct hz_jinja *t, struct hz_jinja_token **tokens, size_t *n);

/* ---- parsing (jinja_parse.c, jinja_parse_expr.c) ---------------------------------------------------------------- */

struct hz_jinja_parser {
    struct hz_jinja *t;
    const struct hz_jinja_token *at; /* the current token; the one behind it may be looked at too */
    int depth, blocks;               /* nesting of expressions and of blocks */
};

bool hz_jinja_is_op(const struct hz_jinja_token *token, const char *op);
bool hz_jinja_is_name(const struct hz_jinja_token *token, const char *name);
bool hz_jinja_skip_op(struct hz_jinja_parser *p, const char *op);
bool hz_jinja_skip_name(struct hz_jinja_parser *p, const char *name);
hz_status hz_jinja_expect_op(struct hz_jinja_parser *p, const char *op);
/* "expected X, got Y" at the current token. */
hz_status hz_jinja_unexpected(struct hz_jinja_parser *p, const char *expected);
hz_status hz_jinja_node_new(struct hz_jinja_parser *p, enum hz_jinja_type type, uint32_t line,
                            struct hz_jinja_node **out);
hz_status hz_jinja_body_add(struct hz_jinja *t, struct hz_jinja_body *body, struct hz_jinja_node *node);
hz_status hz_jinja_parse_expr(struct hz_jinja_parser *p, struct hz_jinja_node **out);
/* An expression, or several with commas as a tuple. */
enum { HZ_JINJA_NO_COND = 1, HZ_JINJA_PARENTHESES = 2 };
hz_status hz_jinja_parse_tuple(struct hz_jinja_parser *p, int flags, const char *end_name, struct hz_jinja_node **out);
/* A name, or names with commas; ns: also name.attr. */
hz_status hz_jinja_parse_target(struct hz_jinja_parser *p, bool ns, const char *end_name, struct hz_jinja_node **out);
hz_status hz_jinja_parse_target_name(struct hz_jinja_parser *p, struct hz_jinja_node **out);
/* Filters behind `input` (NULL in blocks); first: the current token is a filter's name already. */
hz_status hz_jinja_parse_filters(struct hz_jinja_parser *p, struct hz_jinja_node *input, bool first,
                                 struct hz_jinja_node **out);
/* Fills t->body. */
hz_status hz_jinja_parse(struct hz_jinja *t, const struct hz_jinja_token *tokens);

/* Gives every name its place and every filter and test its function (jinja_scope.c). */
hz_status hz_jinja_resolve(struct hz_jinja *t);

/* ---- running ---------------------------------------------------------------------------------------------------- */

struct hz_jinja_frame {
    struct hz_jinja_frame *up;
    struct hz_py_val slot[];
};

enum hz_jinja_flow { HZ_JINJA_NEXT, HZ_JINJA_BROKEN, HZ_JINJA_CONTINUED };

struct hz_jinja_run {
    struct hz_py py; /* first: functions of C get it */
    const struct hz_jinja *t;
    struct hz_py_dict *context;  /* the caller's variables */
    struct hz_py_dict *exported; /* those set at the top, for blocks */
    struct hz_jinja_frame *frame;
    struct hz_py_sb *out;
    size_t max_output; /* bytes of what `out` is at the top */
    enum hz_jinja_flow flow;
    uint32_t line;
    int calls, max_calls;
    int scopes; /* open ones inside the template's own */
};

hz_status hz_jinja_eval(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val *out);
/* Evaluates to what a call was given. */
hz_status hz_jinja_eval_args(struct hz_jinja_run *run, const struct hz_jinja_args *args, struct hz_py_args *out);
hz_status hz_jinja_eval_filter(struct hz_jinja_run *run, const struct hz_jinja_node *filter, struct hz_py_val input,
                               struct hz_py_val *out);
hz_status hz_jinja_exec(struct hz_jinja_run *run, const struct hz_jinja_body *body);
hz_status hz_jinja_enter_scope(struct hz_jinja_run *run, const struct hz_jinja_scope *scope);
void hz_jinja_leave_scope(struct hz_jinja_run *run, const struct hz_jinja_scope *scope);
hz_status hz_jinja_frame_new(struct hz_jinja_run *run, const struct hz_jinja_scope *scope, struct hz_jinja_frame *up,
                             struct hz_jinja_frame **out);
struct hz_py_val *hz_jinja_slot(struct hz_jinja_run *run, struct hz_jinja_ref ref);
hz_status hz_jinja_assign(struct hz_jinja_run *run, const struct hz_jinja_node *target, struct hz_py_val v);
/* The macro of a node, closed over the current frame. */
hz_status hz_jinja_macro(struct hz_jinja_run *run, const struct hz_jinja_node *node, struct hz_py_val *out);
hz_status hz_jinja_for(struct hz_jinja_run *run, const struct hz_jinja_node *node);
/* environment.getattr and getitem: an attribute, then an item, or the other way round; undefined if there is neither.
 */
hz_status hz_jinja_getattr(struct hz_py *py, struct hz_py_val of, struct hz_py_val name, struct hz_py_val *out);
hz_status hz_jinja_getitem(struct hz_py *py, struct hz_py_val of, struct hz_py_val key, struct hz_py_val *out);
/* Namespaces, cyclers, joiners. */
bool hz_jinja_is_namespace(struct hz_py_val v);
hz_status hz_jinja_namespace_set(struct hz_py *py, struct hz_py_val ns, struct hz_py_val name, struct hz_py_val v);

/* Built-in filters, tests and global functions by name; NULL if there is none. */
const struct hz_py_def *hz_jinja_find_filter(const char *name, size_t len);
const struct hz_py_def *hz_jinja_find_test(const char *name, size_t len);
const struct hz_py_def *hz_jinja_find_global(const char *name, size_t len);
extern const struct hz_py_def hz_jinja_text_filters[], hz_jinja_list_filters[]; /* tables, ended by a NULL name */

#endif
