/* os/sys.c - facts of the machine on POSIX systems, mostly from /proc and /sys on Linux. */
#define _GNU_SOURCE
#include "base/os/sys.h"

#include "base/os/file.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

double hz_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void hz_clock_local(int out[8])
{
    time_t now = time(NULL);
    struct tm tm = {0};
    localtime_r(&now, &tm);
    int values[8] = {tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,           tm.tm_hour,
                     tm.tm_min,         tm.tm_sec,     (tm.tm_wday + 6) % 7, tm.tm_yday + 1};
    memcpy(out, values, sizeof values);
}

uint64_t hz_random_u64(void)
{
    uint64_t r = 0;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &r, sizeof r) != (ssize_t)sizeof r) /* no such device: the clock must do */
        r = (uint64_t)(hz_clock() * 1e9) * 0x9e3779b97f4a7c15u ^ (uint64_t)getpid() << 32;
    if (fd >= 0)
        close(fd);
    return r;
}

/* ---- processor ------------------------------------------------------------------------------------------------- */

/* A small text file of the system; false if it cannot be read. */
static bool slurp(const char *path, char *out, size_t cap)
{
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    size_t n = fread(out, 1, cap - 1, f);
    out[n] = 0;
    fclose(f);
    return n > 0;
}

int hz_cpu_count(void)
{
    int n = (int)sysconf(_SC_NPROCESSORS_ONLN);
#ifdef __linux__
    cpu_set_t set;
    char text[128];
    long long quota, period;
    if (!sched_getaffinity(0, sizeof set, &set))
        n = CPU_COUNT(&set);
    if (slurp("/sys/fs/cgroup/cpu.max", text, sizeof text) && sscanf(text, "%lld %lld", &quota, &period) == 2 &&
        period > 0)
        n = (int)HZ_MIN((long long)n, (quota + period - 1) / period);
#endif
    return n > 0 ? n : 1;
}

int hz_cpu_cores(void)
{
    int n = hz_cpu_count();
#ifdef __linux__
    /* A CPU counts as a core if it is the first of its siblings that we may use. */
    cpu_set_t set;
    int cores = 0;
    if (!sched_getaffinity(0, sizeof set, &set)) {
        for (int c = 0; c < CPU_SETSIZE; c++) {
            char path[128], text[128];
            if (!CPU_ISSET(c, &set))
                continue;
            snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", c);
            int first = slurp(path, text, sizeof text) ? atoi(text) : c;
            cores += first == c || first < 0 || first >= CPU_SETSIZE || !CPU_ISSET(first, &set);
        }
        if (cores)
            n = HZ_MIN(n, cores);
    }
#endif
    return n;
}

const char *hz_cpu_name(void)
{
    static char name[64]; /* the same bytes whoever fills it */
#if defined(__x86_64__)
    unsigned r[12];
    if (__get_cpuid(0x80000002, &r[0], &r[1], &r[2], &r[3]) && __get_cpuid(0x80000003, &r[4], &r[5], &r[6], &r[7]) &&
        __get_cpuid(0x80000004, &r[8], &r[9], &r[10], &r[11])) {
        char text[49] = {0};
        memcpy(text, r, 48);
        memcpy(name, text + strspn(text, " "), strlen(text + strspn(text, " ")) + 1);
    }
#endif
    return name[0] ? name : "unknown processor";
}

#if defined(__x86_64__)
static unsigned long long xcr0(void)
{
    unsigned lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (unsigned long long)hi << 32 | lo;
}

