#include "common.h"

/* The sum of the squares of each block of values, in double precision, where the square of a float is exact. Place i of a
 * block is added to sum i % LANES, and those one after the other: the same bits on every machine and for any threads.
 *
 * values (float or bf16), sums (a double for each block), number of values. */

enum { BLOCK = 4096, LANES = 32 };

INLINE void add_squares(int64_t start, int64_t stop, const Value *v, int narrow) {
    const float *wide = v[0].p;
    const uint16_t *bits = v[0].p;
    double *sums = v[1].p;
    const int64_t count = v[2].i;
    for (int64_t block = start; block < stop; block++) {
        const int64_t first = block * BLOCK, length = count - first < BLOCK ? count - first : BLOCK;
        const int64_t whole = length / LANES * LANES;
        double lanes[LANES] = {0}, sum = 0;
        for (int64_t i = 0; i < whole; i += LANES)
            for (int64_t lane = 0; lane < LANES; lane++) {
                const double x = narrow ? from_bf16(bits[first + i + lane]) : wide[first + i + lane];
                lanes[lane] += x * x;
            }
        for (int64_t i = whole; i < length; i++) {
            const double x = narrow ? from_bf16(bits[first + i]) : wide[first + i];
            lanes[i - whole] += x * x;
        }
        for (int64_t lane = 0; lane < LANES; lane++) sum += lanes[lane];
        sums[block] = sum;
    }
}

EXPORT KERNEL void alexnet_squares_f32(int64_t start, int64_t stop, int64_t part, const Value *v) {
    add_squares(start, stop, v, 0);
}

EXPORT KERNEL void alexnet_squares_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    add_squares(start, stop, v, 1);
}
