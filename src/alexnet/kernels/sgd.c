#include "common.h"

/* v = momentum * v - rate * decay * w - rate * g;  w = w + v   (the paper, section 5)
 *
 * weight, velocity, gradient (float or bf16), copy: bf16 of the new weight where it is not NULL; rate, momentum, decay. */
INLINE void update(int64_t start, int64_t stop, const Value *v, int narrow) {
    float *weight = v[0].p, *velocity = v[1].p;
    const float *wide = v[2].p;
    const uint16_t *bits = v[2].p;
    uint16_t *copy = v[3].p;
    const float rate = (float)v[4].r, momentum = (float)v[5].r, decay = (float)v[6].r, shrink = rate * decay;
    INDEPENDENT for (int64_t i = start; i < stop; i++) {
        const float gradient = narrow ? from_bf16(bits[i]) : wide[i];
        const float speed = momentum * velocity[i] - shrink * weight[i] - rate * gradient;
        velocity[i] = speed;
        weight[i] += speed;
        if (copy) copy[i] = to_bf16(weight[i]);
    }
}

EXPORT KERNEL void alexnet_sgd_f32(int64_t start, int64_t stop, int64_t part, const Value *v) {
    update(start, stop, v, 0);
}

EXPORT KERNEL void alexnet_sgd_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    update(start, stop, v, 1);
}
