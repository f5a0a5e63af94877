/* table.c - tables and numbers for people. */
#include "cli/table.h"

#include "text/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hz_table_cell(struct hz_table *t, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    char *copy = hz_arena_strndup(&t->arena, text, strlen(text));
    if (copy && HZ_GROW(t->cells, t->n, t->cap))
        t->cells[t->n++] = copy;
    else
        t->failed = true;
}

static int width_of(const char *text)
{
    return (int)hz_utf8_count(text, strlen(text));
}

void hz_table_print(struct hz_table *t, int indent, struct hz_buf *out)
{
    int widths[HZ_TABLE_COLUMNS] = {0};
    for (size_t i = 0; i < t->n; i++)
        widths[i % t->columns] = HZ_MAX(widths[i % t->columns], width_of(t->cells[i]));
    for (size_t i = 0; i < t->n; i++) {
        size_t column = i % t->columns;
        int pad = widths[column] - width_of(t->cells[i]);
        bool last = column == t->columns - 1 || i == t->n - 1, right = t->right >> column & 1;
        hz_buf_printf(out, "%*s", (column ? 2 : indent) + (right ? pad : 0), "");
        hz_buf_puts(out, t->cells[i]);
        if (last)
            hz_buf_putc(out, '\n');
        else if (!right)
            hz_buf_printf(out, "%*s", pad, "");
    }
    out->failed |= t->failed;
    hz_arena_free(&t->arena);
    free(t->cells);
    t->cells = NULL;
    t->n = t->cap = 0;
}

/* Three figures or more; what is left of n after its unit is put in *v. */
static const char *unit_of(uint64_t n, double step, const char *const *units, double *v)
{
    *v = (double)n;
    while (*v >= step && units[1]) {
        *v /= step;
        units++;
    }
    return *units;
}

const char *hz_format_bytes(uint64_t bytes, char text[32])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", NULL};
    double v;
    const char *unit = unit_of(bytes, 1024, units, &v);
    snprintf(text, 32, "%.*f %s", bytes >= 1024 && v < 100 ? 1 : 0, v, unit);
    return text;
}

const char *hz_format_count(uint64_t n, char text[32])
{
    static const char *const units[] = {"", "k", "M", "B", "T", NULL};
    double v;
    const char *unit = unit_of(n, 1000, units, &v);
    snprintf(text, 32, "%.*f%s", n >= 1000 && v < 10 ? 1 : 0, v, unit);
    return text;
}
