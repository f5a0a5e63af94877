/* status.h - how a function fails: a code, and one line of words in the caller's struct hz_error.
 *
 * The types stand in the public header, the only thing above libc that base/ includes. */
#ifndef HZ_BASE_STATUS_H
#define HZ_BASE_STATUS_H

#include <hanzo/hanzo.h>

#include <stdarg.h>

#if defined(__GNUC__)
#define HZ_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define HZ_PRINTF(fmt, first)
#endif

/* Writes the words (cut to fit, newlines and control characters made visible) and returns status. err may be NULL. */
hz_status hz_fail(struct hz_error *err, hz_status status, const char *fmt, ...) HZ_PRINTF(3, 4);
hz_status hz_vfail(struct hz_error *err, hz_status status, const char *fmt, va_list ap);
/* Puts "words: " in front of what err holds, as a caller that knows the file or tensor does. Returns status. */
hz_status hz_fail_in(struct hz_error *err, hz_status status, const char *fmt, ...) HZ_PRINTF(3, 4);
/* E_NOMEM in words. */
hz_status hz_fail_nomem(struct hz_error *err, size_t bytes);

/* Forwards a failure. Where something must be undone use `goto fail` instead. */
#define HZ_TRY(expr)                                                                                                   \
    do {                                                                                                               \
        hz_status hz_try_ = (expr);                                                                                    \
        if (hz_try_ != HZ_OK)                                                                                          \
            return hz_try_;                                                                                            \
    } while (0)

/* hz_log("loaded %d tensors", n): goes to the callback of hz_set_log; costs a comparison when nobody listens. */
void hz_log(enum hz_log_level level, const char *fmt, ...) HZ_PRINTF(2, 3);

#define HZ_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HZ_MIN(a, b)    ((a) < (b) ? (a) : (b))
#define HZ_MAX(a, b)    ((a) > (b) ? (a) : (b))

#endif
