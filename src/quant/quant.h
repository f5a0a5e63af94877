/* quant.h - published formats in plain C: one file per format beside this header. `_c` dequantize is the definition of
 * a format here and equals the package that publishes it bit for bit (GGUF: gguf-py 0.19, ggml's dequantize_row_*). */
#ifndef HZ_QUANT_QUANT_H
#define HZ_QUANT_QUANT_H

#include "quant/dtype.h"

/* k elements of a row, k a multiple of the type's block, to f32; src at any alignment. */
typedef void hz_dequantize_fn(const void *src, float *out, uint64_t k);
/* The reverse, as ggml's quantize_row_*_ref makes it; for tests and ISQ. */
typedef void hz_quantize_fn(const float *x, void *out, uint64_t k);

/* NULL for types that are no weights. */
hz_dequantize_fn *hz_dequantize_c(enum hz_dtype type);
/* NULL where no quantizer is written yet. */
hz_quantize_fn *hz_quantize_c(enum hz_dtype type);

#endif
