#if defined(__clang__)
#pragma clang fp contract(fast)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=fast")
#endif
#include "common.h"

enum { LANES = 32, ROWS = 4, AHEAD = 1024 };

/* sums[r] = the sum over i of weight[r, i] * x[i] for `rows` rows of weights at once, so that memory has several of them to
 * fetch, AHEAD weights before they are needed; each in LANES partial sums that are added in a fixed order. */
INLINE void dots(const uint16_t *weight, const float *x, int64_t count, int rows, float *sums) {
    float lane[ROWS][LANES] = {{0}};
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int r = 0; r < rows; r++) {
            PREFETCH(weight + r * count + i + AHEAD);
            for (int j = 0; j < LANES; j++) lane[r][j] += from_bf16(weight[r * count + i + j]) * x[i + j];
        }
    for (int r = 0; r < rows; r++) {
        for (int64_t rest = i; rest < count; rest++) lane[r][rest - i] += from_bf16(weight[r * count + rest]) * x[rest];
        for (int width = LANES / 2; width; width /= 2)
            for (int j = 0; j < width; j++) lane[r][j] += lane[r][j + width];
        sums[r] = lane[r][0];
    }
}

/* What follows in the same pass: rounding, then max(., 0), then a factor, each rounded as a layer of its own would. */
INLINE uint16_t finish(float sum, int relu, float factor) {
    const float value = from_bf16(to_bf16(sum));
    return to_bf16((relu && value < 0 ? 0 : value) * factor);
}

/* out[n, o] = sum over i of weight[o, i] * x[n, i] + bias[o] for the outputs [start, stop): few n, each weight read once.
 *
 * weight: bf16 (outputs, inputs); x: bf16 (batch, inputs); bias: float or NULL; out: bf16 (batch, outputs); scratch:
 * float (batch, inputs) for each part. */
EXPORT KERNEL void alexnet_matvec_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    const uint16_t *narrow = v[0].p, *weight = v[2].p;
    uint16_t *out = v[1].p;
    const float *bias = v[3].p, factor = (float)v[8].r;
    const int64_t batch = v[4].i, inputs = v[5].i, outputs = v[6].i;
    const int relu = (int)v[7].i;
    float *x = (float *)v[9].p + part * batch * inputs, sums[ROWS];
    for (int64_t i = 0; i < batch * inputs; i++) x[i] = from_bf16(narrow[i]);
    for (int64_t o = start; o < stop; o += ROWS) {
        const int rows = stop - o < ROWS ? (int)(stop - o) : ROWS;
        for (int64_t n = 0; n < batch; n++) {
            if (rows == ROWS)
                dots(weight + o * inputs, x + n * inputs, inputs, ROWS, sums);
            else
                dots(weight + o * inputs, x + n * inputs, inputs, rows, sums);
            for (int r = 0; r < rows; r++)
                out[n * outputs + o + r] = finish(sums[r] + (bias ? bias[o + r] : 0), relu, factor);
        }
    }
}
