/* Templates: the references that Python's jinja2 made, and what this interpreter promises beyond them. */
#include "base/pool.h"
#include "jinja_reference.h"

#include <stdlib.h>

static void shared_references(void **state)
{
    (void)state;
    size_t n = reference_file(HZ_SHARED "/tokenizers/references/jinja_cases.json");
    if (!n)
        skip();
    print_message("%zu cases\n", n);
}

static void own_references(void **state)
{
    (void)state;
    size_t n = reference_file(HZ_TEST_DATA "/jinja/cases.json");
    assert_true(n > 0);
    print_message("%zu cases\n", n);
}

/* Renders without variables; *text is to be freed. */
static hz_status render(const char *source, const struct hz_jinja_options *options, char **text, struct hz_error *err)
{
    struct hz_jinja *t = NULL;
    struct hz_json_doc *empty = NULL;
    struct hz_buf out;
    hz_buf_init(&out, 1 << 26);
    assert_int_equal(hz_json_parse("{}", 2, NULL, &empty, NULL), HZ_OK);
    hz_status status = hz_jinja_compile(source, strlen(source), "t", &t, err);
    if (status == HZ_OK)
        status = hz_jinja_render(t, hz_json_root(empty), options, &out, err);
    hz_buf_puts(&out, "");
    *text = hz_buf_take(&out, NULL);
    hz_json_free(empty);
    hz_jinja_free(t);
    return status;
}

static void refused(const char *source, hz_status want, const char *words)
{
    struct hz_error err = {0};
    char *text;
    hz_status status = render(source, NULL, &text, &err);
    if (status != want || !strstr(err.text, words))
        fail_msg("%.80s: status %d, \"%s\", wanted %d and \"%s\"", source, status, err.text, want, words);
    free(text);
}

static void errors_name_their_place(void **state)
{
    (void)state;
    refused("a\n{{ 1 + }}", HZ_E_INVALID, "t:2: expected an expression");
    refused("a\n\n{% for x in [1] %}", HZ_E_INVALID, "t:3: the template ends where 'endfor' was expected");
    refused("{% if 1 %}\n{% endfor %}", HZ_E_INVALID,
            "t:2: unknown tag 'endfor', expected 'elif' or 'else' or 'endif'");
    refused("{{ x | nosuch }}", HZ_E_INVALID, "t:1: No filter named 'nosuch'.");
    refused("\n\n{{ x.y.z }}", HZ_E_INVALID, "t:3: 'x' is undefined");
    refused("{% set d = {} %}\n{{ d.a.b }}", HZ_E_INVALID, "t:2: 'dict object' has no attribute 'a'");
    refused("{{ raise_exception('in so\nmany words') }}", HZ_E_TEMPLATE, "in so");
    refused("{{ [1].append(2) }}", HZ_E_INVALID, "unsafe");
    refused("\xff", HZ_E_INVALID, "not UTF-8");
    struct hz_error err = {0};
    char *text;
    assert_int_equal(render("{{ raise_exception('exactly this') }}", NULL, &text, &err), HZ_E_TEMPLATE);
    assert_string_equal(err.text, "exactly this");
    free(text);
}

/* `before` n times, then `middle`, then `after` n times. */
static char *nested(const char *before, const char *middle, const char *after, size_t n)
{
    struct hz_buf b;
    hz_buf_init(&b, 1 << 26);
    for (size_t i = 0; i < n; i++)
        hz_buf_puts(&b, before);
    hz_buf_puts(&b, middle);
    for (size_t i = 0; i < n; i++)
        hz_buf_puts(&b, after);
    return hz_buf_take(&b, NULL);
}

static void refused_nested(const char *before, const char *middle, const char *after, size_t n)
{
    struct hz_error err = {0};
    char *source = nested(before, middle, after, n), *text;
    if (render(source, NULL, &text, &err) == HZ_OK)
        fail_msg("%zu times %s was rendered", n, before);
    free(source);
    free(text);
}

