/* What a stage is, and its maps read and written in float. */
#ifndef ALEXNET_STAGE_H
#define ALEXNET_STAGE_H

#include "common.h"

enum { MAX_CHANNELS = 4096, MAX_HALF = 64, MAX_WINDOW = 16, BLOCK = 384, MAX_TOWERS = 16, FEW = 32, NOWHERE = 255 };

typedef struct {
    int64_t height, width, channels, relu;
    int64_t groups, half;
    float alpha, beta, k;
    int64_t size, stride, average, out_height, out_width;
} Stage;

/* half < 0: no normalization; size 1 and stride 1: no pooling. */
INLINE Stage read_stage(const Value *v) {
    return (Stage){v[0].i, v[1].i, v[2].i, v[3].i, v[4].i, v[5].i, (float)v[6].r, (float)v[7].r, (float)v[8].r,
                   v[9].i, v[10].i, v[11].i, v[12].i, v[13].i};
}

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

INLINE void load(const void *source, int64_t first, float *row, int64_t count, int narrow, int relu) {
    const uint16_t *bits = (const uint16_t *)source + first;
    const float *values = (const float *)source + first;
    INDEPENDENT for (int64_t i = 0; i < count; i++) {
        const float value = narrow ? from_bf16(bits[i]) : values[i];
        row[i] = relu && value < 0 ? 0 : value;
    }
}

INLINE void store(void *target, int64_t first, const float *row, int64_t count, int narrow) {
    if (narrow) {
        uint16_t *bits = (uint16_t *)target + first;
        INDEPENDENT for (int64_t i = 0; i < count; i++) bits[i] = to_bf16(row[i]);
    } else
        memcpy((float *)target + first, row, sizeof(float) * (size_t)count);
}

#endif
