#if defined(__clang__)
#pragma clang fp contract(fast)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=fast")
#endif
#include "common.h"

enum { LANES = 64 };

/* The sum over i of weight[i] * x[i], in LANES partial sums that are added in a fixed order. */
INLINE float dot(const uint16_t *weight, const float *x, int64_t count) {
    float lane[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] += from_bf16(weight[i + j]) * x[i + j];
    for (int j = 0; i < count; i++, j++) lane[j] += from_bf16(weight[i]) * x[i];
    for (int width = LANES / 2; width; width /= 2)
        for (int j = 0; j < width; j++) lane[j] += lane[j + width];
    return lane[0];
}

/* out[n, o] = sum over i of weight[o, i] * x[n, i] + bias[o] for the outputs [start, stop): few n, each weight read once.
 *
 * weight: bf16 (outputs, inputs); x: float (batch, inputs); bias: float or NULL; out: bf16 (batch, outputs). */
EXPORT KERNEL void alexnet_matvec_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    const uint16_t *weight = v[0].p;
    const float *x = v[1].p, *bias = v[2].p;
    uint16_t *out = v[3].p;
    const int64_t batch = v[4].i, inputs = v[5].i, outputs = v[6].i;
    for (int64_t o = start; o < stop; o++)
        for (int64_t n = 0; n < batch; n++)
            out[n * outputs + o] = to_bf16(dot(weight + o * inputs, x + n * inputs, inputs) + (bias ? bias[o] : 0));
}
