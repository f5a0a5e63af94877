/* jinja_parse.c - statements and the text between them. */
#include "text/jinja_ast.h"

#include <stdio.h>
#include <string.h>

enum { MAX_BLOCKS = 100 }; /* nested; as deep as Python's indentation goes */

static hz_status parse_until(struct hz_jinja_parser *p, const char *const *ends, struct hz_jinja_body *body);

/* Passes `%}`. */
static hz_status expect_block_end(struct hz_jinja_parser *p)
{
    if (p->at->type != HZ_JINJA_T_BLOCK_END)
        return hz_jinja_unexpected(p, "'%}'");
    p->at++;
    return HZ_OK;
}

/* A statement's body, from behind its head up to one of the tags `ends`, which becomes the current token. */
static hz_status parse_body(struct hz_jinja_parser *p, const char *const *ends, struct hz_jinja_body *body)
{
    hz_jinja_skip_op(p, ":");
    HZ_TRY(expect_block_end(p));
    if (++p->blocks > MAX_BLOCKS)
        return hz_jinja_fail_at(p->t, p->at->line, "blocks nested deeper than %d", MAX_BLOCKS);
    HZ_TRY(parse_until(p, ends, body));
    p->blocks--;
    return HZ_OK;
}

/* The same where there is one end, which is passed. */
static hz_status parse_body_to(struct hz_jinja_parser *p, const char *end, struct hz_jinja_body *body)
{
    const char *const ends[] = {end, NULL};
    HZ_TRY(parse_body(p, ends, body));
    p->at++;
    return HZ_OK;
}

static hz_status parse_for(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    static const char *const ends[] = {"endfor", "else", NULL};
    node->type = HZ_JINJA_FOR;
    HZ_TRY(hz_jinja_parse_target(p, false, "in", &node->a));
    if (!hz_jinja_skip_name(p, "in"))
        return hz_jinja_unexpected(p, "'in'");
    HZ_TRY(hz_jinja_parse_tuple(p, HZ_JINJA_NO_COND, "recursive", &node->b));
    if (hz_jinja_skip_name(p, "if"))
        HZ_TRY(hz_jinja_parse_expr(p, &node->c));
    node->recursive = hz_jinja_skip_name(p, "recursive");
    HZ_TRY(parse_body(p, ends, &node->body));
    if (hz_jinja_skip_name(p, "else"))
        return parse_body_to(p, "endfor", &node->orelse);
    p->at++;
    return HZ_OK;
}

static hz_status parse_if(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    for (;;) {
        node->type = HZ_JINJA_IF;
        HZ_TRY(hz_jinja_parse_tuple(p, HZ_JINJA_NO_COND, NULL, &node->a));
        HZ_TRY(parse_body(p, ends, &node->body));
        if (!hz_jinja_is_name(p->at, "elif"))
            break;
        struct hz_jinja_node *elif;
        HZ_TRY(hz_jinja_node_new(p, HZ_JINJA_IF, p->at->line, &elif));
        HZ_TRY(hz_jinja_body_add(p->t, &node->orelse, elif));
        p->at++;
        node = elif;
    }
    if (hz_jinja_skip_name(p, "else"))
        return parse_body_to(p, "endif", &node->orelse);
    p->at++;
    return HZ_OK;
}

static hz_status parse_set(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    HZ_TRY(hz_jinja_parse_target(p, true, NULL, &node->a));
    if (hz_jinja_skip_op(p, "=")) {
        node->type = HZ_JINJA_SET;
        return hz_jinja_parse_tuple(p, 0, NULL, &node->b);
    }
    node->type = HZ_JINJA_SET_BLOCK;
    HZ_TRY(hz_jinja_parse_filters(p, NULL, false, &node->b));
    return parse_body_to(p, "endset", &node->body);
}

static hz_status parse_with(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    node->type = HZ_JINJA_WITH;
    while (p->at->type != HZ_JINJA_T_BLOCK_END) {
        struct hz_jinja_node *target, *value;
        if (node->params.n)
            HZ_TRY(hz_jinja_expect_op(p, ","));
        HZ_TRY(hz_jinja_parse_target(p, false, NULL, &target));
        HZ_TRY(hz_jinja_expect_op(p, "="));
        HZ_TRY(hz_jinja_parse_expr(p, &value));
        HZ_TRY(hz_jinja_body_add(p->t, &node->params, target));
        HZ_TRY(hz_jinja_body_add(p->t, &node->defaults, value));
    }
    return parse_body_to(p, "endwith", &node->body);
}

