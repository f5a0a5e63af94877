/* rows_avx2.c - the row kernels with AVX2. */
#include "kern/x86/vec.h"

#include "kern/rows_tmpl.h"
