#include "common.h"

/* v = momentum * v - rate * decay * w - rate * g;  w = w + v   (the paper, section 5) */
EXPORT KERNEL void alexnet_sgd(int64_t start, int64_t stop, int64_t part, const Value *v) {
    float *weight = v[0].p, *velocity = v[1].p;
    const float *gradient = v[2].p;
    const float rate = (float)v[3].r, momentum = (float)v[4].r, decay = (float)v[5].r;
    const float shrink = rate * decay;
    for (int64_t i = start; i < stop; i++) {
        velocity[i] = momentum * velocity[i] - shrink * weight[i] - rate * gradient[i];
        weight[i] += velocity[i];
    }
}