static hz_status parse_signature(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    HZ_TRY(hz_jinja_expect_op(p, "("));
    while (!hz_jinja_is_op(p->at, ")")) {
        struct hz_jinja_node *param, *value;
        if (node->params.n)
            HZ_TRY(hz_jinja_expect_op(p, ","));
        HZ_TRY(hz_jinja_parse_target_name(p, &param));
        if (hz_jinja_skip_op(p, "=")) {
            HZ_TRY(hz_jinja_parse_expr(p, &value));
            HZ_TRY(hz_jinja_body_add(p->t, &node->defaults, value));
        } else if (node->defaults.n) {
            return hz_jinja_fail_at(p->t, param->line, "non-default argument follows default argument");
        }
        HZ_TRY(hz_jinja_body_add(p->t, &node->params, param));
    }
    return hz_jinja_expect_op(p, ")");
}

static hz_status parse_macro(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    node->type = HZ_JINJA_MACRO;
    HZ_TRY(hz_jinja_parse_target_name(p, &node->a));
    node->value = node->a->value;
    HZ_TRY(parse_signature(p, node));
    return parse_body_to(p, "endmacro", &node->body);
}

static hz_status parse_call_block(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    node->type = HZ_JINJA_CALL_BLOCK;
    if (hz_jinja_is_op(p->at, "("))
        HZ_TRY(parse_signature(p, node));
    HZ_TRY(hz_jinja_parse_expr(p, &node->a));
    if (node->a->type != HZ_JINJA_CALL)
        return hz_jinja_fail_at(p->t, node->line, "expected a call behind 'call'");
    return parse_body_to(p, "endcall", &node->body);
}

static hz_status parse_generation(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    node->type = HZ_JINJA_CALL_BLOCK;
    return parse_body_to(p, "endgeneration", &node->body);
}

static hz_status parse_filter_block(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    node->type = HZ_JINJA_FILTER_BLOCK;
    HZ_TRY(hz_jinja_parse_filters(p, NULL, true, &node->a));
    return parse_body_to(p, "endfilter", &node->body);
}

static hz_status parse_autoescape(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    node->type = HZ_JINJA_AUTOESCAPE;
    HZ_TRY(hz_jinja_parse_expr(p, &node->a));
    return parse_body_to(p, "endautoescape", &node->body);
}

static hz_status parse_block(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    struct hz_jinja_node *name;
    node->type = HZ_JINJA_BLOCK;
    HZ_TRY(hz_jinja_parse_target_name(p, &name));
    node->value = name->value;
    for (size_t i = 0; i < p->t->blocks.n; i++) {
        const struct hz_py_str *other = p->t->blocks.at[i]->value.str, *own = node->value.str;
        if (other->len == own->len && !memcmp(other->data, own->data, own->len))
            return hz_jinja_fail_at(p->t, node->line, "block '%.*s' defined twice", (int)HZ_MIN(own->len, 60),
                                    own->data);
    }
    HZ_TRY(hz_jinja_body_add(p->t, &p->t->blocks, node));
    hz_jinja_skip_name(p, "scoped");
    if (hz_jinja_is_name(p->at, "required"))
        return hz_jinja_fail_at(p->t, node->line, "a required block, but nothing can extend this template");
    HZ_TRY(parse_body_to(p, "endblock", &node->body));
    if (p->at->type == HZ_JINJA_T_NAME && p->at->len == name->value.str->len &&
        !memcmp(p->at->text, name->value.str->data, p->at->len))
        p->at++;
    return HZ_OK;
}

static hz_status parse_print(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    node->type = HZ_JINJA_OUTPUT;
    while (p->at->type != HZ_JINJA_T_BLOCK_END) {
        struct hz_jinja_node *item;
        if (node->items.n)
            HZ_TRY(hz_jinja_expect_op(p, ","));
        HZ_TRY(hz_jinja_parse_expr(p, &item));
        HZ_TRY(hz_jinja_body_add(p->t, &node->items, item));
    }
    return HZ_OK;
}

static hz_status parse_break(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    (void)p;
    node->type = HZ_JINJA_BREAK;
    return HZ_OK;
}

static hz_status parse_continue(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    (void)p;
    node->type = HZ_JINJA_CONTINUE;
    return HZ_OK;
}

/* include, import, from, extends: their words are read no further, since all they can do is fail when they run. */
static hz_status parse_load_template(struct hz_jinja_parser *p, struct hz_jinja_node *node)
{
    node->type = HZ_JINJA_LOAD_TEMPLATE;
    HZ_TRY(hz_jinja_parse_expr(p, &node->a));
    while (p->at->type == HZ_JINJA_T_NAME || hz_jinja_is_op(p->at, ","))
        p->at++;
    return HZ_OK;
}

