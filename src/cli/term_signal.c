/* term_signal.c - signals as flags that the program looks at, and a wait that none of them slips past. */
#define _DEFAULT_SOURCE
#include "cli/term.h"
#include "cli/term_signal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted, resized, stopped, second_kills;

/* Handlers write a byte here, hz_term_wait polls it: a handler may run in any thread, at any time, and a wait that only
 * counted on being interrupted would sleep on. */
static int wake[2] = {-1, -1};

static void on_signal(int number)
{
    int saved = errno;
    if (number == SIGINT && interrupted && second_kills) {
        signal(SIGINT, SIG_DFL);
        raise(SIGINT);
    }
    if (number == SIGINT)
        interrupted = 1;
    else if (number == SIGWINCH)
        resized = 1;
    else
        stopped = 1;
    ssize_t written = wake[1] < 0 ? 0 : write(wake[1], "", 1);
    (void)written; /* a full pipe wakes as well */
    errno = saved;
}

static void open_pipe(void)
{
    if (wake[0] >= 0 || pipe(wake))
        return;
    for (int i = 0; i < 2; i++) {
        fcntl(wake[i], F_SETFL, O_NONBLOCK);
        fcntl(wake[i], F_SETFD, FD_CLOEXEC);
    }
}

static void handle(int number, struct sigaction *before)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}; /* poll(2) returns all the same */
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, before);
}

void hz_term_catch_interrupts(bool second)
{
    second_kills = second;
    open_pipe();
    handle(SIGINT, NULL);
}

bool hz_term_interrupted(void)
{
    return interrupted;
}

void hz_term_clear_interrupt(void)
{
    interrupted = 0;
}

void hz_term_catch_window(bool on)
{
    static struct sigaction window, stop;
    if (on) {
        handle(SIGWINCH, &window);
        handle(SIGTSTP, &stop);
    } else {
        sigaction(SIGWINCH, &window, NULL);
        sigaction(SIGTSTP, &stop, NULL);
    }
}

enum hz_term_news hz_term_wait(void)
{
    for (;;) {
        if (interrupted)
            return HZ_TERM_INTERRUPT;
        if (stopped) {
            stopped = 0;
            return HZ_TERM_STOP;
        }
        if (resized) {
            resized = 0;
            return HZ_TERM_RESIZE;
        }
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = wake[0], .events = POLLIN}};
        int n = poll(fds, 2, -1);
        char drained[64];
        if (n > 0 && fds[1].revents)
            while (read(wake[0], drained, sizeof drained) > 0)
                ;
        else if (n > 0 || (n < 0 && errno != EINTR)) /* an error shows itself in the read */
            return HZ_TERM_INPUT;
    }
}

void hz_term_stop(void)
{
    struct sigaction ours, plain = {.sa_handler = SIG_DFL};
    sigaction(SIGTSTP, &plain, &ours);
    raise(SIGTSTP);
    sigaction(SIGTSTP, &ours, NULL);
}