static void hostile_nesting(void **state)
{
    (void)state;
    refused_nested("{{ ", "1", "", 1);
    char *parentheses = nested("(", "1", ")", 100000), *source = nested("{{ ", parentheses, " }}", 1), *text;
    struct hz_error err = {0};
    assert_int_equal(render(source, NULL, &text, &err), HZ_E_INVALID);
    free(parentheses);
    free(source);
    free(text);
    static const char *const chains[][3] = {
        {"{{ 1", "+1", " }}"},          {"{{ a", ".a", " }}"},   {"{{ a", "|e", " }}"},
        {"{{ ", "-", "1 }}"},           {"{{ ", "not ", "1 }}"}, {"{{ a", "()", " }}"},
        {"{{ a", "[0]", " }}"},         {"{{ ", "[", " }}"},     {"{{ ", "{1:", " }}"},
        {"{{ 1", "**1", " }}"},         {"{{ 1", "==1", " }}"},  {"{{ 1", " if 1 else 1", " }}"},
        {"{{ a", " is defined", " }}"}, {"{{ ", "f(", " }}"},    {"{{ 1", " and 1", " }}"},
    };
    for (size_t i = 0; i < HZ_COUNT(chains); i++) {
        char *links = nested(chains[i][1], "", "", 50000);
        source = nested(chains[i][0], links, chains[i][2], 1);
        render(source, NULL, &text, &err); /* whether it is refused does not matter, only that it ends */
        free(links);
        free(source);
        free(text);
    }
    refused_nested("{% if 1 %}", "x", "{% endif %}", 20000);
    refused_nested("{% for x in [1] %}", "x", "{% endfor %}", 20000);
    char *elifs = nested("{% elif 0 %}", "", "", 20000);
    source = nested("{% if 0 %}", elifs, "{% endif %}", 1);
    assert_int_equal(render(source, NULL, &text, &err), HZ_OK);
    free(elifs);
    free(source);
    free(text);
}

static void hostile_running(void **state)
{
    (void)state;
    refused("{% for i in range(10**9) %}{% endfor %}", HZ_E_INVALID, "Range too big");
    refused("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", HZ_E_LIMIT, "steps");
    refused("{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
            HZ_E_LIMIT, "");
    refused("{% set ns = namespace(s=['ab']) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
            HZ_E_LIMIT, "");
    refused("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", HZ_E_LIMIT, "");
    refused("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", HZ_E_LIMIT, "");
    refused("{% block a %}{{ self.a() }}{% endblock %}", HZ_E_LIMIT, "");
    refused("{{ 'a' * 10**15 }}", HZ_E_LIMIT, "too large");
    refused("{{ [1] * 10**15 }}", HZ_E_LIMIT, "too large");
    refused("{{ 9**9**9**9**9**9 }}", HZ_E_LIMIT, "");
    refused("{{ 10**99999999999999999999 }}", HZ_E_LIMIT, "");
    refused("{{ 'a'.center(10**15) }}", HZ_E_LIMIT, "");
    refused("{{ '%999999999999d' % 1 }}", HZ_E_LIMIT, "");
    refused("{{ '%.999999999f' % 1 }}", HZ_E_LIMIT, "");
    refused("{{ '{:999999999999}'.format(1) }}", HZ_E_LIMIT, "");
    refused("{{ 'a'|indent(10**15, true) }}", HZ_E_LIMIT, "");
    refused("{{ [[[]]]|tojson(indent=10**9) }}", HZ_E_LIMIT, "");
    refused("{{ [1]|batch(10**15, 0)|list }}", HZ_E_LIMIT, "");
    refused("{{ [1]|slice(10**15)|list }}", HZ_E_LIMIT, "");
    refused("{{ 1|round(-(10**18)) }}", HZ_E_LIMIT, "");
    refused("{% for i in range(99999) %}{% for j in range(9999) %}{{ 'aaaaaaaaaaaaaaaa' }}{% endfor %}{% endfor %}",
            HZ_E_LIMIT, "");
    static const char *const deep[] = {"{{ ns.l }}",        "{{ ns.l == ns.m }}", "{{ ns.l < ns.m }}",
                                       "{{ ns.l|tojson }}", "{{ ns.l|pprint }}",  "{{ ns }}"};
    for (size_t i = 0; i < HZ_COUNT(deep); i++) {
        char source[300];
        snprintf(source, sizeof source,
                 "{%% set ns = namespace(l=[], m=[]) %%}{%% for i in range(99999) %%}{%% set ns.l = [ns.l] %%}{%% set "
                 "ns.m = [ns.m] %%}{%% endfor %%}%s",
                 deep[i]);
        refused(source, HZ_E_LIMIT, "");
    }
    refused("{% set ns = namespace() %}{% set ns.self = ns %}{{ ns }}", HZ_E_LIMIT, "");
}

