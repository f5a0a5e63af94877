/* term_line.c - reads lines: through libedit at a terminal, as they come from elsewhere.
 *
 * libedit gets its characters from read_char below, not from its own reader: that one loses an interrupt that arrives
 * just before read(2), and knows no terminal that changes its size while it waits. */
#define _DEFAULT_SOURCE
#define _XOPEN_SOURCE 700 /* wcwidth */
#include "cli/term.h"
#include "cli/term_signal.h"

#include "base/mem.h"
#include "text/utf8.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HZ_HAVE_LIBEDIT
#include <histedit.h>
#else
typedef struct editline EditLine;
#endif

enum { HISTORY_SIZE = 1000, LONGEST_LINE = 16 << 20 };

struct hz_lines {
    EditLine *editor; /* NULL: stdin is read as it comes */
    const char *prompt;
    enum hz_term_stream stream; /* where prompts go: stdout, or stderr where that one leads elsewhere */
    FILE *screen;               /* the same; NULL: nobody sees prompts */
#ifdef HZ_HAVE_LIBEDIT
    History *history;
    char *history_file;
#endif
};

/* ---- lines as they come ------------------------------------------------------------------------------------- */

/* 1; 0 at the end of input. A terminal that is gone (EIO) is an end as well. */
static int read_byte(char *byte)
{
    ssize_t got;
    do
        got = read(STDIN_FILENO, byte, 1);
    while (got < 0 && errno == EINTR);
    return got > 0;
}

/* Byte by byte: stdin's buffer would hide from poll(2) what is in it. */
static enum hz_line_result read_plain(const struct hz_lines *l, const char *prompt, struct hz_buf *text)
{
    if (l->screen) {
        fputs(prompt, l->screen);
        fflush(l->screen);
    }
    size_t before = text->len;
    hz_buf_puts(text, ""); /* an empty line is a string as well */
    for (;;) {
        char c;
        if (hz_term_wait() == HZ_TERM_INTERRUPT) {
            if (l->screen)
                fputs("\n", l->screen); /* behind the terminal's own ^C */
            return HZ_LINE_INTERRUPTED;
        }
        if (!read_byte(&c))
            return text->len == before ? HZ_LINE_END : HZ_LINE_READ;
        if (c == '\n')
            return HZ_LINE_READ;
        hz_buf_putc(text, c);
    }
}

#ifdef HZ_HAVE_LIBEDIT

/* ---- characters for libedit --------------------------------------------------------------------------------- */

/* The rows between the prompt and the cursor, in a terminal that broke the lines anew when its width changed. */
static int rows_above(const struct hz_lines *l, int width)
{
    const LineInfoW *line = el_wline(l->editor);
    int row = 0, column = (int)strlen(l->prompt);
    for (const wchar_t *c = line->buffer; c < line->cursor; c++) {
        int w = *c == L'\n' ? 0 : wcwidth(*c);
        column += w > 0 ? w : 0;
        if (*c == L'\n' || column >= width) {
            row++;
            column = 0;
        }
    }
    return row;
}

/* libedit draws where the cursor stands: goes back to where the prompt began, in the midst of what was drawn. */
static void erase(EditLine *el)
{
    struct hz_lines *l = NULL;
    el_get(el, EL_CLIENTDATA, (void *)&l);
    int up = rows_above(l, hz_term_width());
    if (!hz_term_styled(l->stream))
        fputs("\n", l->screen);
    else if (up)
        fprintf(l->screen, "\033[%dA\r\033[J", up);
    else
        fputs("\r\033[J", l->screen);
    fflush(l->screen);
}

/* False when Ctrl-C was pressed. */
static bool wait_for_input(EditLine *el)
{
    for (;;) {
        switch (hz_term_wait()) {
        case HZ_TERM_INPUT:
            return true;
        case HZ_TERM_INTERRUPT:
            erase(el);
            el_cursor(el, (int)(el_wline(el)->lastchar - el_wline(el)->cursor));
            el_set(el, EL_REFRESH);
            return false;
        case HZ_TERM_RESIZE:
            erase(el);
            el_resize(el);
            el_set(el, EL_REFRESH);
            break;
        case HZ_TERM_STOP: /* the shell gets its terminal as it wants it */
            el_set(el, EL_PREP_TERM, 0);
            hz_term_stop();
            el_set(el, EL_PREP_TERM, 1);
            el_resize(el);
            el_set(el, EL_REFRESH);
            break;
        }
    }
}

