/* term_tty.c - what kind of terminal there is, and where the program keeps its state. */
#define _DEFAULT_SOURCE
#include "cli/term.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

bool hz_term_is_tty(enum hz_term_stream stream)
{
    return isatty((int)stream);
}

int hz_term_width(void)
{
    struct winsize size;
    for (int fd = STDERR_FILENO; fd >= STDOUT_FILENO; fd--)
        if (!ioctl(fd, TIOCGWINSZ, &size) && size.ws_col > 0)
            return size.ws_col;
    return 80;
}

bool hz_term_styled(enum hz_term_stream stream)
{
    const char *plain = getenv("NO_COLOR"), *term = getenv("TERM");
    return hz_term_is_tty(stream) && !(plain && *plain) && term && *term && strcmp(term, "dumb");
}

void hz_term_echo(bool on)
{
    struct termios t;
    if (tcgetattr(STDIN_FILENO, &t))
        return;
    t.c_lflag = on ? t.c_lflag | ECHO : t.c_lflag & ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

static struct termios first_state;

static void on_death(int number)
{
    static const char no_paste[] = "\033[?2004l";
    tcsetattr(STDIN_FILENO, TCSANOW, &first_state);
    ssize_t written = write(STDOUT_FILENO, no_paste, sizeof no_paste - 1);
    (void)written; /* nobody is left to tell */
    signal(number, SIG_DFL);
    raise(number);
}

void hz_term_guard(void)
{
    if (tcgetattr(STDIN_FILENO, &first_state))
        return;
    struct sigaction action = {.sa_handler = on_death};
    sigfillset(&action.sa_mask);
    static const int deadly[] = {SIGTERM, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < HZ_COUNT(deadly); i++)
        sigaction(deadly[i], &action, NULL);
}

/* Makes path, which ends in a slash, and the folders above it; they are the user's alone. */
static bool make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0700); /* most of them are there already */
        *slash = '/';
    }
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

bool hz_term_state_file(const char *name, struct hz_buf *path)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    hz_buf_clear(path);
    if (state && *state == '/') /* the specification wants relative ones ignored */
        hz_buf_printf(path, "%s/hanzo/", state);
    else if (home && *home == '/')
        hz_buf_printf(path, "%s/.local/state/hanzo/", home);
    if (!path->len || path->failed || !make_folders(path->data))
        return false;
    hz_buf_puts(path, name);
    return !path->failed;
}
