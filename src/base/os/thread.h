/* thread.h - threads, locks and conditions of the system, and the wait on a word that the pool's barrier needs. */
#ifndef HZ_BASE_OS_THREAD_H
#define HZ_BASE_OS_THREAD_H

#include "base/status.h"

#include <stdatomic.h>

struct hz_mutex;
struct hz_cond;
struct hz_thread;

struct hz_mutex *hz_mutex_new(void); /* NULL when memory is short */
void hz_mutex_free(struct hz_mutex *m);
void hz_mutex_lock(struct hz_mutex *m);
void hz_mutex_unlock(struct hz_mutex *m);
struct hz_cond *hz_cond_new(void);
void hz_cond_free(struct hz_cond *c);
void hz_cond_signal(struct hz_cond *c);
void hz_cond_broadcast(struct hz_cond *c);
void hz_cond_wait(struct hz_cond *c, struct hz_mutex *m);
/* False when timeout_ms passed (monotonic clock). */
bool hz_cond_wait_for(struct hz_cond *c, struct hz_mutex *m, int timeout_ms);

hz_status hz_thread_start(struct hz_thread **thread, const char *name, void (*fn)(void *), void *arg,
                          struct hz_error *err);
void hz_thread_join(struct hz_thread *thread); /* and frees it; NULL is fine */

/* Sleeps while *word is `value` (may return early); hz_wake_all wakes every sleeper on the word. */
void hz_wait_word(_Atomic uint32_t *word, uint32_t value);
void hz_wake_all(_Atomic uint32_t *word);
/* A hint to the core inside a spin loop. */
void hz_pause(void);

#endif
