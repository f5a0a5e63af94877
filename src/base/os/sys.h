/* sys.h - what the machine is: clock, cores, instruction sets, memory. */
#ifndef HZ_BASE_OS_SYS_H
#define HZ_BASE_OS_SYS_H

#include "base/status.h"

double hz_clock(void); /* monotonic seconds */
/* Local broken-down time of now: year, month 1-12, day, hour, minute, second, weekday 0 = Monday, day of year 1-366. */
void hz_clock_local(int out[8]);
uint64_t hz_random_u64(void); /* from the system's generator */

int hz_cpu_count(void); /* logical CPUs this process may run on: affinity mask and cgroup quota */
int hz_cpu_cores(void); /* physical cores among them, at least 1 */
const char *hz_cpu_name(void);

/* Bits of hz_cpu_features: only what both the processor and the system support. */
enum hz_cpu_feature {
    HZ_CPU_AVX2 = 1 << 0,   /* with FMA, F16C, BMI2 */
    HZ_CPU_AVX512 = 1 << 1, /* F, BW, DQ, VL, VNNI */
    HZ_CPU_AVX512_BF16 = 1 << 2,
    HZ_CPU_AMX_INT8 = 1 << 3,
    HZ_CPU_AMX_BF16 = 1 << 4,
    HZ_CPU_NEON = 1 << 8,
    HZ_CPU_DOTPROD = 1 << 9,
    HZ_CPU_I8MM = 1 << 10
};
unsigned hz_cpu_features(void);

uint64_t hz_memory_total(void);     /* bytes of the machine or of its cgroup, whichever is less */
uint64_t hz_memory_available(void); /* what can be had without swapping */
uint64_t hz_memory_resident(void);  /* of this process now; 0 if unknown */
uint64_t hz_memory_peak(void);      /* largest resident set so far */
uint64_t hz_page_size(void);
/* Fresh zero pages, touched only when used, asked to be huge ones; `bytes` a multiple of 2 MiB. NULL when there are
 * none. */
void *hz_map_pages(size_t bytes);
void hz_unmap_pages(void *p, size_t bytes);

#endif
