/* term_signal.h - what the line reader waits for besides a key; shared by the term files alone. */
#ifndef HZ_CLI_TERM_SIGNAL_H
#define HZ_CLI_TERM_SIGNAL_H

#include <stdbool.h>

enum hz_term_news {
    HZ_TERM_INPUT,     /* stdin has something to read, or its end */
    HZ_TERM_INTERRUPT, /* Ctrl-C; hz_term_clear_interrupt takes it back */
    HZ_TERM_RESIZE,    /* the terminal has another size */
    HZ_TERM_STOP       /* Ctrl-Z */
};

/* Whether SIGWINCH and SIGTSTP are news, or do what they did before. */
void hz_term_catch_window(bool on);
/* Sleeps until there is news. */
enum hz_term_news hz_term_wait(void);
/* Stops the process as Ctrl-Z does, and returns when the shell continues it. */
void hz_term_stop(void);

#endif
