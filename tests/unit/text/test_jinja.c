/* Templates: the references that Python's jinja2 made, and what this interpreter promises beyond them. */
#include "jinja_reference.h"

static void shared_references(void **state)
{
    (void)state;
    size_t n = reference_file(HZ_SHARED "/tokenizers/references/jinja_cases.json");
    if (!n)
        skip();
    print_message("%zu cases\n", n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shared_references)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
