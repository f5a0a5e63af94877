/* os/thread.c - POSIX threads; waiting on a word is a futex on Linux, a short sleep elsewhere. */
#define _GNU_SOURCE
#include "base/os/thread.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

struct hz_mutex {
    pthread_mutex_t m;
};

struct hz_cond {
    pthread_cond_t c;
};

struct hz_thread {
    pthread_t t;
    void (*fn)(void *);
    void *arg;
    char name[16];
};

struct hz_mutex *hz_mutex_new(void)
{
    struct hz_mutex *m = hz_calloc(1, sizeof *m);
    if (m && pthread_mutex_init(&m->m, NULL)) {
        free(m);
        return NULL;
    }
    return m;
}

void hz_mutex_free(struct hz_mutex *m)
{
    if (m)
        pthread_mutex_destroy(&m->m);
    free(m);
}

void hz_mutex_lock(struct hz_mutex *m)
{
    pthread_mutex_lock(&m->m);
}

void hz_mutex_unlock(struct hz_mutex *m)
{
    pthread_mutex_unlock(&m->m);
}

struct hz_cond *hz_cond_new(void)
{
    struct hz_cond *c = hz_calloc(1, sizeof *c);
    pthread_condattr_t attr;
    if (!c)
        return NULL;
    pthread_condattr_init(&attr);
#ifdef __linux__
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
    int failed = pthread_cond_init(&c->c, &attr);
    pthread_condattr_destroy(&attr);
    if (failed) {
        free(c);
        return NULL;
    }
    return c;
}

void hz_cond_free(struct hz_cond *c)
{
    if (c)
        pthread_cond_destroy(&c->c);
    free(c);
}

void hz_cond_signal(struct hz_cond *c)
{
    pthread_cond_signal(&c->c);
}

void hz_cond_broadcast(struct hz_cond *c)
{
    pthread_cond_broadcast(&c->c);
}

void hz_cond_wait(struct hz_cond *c, struct hz_mutex *m)
{
    pthread_cond_wait(&c->c, &m->m);
}

bool hz_cond_wait_for(struct hz_cond *c, struct hz_mutex *m, int timeout_ms)
{
    struct timespec t;
#ifdef __linux__
    clock_gettime(CLOCK_MONOTONIC, &t);
#else
    clock_gettime(CLOCK_REALTIME, &t);
#endif
    t.tv_sec += timeout_ms / 1000;
    t.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return pthread_cond_timedwait(&c->c, &m->m, &t) != ETIMEDOUT;
}

static void *thread_main(void *arg)
{
    struct hz_thread *t = arg;
#ifdef __linux__
    pthread_setname_np(pthread_self(), t->name);
#endif
    t->fn(t->arg);
    return NULL;
}

hz_status hz_thread_start(struct hz_thread **thread, const char *name, void (*fn)(void *), void *arg,
                          struct hz_error *err)
{
    struct hz_thread *t = hz_calloc(1, sizeof *t);
    if (!t)
        return hz_fail_nomem(err, sizeof *t);
    t->fn = fn;
    t->arg = arg;
    strncpy(t->name, name, sizeof t->name - 1);
    int e = pthread_create(&t->t, NULL, thread_main, t);
    if (e) {
        free(t);
        return hz_fail(err, HZ_E_IO, "cannot start thread %s: %s", name, strerror(e));
    }
    *thread = t;
    return HZ_OK;
}

void hz_thread_join(struct hz_thread *thread)
{
    if (thread)
        pthread_join(thread->t, NULL);
    free(thread);
}

void hz_wait_word(_Atomic uint32_t *word, uint32_t value)
{
#ifdef __linux__
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
#else
    struct timespec t = {0, 20000};
    (void)word, (void)value;
    nanosleep(&t, NULL);
#endif
}

void hz_wake_all(_Atomic uint32_t *word)
{
#ifdef __linux__
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1 << 30, NULL, NULL, 0);
#else
    (void)word;
#endif
}

void hz_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}
