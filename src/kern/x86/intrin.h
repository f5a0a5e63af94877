/* intrin.h - x86 intrinsics: the compiler's, or (for checks on machines that lack them) SIMDe's emulation. */
#ifndef HZ_KERN_X86_INTRIN_H
#define HZ_KERN_X86_INTRIN_H

#ifdef SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>
#else
#include <immintrin.h>
#endif

#endif