static void limits_of_the_caller(void **state)
{
    (void)state;
    struct hz_jinja_options options = {.max_output = 100};
    struct hz_error err = {0};
    char *text;
    assert_int_equal(render("{% for i in range(99) %}0123456789{% endfor %}", &options, &text, &err), HZ_E_LIMIT);
    free(text);
    options = (struct hz_jinja_options){.max_steps = 1000};
    assert_int_equal(render("{% for i in range(9999) %}{% endfor %}", &options, &text, &err), HZ_E_LIMIT);
    free(text);
    options = (struct hz_jinja_options){.max_depth = 5};
    const char *deep = "{% macro m(n) %}{{ n }}{% if n %}{{ m(n - 1) }}{% endif %}{% endmacro %}";
    char source[200];
    snprintf(source, sizeof source, "%s{{ m(4) }}", deep);
    assert_int_equal(render(source, &options, &text, &err), HZ_OK);
    assert_string_equal(text, "43210");
    free(text);
    snprintf(source, sizeof source, "%s{{ m(5) }}", deep);
    assert_int_equal(render(source, &options, &text, &err), HZ_E_LIMIT);
    free(text);
}

/* A text that grows piece by piece is not copied each time. */
static void growing_is_linear(void **state)
{
    (void)state;
    struct hz_error err = {0};
    char *text;
    const char *source = "{% set ns = namespace(s='') %}{% for i in range(50000) %}{% set ns.s = ns.s ~ 'x' * 200 %}"
                         "{% endfor %}{{ ns.s | length }}";
    if (render(source, NULL, &text, &err) != HZ_OK)
        fail_msg("%s", err.text);
    assert_string_equal(text, "10000000");
    free(text);
    /* What grew from one text in two ways does not mix. */
    source =
        "{% set a = 'x' * 300 ~ 'y' %}{% set b = a ~ '1' %}{% set c = a ~ '2' %}{{ b[-2:] }}{{ c[-2:] }}{{ a[-1] }}";
    assert_int_equal(render(source, NULL, &text, &err), HZ_OK);
    assert_string_equal(text, "y1y2y");
    free(text);
}

struct shared {
    struct hz_jinja *t;
    struct hz_json context;
    _Atomic int wrong;
};

static void render_in_thread(struct hz_pool *pool, int thread, void *arg)
{
    (void)pool;
    (void)thread;
    struct shared *s = arg;
    for (int i = 0; i < 50; i++) {
        struct hz_buf out;
        hz_buf_init(&out, 1 << 20);
        bool ok =
            hz_jinja_render(s->t, s->context, NULL, &out, NULL) == HZ_OK && !strcmp(out.data, "3 é日 1-2-3 ['é']");
        s->wrong += !ok;
        hz_buf_free(&out);
    }
}

static void one_template_in_many_threads(void **state)
{
    (void)state;
    struct shared s = {0};
    struct hz_json_doc *doc;
    struct hz_pool *pool;
    const char *source =
        "{{ l | length }} {{ 'é日' }} {% for x in l %}{{ x }}{{ '-' if not loop.last }}{% endfor %} {{ ['é'] }}";
    assert_int_equal(hz_json_parse("{\"l\": [1, 2, 3]}", 16, NULL, &doc, NULL), HZ_OK);
    assert_int_equal(hz_jinja_compile(source, strlen(source), NULL, &s.t, NULL), HZ_OK);
    assert_int_equal(hz_pool_new(4, &pool, NULL), HZ_OK);
    s.context = hz_json_root(doc);
    hz_pool_run(pool, render_in_thread, &s);
    assert_int_equal(s.wrong, 0);
    hz_pool_free(pool);
    hz_jinja_free(s.t);
    hz_json_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_references),       cmocka_unit_test(own_references),
        cmocka_unit_test(errors_name_their_place), cmocka_unit_test(hostile_nesting),
        cmocka_unit_test(hostile_running),         cmocka_unit_test(limits_of_the_caller),
        cmocka_unit_test(growing_is_linear),       cmocka_unit_test(one_template_in_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
