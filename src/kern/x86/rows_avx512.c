/* rows_avx512.c - the row kernels with AVX-512. */
#include "kern/x86/vec.h"

#include "kern/rows_tmpl.h"
