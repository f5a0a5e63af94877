/* kcheck.h - what the checks of kernels share: a rung beside the plain C it must agree with, seeded numbers, guarded
 * memory and one way to fail. A file check_*.c offers one kc_check_fn, which kcheck.c lists. */
#ifndef KCHECK_H
#define KCHECK_H

#include "base/status.h"
#include "kern/kern.h"

struct kc {
    const struct hz_kern *kern, *ref; /* the rung under check, and c */
    const char *where;                /* words for what is being checked now, printed with a failure */
    uint64_t rng;                     /* state of the numbers; starts from the printed seed for every check and rung */
    int failures;
};

typedef void kc_check_fn(struct kc *c);
kc_check_fn kc_check_linear, kc_check_rows, kc_check_attend, kc_check_draw, kc_check_plan;
void kc_bench_rows(const struct hz_kern *kern);
void kc_bench_linear(const struct hz_kern *kern, int threads, const char *only);

/* Counts a failure and prints it with c->where (the first 20 of a check). */
void kc_fail(struct kc *c, const char *fmt, ...) HZ_PRINTF(2, 3);

uint64_t kc_random(struct kc *c);
uint32_t kc_below(struct kc *c, uint32_t n); /* 0 .. n - 1 */
float kc_uniform(struct kc *c);              /* -1 .. 1 */
float kc_normal(struct kc *c);               /* about normal, at most 3 in magnitude */

/* Memory whose end (up to alignment) and beginning are followed by pages that trap. kc_guard_ok: bytes between the end
 * and the trap are as they were. */
void *kc_guard_alloc(size_t bytes, size_t align);
bool kc_guard_ok(const void *p, size_t bytes, size_t align);
void kc_guard_free(void *p, size_t bytes, size_t align);
double kc_clock(void);

#endif
