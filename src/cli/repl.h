/* repl.h - a conversation at a terminal. */
#ifndef HZ_CLI_REPL_H
#define HZ_CLI_REPL_H

#include "cli/session.h"

/* Until Ctrl-D or /exit. The request's sampling is where /temperature and the like begin; its input is filled in. */
hz_status hz_repl(struct hz_session *s, const struct hz_request_options *request, const char *system, bool raw,
                  struct hz_error *err);

#endif
