/* attend_avx2.c - attention with AVX2. */
#include "kern/x86/vec.h"

#include "kern/attend_tmpl.h"