/* libedit's reader of one character: 1, 0 at the end of input, -1 when interrupted. Bytes that are no UTF-8 become
 * U+FFFD: what the program makes of a line is text in any case. */
static int read_char(EditLine *el, wchar_t *c)
{
    char bytes[4];
    uint32_t cp = 0xfffd;
    for (size_t n = 0; n < sizeof bytes;) {
        if (!wait_for_input(el))
            return -1;
        if (!read_byte(bytes + n))
            return 0;
        n++;
        if (hz_utf8_decode(bytes, n, &cp) || !hz_utf8_unfinished(bytes, n))
            break;
    }
    *c = (wchar_t)cp;
    return 1;
}

/* ---- what keys do ------------------------------------------------------------------------------------------- */

static unsigned char insert_newline(EditLine *el, int key)
{
    (void)key;
    return el_winsertstr(el, L"\n") ? CC_ERROR : CC_REFRESH;
}

/* The terminal announces a pasted block; all up to its end mark is text, newlines included. */
static unsigned char insert_paste(EditLine *el, int key)
{
    (void)key;
    static const wchar_t mark[] = L"\033[201~";
    enum { MARK = HZ_COUNT(mark) - 1 };
    wchar_t *text = NULL, c;
    size_t n = 0, cap = 0;
    bool ended = false, room = true;
    while (!ended && el_wgetc(el, &c) == 1 && (room = n < LONGEST_LINE && HZ_GROW(text, n, cap))) {
        text[n++] = c == L'\r' ? L'\n' : c;
        ended = n >= MARK && !memcmp(text + n - MARK, mark, MARK * sizeof *mark);
    }
    n -= ended ? MARK : 0;
    bool ok = ended && room && HZ_GROW(text, n, cap);
    if (ok && n) {
        text[n] = 0;
        ok = !el_winsertstr(el, text);
    }
    free(text);
    return ok ? CC_REFRESH : CC_ERROR;
}

static char *prompt_of(EditLine *el)
{
    struct hz_lines *l = NULL;
    el_get(el, EL_CLIENTDATA, (void *)&l);
    return (char *)(uintptr_t)l->prompt; /* libedit only reads it */
}

static void bind_keys(EditLine *el)
{
    el_set(el, EL_ADDFN, "hanzo-newline", "Insert a newline", insert_newline);
    el_set(el, EL_ADDFN, "hanzo-paste", "Insert a pasted block", insert_paste);
    static const char *const keys[][2] = {
        {"\\e[200~", "hanzo-paste"},  {"\\e\\r", "hanzo-newline"},       {"\\e\\n", "hanzo-newline"},
        {"^R", "em-inc-search-prev"}, {"\\e[3~", "ed-delete-next-char"}, {"\\e[1~", "ed-move-to-beg"},
        {"\\e[4~", "ed-move-to-end"}, {"\\e[H", "ed-move-to-beg"},       {"\\e[F", "ed-move-to-end"},
        {"\\e[1;5C", "em-next-word"}, {"\\e[1;5D", "ed-prev-word"},      {"^W", "ed-delete-prev-word"},
    };
    for (size_t i = 0; i < HZ_COUNT(keys); i++)
        el_set(el, EL_BIND, keys[i][0], keys[i][1], NULL);
}

/* ---- the editor --------------------------------------------------------------------------------------------- */

/* libedit turns what is typed into wide characters by the locale; one without UTF-8 would lose every accent. */
static void choose_utf8(void)
{
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8"))
        if (!setlocale(LC_CTYPE, "C.UTF-8"))
            setlocale(LC_CTYPE, "en_US.UTF-8");
}

