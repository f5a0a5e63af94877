/* sniff.h - what a file seems to be that is not what its reader expected, so that the error says more than "no". */
#ifndef HZ_FILE_SNIFF_H
#define HZ_FILE_SNIFF_H

#include <stdint.h>

/* "it is empty", "it looks like a Git LFS pointer, ...": a clause for the end of an error line. data may be NULL. */
const char *hz_file_looks_like(const uint8_t *data, uint64_t size);

#endif
