/* rows_neon.c - the row kernels with NEON. */
#include "kern/arm/vec.h"

#include "kern/rows_tmpl.h"
