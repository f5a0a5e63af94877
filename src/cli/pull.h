/* pull.h - one request pulled to its end. */
#ifndef HZ_CLI_PULL_H
#define HZ_CLI_PULL_H

#include "base/status.h"

/* What is done with an event; any failure cancels the request. */
typedef hz_status hz_pull_fn(void *user, const struct hz_event *event, struct hz_error *err);

/* Starts a request, hands every event but the last to `take` (NULL: drops them) and the last to *done. Ctrl-C cancels
 * it and gives E_CANCELLED; done is filled then too. */
hz_status hz_pull(hz_engine *engine, const struct hz_request_options *request, hz_pull_fn *take, void *user,
                  struct hz_event *done, struct hz_error *err);

#endif
