#include "common.h"

INLINE void put(void *out, int64_t at, float value, int narrow) {
    if (narrow)
        ((uint16_t *)out)[at] = to_bf16(value);
    else
        ((float *)out)[at] = value;
}

/* out[n, Y, X, (dy, dx, c)] = x[n, Y * block + dy - before, X * block + dx - before, c], zero outside of x.
 *
 * x: float (N, height, width, channels); out: (N, rows, columns, block * block * channels), float or bf16. */
INLINE void space_to_depth(int64_t start, int64_t stop, const Value *v, int narrow) {
    const float *x = v[0].p;
    const int64_t height = v[2].i, width = v[3].i, channels = v[4].i, block = v[5].i, before = v[6].i;
    const int64_t rows = v[7].i, columns = v[8].i, run = block * channels;
    for (int64_t index = start; index < stop; index++) {
        const int64_t n = index / rows, top = index % rows * block - before;
        for (int64_t column = 0; column < columns; column++) {
            const int64_t left = column * block - before;
            for (int64_t dy = 0; dy < block; dy++) {
                const int64_t y = top + dy, target = ((index * columns + column) * block + dy) * run;
                const float *source = x + ((n * height + y) * width + left) * channels;
                if (y >= 0 && y < height && left >= 0 && left + block <= width)
                    for (int64_t i = 0; i < run; i++) put(v[1].p, target + i, source[i], narrow);
                else
                    for (int64_t i = 0; i < run; i++) {
                        const int64_t place = left + i / channels;
                        const int known = y >= 0 && y < height && place >= 0 && place < width;
                        put(v[1].p, target + i, known ? source[i] : 0, narrow);
                    }
            }
        }
    }
}

EXPORT KERNEL void alexnet_space_to_depth_f32(int64_t start, int64_t stop, int64_t part, const Value *v) {
    space_to_depth(start, stop, v, 0);
}

EXPORT KERNEL void alexnet_space_to_depth_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    space_to_depth(start, stop, v, 1);
}