static hz_status unknown_tag(struct hz_jinja_parser *p, const char *const *ends)
{
    char expected[80] = "";
    for (size_t i = 0, n = 0; ends && ends[i] && n < sizeof expected; i++)
        n += (size_t)snprintf(expected + n, sizeof expected - n, i ? " or '%s'" : "'%s'", ends[i]);
    int len = (int)HZ_MIN(p->at->len, 60);
    if (!ends)
        return hz_jinja_fail_at(p->t, p->at->line, "unknown tag '%.*s'", len, p->at->text);
    return hz_jinja_fail_at(p->t, p->at->line, "unknown tag '%.*s', expected %s", len, p->at->text, expected);
}

/* One statement; `{%` was passed. */
static hz_status parse_statement(struct hz_jinja_parser *p, const char *const *ends, struct hz_jinja_node **out)
{
    static const struct {
        const char *name;
        hz_status (*parse)(struct hz_jinja_parser *p, struct hz_jinja_node *node);
    } statements[] = {
        {"for", parse_for},
        {"if", parse_if},
        {"set", parse_set},
        {"with", parse_with},
        {"macro", parse_macro},
        {"call", parse_call_block},
        {"generation", parse_generation},
        {"filter", parse_filter_block},
        {"autoescape", parse_autoescape},
        {"block", parse_block},
        {"print", parse_print},
        {"break", parse_break},
        {"continue", parse_continue},
        {"include", parse_load_template},
        {"import", parse_load_template},
        {"from", parse_load_template},
        {"extends", parse_load_template},
    };
    if (p->at->type != HZ_JINJA_T_NAME)
        return hz_jinja_unexpected(p, "the name of a tag");
    for (size_t i = 0; i < HZ_COUNT(statements); i++) {
        uint32_t line = p->at->line;
        if (!hz_jinja_skip_name(p, statements[i].name))
            continue;
        HZ_TRY(hz_jinja_node_new(p, HZ_JINJA_OUTPUT, line, out));
        return statements[i].parse(p, *out);
    }
    return unknown_tag(p, ends);
}

/* Puts a piece of output behind what was put out just before. */
static hz_status add_output(struct hz_jinja_parser *p, struct hz_jinja_body *body, struct hz_jinja_node **output,
                            struct hz_jinja_node *item)
{
    if (!*output) {
        HZ_TRY(hz_jinja_node_new(p, HZ_JINJA_OUTPUT, item->line, output));
        HZ_TRY(hz_jinja_body_add(p->t, body, *output));
    }
    return hz_jinja_body_add(p->t, &(*output)->items, item);
}

static bool is_end(const struct hz_jinja_token *token, const char *const *ends)
{
    for (size_t i = 0; ends && ends[i]; i++)
        if (hz_jinja_is_name(token, ends[i]))
            return true;
    return false;
}

/* Up to one of the tags `ends`, NULL: the end of the template. */
static hz_status parse_until(struct hz_jinja_parser *p, const char *const *ends, struct hz_jinja_body *body)
{
    struct hz_jinja_node *output = NULL, *node;
    for (;;) {
        uint32_t line = p->at->line;
        switch (p->at->type) {
        case HZ_JINJA_T_DATA:
            HZ_TRY(hz_jinja_node_new(p, HZ_JINJA_CONST, line, &node));
            node->data = true;
            HZ_TRY(hz_py_str_at(&p->t->py, p->at->text, p->at->len, &node->value));
            hz_py_chars(node->value);
            HZ_TRY(add_output(p, body, &output, node));
            p->at++;
            break;
        case HZ_JINJA_T_VARIABLE_BEGIN:
            p->at++;
            HZ_TRY(hz_jinja_parse_tuple(p, 0, NULL, &node));
            HZ_TRY(add_output(p, body, &output, node));
            if (p->at->type != HZ_JINJA_T_VARIABLE_END)
                return hz_jinja_unexpected(p, "'}}'");
            p->at++;
            break;
        case HZ_JINJA_T_BLOCK_BEGIN:
            output = NULL;
            p->at++;
            if (is_end(p->at, ends))
                return HZ_OK;
            HZ_TRY(parse_statement(p, ends, &node));
            HZ_TRY(hz_jinja_body_add(p->t, body, node));
            HZ_TRY(expect_block_end(p));
            break;
        default:
            if (ends)
                return hz_jinja_fail_at(p->t, line, "the template ends where '%s' was expected", ends[0]);
            return HZ_OK;
        }
    }
}

hz_status hz_jinja_parse(struct hz_jinja *t, const struct hz_jinja_token *tokens)
{
    struct hz_jinja_parser p = {.t = t, .at = tokens};
    return parse_until(&p, NULL, &t->body);
}
