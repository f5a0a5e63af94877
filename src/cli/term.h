/* term.h - the terminal: the only part of the command line that includes system headers (term_*.c). */
#ifndef HZ_CLI_TERM_H
#define HZ_CLI_TERM_H

#include "base/buf.h"
#include "base/status.h"

enum hz_term_stream { HZ_TERM_IN, HZ_TERM_OUT, HZ_TERM_ERR };

bool hz_term_is_tty(enum hz_term_stream stream);
/* Columns of the terminal behind stdout or stderr; 80 where there is none. */
int hz_term_width(void);
/* Whether faint text and the like may be used on a stream: a terminal, TERM not dumb, NO_COLOR not set. */
bool hz_term_styled(enum hz_term_stream stream);
/* What is typed shows (true) or not; Ctrl-C works either way. Does nothing where stdin is no terminal. */
void hz_term_echo(bool on);
/* Remembers how the terminal is set; the signals that end the program (SIGTERM, SIGHUP, SIGQUIT) then set it back
 * first. */
void hz_term_guard(void);

/* ---- interrupts --------------------------------------------------------------------------------------------- */

/* From here on Ctrl-C sets a flag. With `second_kills` another one, before the flag is cleared, ends the program. */
void hz_term_catch_interrupts(bool second_kills);
bool hz_term_interrupted(void);
void hz_term_clear_interrupt(void);

/* ---- reading lines ------------------------------------------------------------------------------------------ */

/* Lines typed at a terminal, with editing, history and pasted blocks, where libedit was there when this was built; else
 * lines as they come. */
struct hz_lines;

enum hz_line_result { HZ_LINE_READ, HZ_LINE_END, HZ_LINE_INTERRUPTED };

/* history: the file that keeps it; NULL: none is kept. A history that cannot be read or written is no error. */
hz_status hz_lines_open(const char *history, struct hz_lines **lines, struct hz_error *err);
void hz_lines_close(struct hz_lines *lines);
/* Appends one line to text, without its newline; pasted or Alt-Enter newlines stay inside it. */
enum hz_line_result hz_lines_read(struct hz_lines *lines, const char *prompt, struct hz_buf *text);
/* Puts a text into the history. */
void hz_lines_remember(struct hz_lines *lines, const char *text);
/* "libedit", or "none" in a build without it. */
const char *hz_lines_editor(void);

/* A file of the program's state ("history"), under $XDG_STATE_HOME/hanzo or ~/.local/state/hanzo, whose folders are
 * made. False where there is no such place. */
bool hz_term_state_file(const char *name, struct hz_buf *path);

#endif