static void open_history(struct hz_lines *l, const char *file)
{
    HistEvent ev;
    l->history = history_init();
    if (!l->history)
        return;
    history(l->history, &ev, H_SETSIZE, HISTORY_SIZE);
    history(l->history, &ev, H_SETUNIQUE, 1);
    l->history_file = file ? hz_strndup(file, strlen(file)) : NULL;
    if (l->history_file)
        history(l->history, &ev, H_LOAD, l->history_file);
    el_set(l->editor, EL_HIST, history, l->history);
}

static void open_editor(struct hz_lines *l, const char *history_file)
{
    choose_utf8();
    l->editor = el_init("hanzo", stdin, l->screen, stderr);
    if (!l->editor)
        return; /* lines as they come are still lines */
    el_set(l->editor, EL_CLIENTDATA, l);
    el_set(l->editor, EL_PROMPT, prompt_of);
    el_set(l->editor, EL_EDITOR, "emacs");
    el_set(l->editor, EL_SIGNAL, 0);
    el_set(l->editor, EL_GETCFN, read_char);
    bind_keys(l->editor);
    open_history(l, history_file);
    el_source(l->editor, NULL); /* the user's ~/.editrc has the last word */
}

static void ask_for_paste_marks(const struct hz_lines *l, bool on)
{
    if (!hz_term_styled(l->stream))
        return;
    fputs(on ? "\033[?2004h" : "\033[?2004l", l->screen);
    fflush(l->screen);
}

static enum hz_line_result read_edited(struct hz_lines *l, const char *prompt, struct hz_buf *text)
{
    l->prompt = prompt;
    hz_term_catch_window(true);
    ask_for_paste_marks(l, true);
    el_resize(l->editor);               /* the terminal may have changed since the last line */
    el_set(l->editor, EL_PREP_TERM, 1); /* before the prompt shows: what is typed at once must not be echoed twice */
    int n = 0;
    const char *line = el_gets(l->editor, &n);
    ask_for_paste_marks(l, false);
    hz_term_catch_window(false);
    if (hz_term_interrupted()) {
        fputs("^C\n", l->screen);
        fflush(l->screen);
        return HZ_LINE_INTERRUPTED;
    }
    if (!line || n <= 0)
        return HZ_LINE_END;
    size_t len = strlen(line);
    hz_buf_put(text, line, len - (len && line[len - 1] == '\n'));
    return HZ_LINE_READ;
}
#endif

/* ---- both --------------------------------------------------------------------------------------------------- */

hz_status hz_lines_open(const char *history, struct hz_lines **lines, struct hz_error *err)
{
    struct hz_lines *l = hz_calloc(1, sizeof *l);
    if (!l)
        return hz_fail_nomem(err, sizeof *l);
    l->stream = hz_term_is_tty(HZ_TERM_OUT) ? HZ_TERM_OUT : HZ_TERM_ERR;
    if (hz_term_is_tty(HZ_TERM_IN) && hz_term_is_tty(l->stream))
        l->screen = l->stream == HZ_TERM_OUT ? stdout : stderr;
#ifdef HZ_HAVE_LIBEDIT
    if (l->screen)
        open_editor(l, history);
#else
    (void)history;
#endif
    *lines = l;
    return HZ_OK;
}

void hz_lines_close(struct hz_lines *l)
{
    if (!l)
        return;
#ifdef HZ_HAVE_LIBEDIT
    if (l->editor)
        el_end(l->editor);
    if (l->history)
        history_end(l->history);
    free(l->history_file);
#endif
    free(l);
}

enum hz_line_result hz_lines_read(struct hz_lines *l, const char *prompt, struct hz_buf *text)
{
#ifdef HZ_HAVE_LIBEDIT
    if (l->editor)
        return read_edited(l, prompt, text);
#endif
    return read_plain(l, prompt, text);
}

void hz_lines_remember(struct hz_lines *l, const char *text)
{
#ifdef HZ_HAVE_LIBEDIT
    HistEvent ev;
    if (!l->history || !*text)
        return;
    history(l->history, &ev, H_ENTER, text);
    if (l->history_file) /* now, not at the end: a program may be killed */
        history(l->history, &ev, H_SAVE, l->history_file);
#else
    (void)l;
    (void)text;
#endif
}

const char *hz_lines_editor(void)
{
#ifdef HZ_HAVE_LIBEDIT
    return "libedit";
#else
    return "none";
#endif
}
