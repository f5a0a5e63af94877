/* table.h - columns of text for people: cells are padded, numbers stand on the right. */
#ifndef HZ_CLI_TABLE_H
#define HZ_CLI_TABLE_H

#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"

enum { HZ_TABLE_COLUMNS = 16 }; /* most there are */

struct hz_table { /* starts as {.columns = n, .right = bits of the columns that are flush right} */
    size_t columns;
    unsigned right;
    struct hz_arena arena;
    const char **cells;
    size_t n, cap;
    bool failed;
};

/* The next cell, row after row. */
void hz_table_cell(struct hz_table *t, const char *fmt, ...) HZ_PRINTF(2, 3);
/* Appends the table, `indent` blanks in front of every row, and frees what it holds. */
void hz_table_print(struct hz_table *t, int indent, struct hz_buf *out);

/* "93.8 MiB". Returns text. */
const char *hz_format_bytes(uint64_t bytes, char text[32]);
/* "135M", as parameters are counted. Returns text. */
const char *hz_format_count(uint64_t n, char text[32]);

#endif
