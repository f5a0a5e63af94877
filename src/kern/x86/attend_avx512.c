/* attend_avx512.c - attention with AVX-512. */
#include "kern/x86/vec.h"

#include "kern/attend_tmpl.h"
