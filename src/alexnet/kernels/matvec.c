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

/* out[n, o] = sum over i of weight[o, i] * x[n, i] + bias[o] for the outputs [start, stop): few n, each weight read once.
 *
 * weight: bf16 (outputs, inputs); x: float (batch, inputs); bias: float or NULL; out: bf16 (batch, outputs). */
EXPORT KERNEL void alexnet_matvec_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    const uint16_t *weight = v[0].p;
    const float *x = v[1].p, *bias = v[2].p;
    uint16_t *out = v[3].p;
    const int64_t batch = v[4].i, inputs = v[5].i, outputs = v[6].i;
    float sums[ROWS];
    for (int64_t o = start; o < stop; o += ROWS) {
        const int rows = stop - o < ROWS ? (int)(stop - o) : ROWS;
        for (int64_t n = 0; n < batch; n++) {
            if (rows == ROWS)
                dots(weight + o * inputs, x + n * inputs, inputs, ROWS, sums);
            else
                dots(weight + o * inputs, x + n * inputs, inputs, rows, sums);
            for (int r = 0; r < rows; r++) out[n * outputs + o + r] = to_bf16(sums[r] + (bias ? bias[o + r] : 0));
        }
    }
}