unsigned hz_cpu_features(void)
{
    unsigned a, b, c, d, b7, c7, d7, a71, f = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) /* OSXSAVE: else xgetbv traps */
        return 0;
    bool fma = c >> 12 & 1, f16c = c >> 29 & 1;
    unsigned long long os = xcr0();
    bool os_avx = (os & 6) == 6, os_avx512 = (os & 0xe6) == 0xe6, os_amx = (os & 0x60000) == 0x60000;
    if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d7))
        return 0;
    if (os_avx && fma && f16c && (b7 >> 5 & 1) && (b7 >> 8 & 1))
        f |= HZ_CPU_AVX2;
    bool f512 = b7 >> 16 & 1, dq = b7 >> 17 & 1, bw = b7 >> 30 & 1, vl = b7 >> 31 & 1, vnni = c7 >> 11 & 1;
    if ((f & HZ_CPU_AVX2) && os_avx512 && f512 && dq && bw && vl && vnni) {
        f |= HZ_CPU_AVX512;
        if (a >= 1 && __get_cpuid_count(7, 1, &a71, &b, &c, &d) && (a71 >> 5 & 1))
            f |= HZ_CPU_AVX512_BF16;
    }
    if (os_amx && (d7 >> 24 & 1) && (d7 >> 25 & 1))
        f |= HZ_CPU_AMX_INT8;
    if (os_amx && (d7 >> 24 & 1) && (d7 >> 22 & 1))
        f |= HZ_CPU_AMX_BF16;
    return f;
}
#elif defined(__aarch64__)
unsigned hz_cpu_features(void)
{
    unsigned f = HZ_CPU_NEON; /* part of the architecture */
#ifdef __linux__
    unsigned long caps = getauxval(AT_HWCAP), caps2 = getauxval(AT_HWCAP2);
    if (caps >> 20 & 1) /* HWCAP_ASIMDDP */
        f |= HZ_CPU_DOTPROD;
    if (caps2 >> 13 & 1) /* HWCAP2_I8MM */
        f |= HZ_CPU_I8MM;
#elif defined(__APPLE__)
    f |= HZ_CPU_DOTPROD; /* every Apple Silicon has it */
#endif
    return f;
}
#else
unsigned hz_cpu_features(void)
{
    return 0;
}
#endif

/* ---- memory ---------------------------------------------------------------------------------------------------- */

#ifdef __linux__
/* A "Key:  123 kB" line of a /proc file, in bytes; 0 if there is none. */
static uint64_t proc_kib(const char *path, const char *key)
{
    FILE *f = fopen(path, "r");
    char line[256];
    unsigned long long kib = 0;
    size_t n = strlen(key);
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, key, n) && sscanf(line + n, " %llu", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return (uint64_t)kib * 1024;
}
#endif

/* A limit file of the cgroup; 0 for none. */
static uint64_t cgroup_bytes(const char *path)
{
    char text[64];
    return slurp(path, text, sizeof text) && text[0] >= '0' && text[0] <= '9' ? strtoull(text, NULL, 10) : 0;
}

uint64_t hz_memory_total(void)
{
    uint64_t total = (uint64_t)sysconf(_SC_PHYS_PAGES) * hz_page_size();
    uint64_t limit = cgroup_bytes("/sys/fs/cgroup/memory.max");
    return limit && limit < total ? limit : total;
}

uint64_t hz_memory_available(void)
{
#ifdef __linux__
    uint64_t free_now = proc_kib("/proc/meminfo", "MemAvailable:");
    uint64_t limit = cgroup_bytes("/sys/fs/cgroup/memory.max"), used = cgroup_bytes("/sys/fs/cgroup/memory.current");
    if (limit)
        free_now = HZ_MIN(free_now, limit > used ? limit - used : 0);
    return free_now;
#else
    return hz_memory_total() / 2;
#endif
}

uint64_t hz_memory_resident(void)
{
#ifdef __linux__
    return proc_kib("/proc/self/status", "VmRSS:");
#else
    return 0;
#endif
}

uint64_t hz_memory_peak(void)
{
#ifdef __linux__
    return proc_kib("/proc/self/status", "VmHWM:"); /* ru_maxrss begins at what the parent had when it forked */
#else
    struct rusage use;
    if (getrusage(RUSAGE_SELF, &use))
        return 0;
#ifdef __APPLE__
    return (uint64_t)use.ru_maxrss;
#else
    return (uint64_t)use.ru_maxrss * 1024;
#endif
#endif
}

uint64_t hz_page_size(void)
{
    long n = sysconf(_SC_PAGESIZE);
    return n > 0 ? (uint64_t)n : 4096;
}

void *hz_map_pages(size_t bytes)
{
    enum { huge = 2 << 20 };
    /* One huge page more, to cut an aligned piece out. */
    char *p = mmap(NULL, bytes + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    size_t head = (huge - (uintptr_t)p % huge) % huge;
    if (head)
        munmap(p, head);
    if (huge - head)
        munmap(p + head + bytes, huge - head);
#ifdef MADV_HUGEPAGE
    madvise(p + head, bytes, MADV_HUGEPAGE);
#endif
    return p + head;
}

void hz_unmap_pages(void *p, size_t bytes)
{
    munmap(p, bytes);
}
