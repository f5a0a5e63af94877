/* pull.c - the loop over a request's events. */
#include "cli/pull.h"

#include "cli/term.h"

static hz_status pull(hz_request *request, hz_pull_fn *take, void *user, struct hz_event *event, struct hz_error *err)
{
    enum { LOOK_MS = 50 }; /* how often Ctrl-C is looked for; that short a wait feels like none */
    for (bool cancelled = false; event->kind != HZ_EVENT_DONE;) {
        if (hz_term_interrupted() && !cancelled) {
            hz_request_cancel(request);
            cancelled = true;
        }
        hz_status status = hz_request_next(request, event, LOOK_MS);
        if (status == HZ_E_TIMEOUT)
            continue;
        if (status != HZ_OK)
            return hz_fail(err, status, "the request broke off: %s", hz_status_name(status));
        if (take && event->kind != HZ_EVENT_DONE)
            HZ_TRY(take(user, event, err));
    }
    if (event->finish == HZ_FINISH_CANCELLED)
        return hz_fail(err, HZ_E_CANCELLED, "interrupted");
    if (event->finish != HZ_FINISH_ERROR)
        return HZ_OK;
    if (err)
        *err = event->error;
    return event->error.status;
}

hz_status hz_pull(hz_engine *engine, const struct hz_request_options *request, hz_pull_fn *take, void *user,
                  struct hz_event *done, struct hz_error *err)
{
    hz_request *running = NULL;
    *done = (struct hz_event){0};
    HZ_TRY(hz_request_start(engine, request, &running, err));
    hz_status status = pull(running, take, user, done, err);
    hz_request_free(running);
    return status;
}
