/* Local response normalization of one row of maps behind a ReLU, and its derivative. */
#ifndef ALEXNET_NORMALIZE_H
#define ALEXNET_NORMALIZE_H

#include "stage.h"

/* Some of a row's towers one after the other, `count` channels each with `half` zeros on both sides, so that a window is a
 * range. They are filled before any is read: a load across what two stores have just written waits for the cache. */
typedef struct {
    int64_t count, half, pitch, most;
    float values[MAX_CHANNELS + 2 * MAX_HALF * MAX_TOWERS];
} Towers;

INLINE void make_towers(Towers *towers, const Stage *t) {
    towers->count = t->channels / t->groups, towers->half = t->half < 0 ? 0 : t->half;
    towers->pitch = towers->count + 2 * towers->half;
    towers->most = least(towers->count < BLOCK ? BLOCK / towers->count : 1, MAX_TOWERS);
    memset(towers->values, 0, sizeof(float) * (size_t)(towers->most * towers->pitch));
}

/* The channels of a tower; a window around channel i begins at i - half. */
INLINE float *tower(Towers *towers, int64_t number) { return towers->values + number * towers->pitch + towers->half; }

/* sum[i] = x[i - half] + ... + x[i + half], of squares or of the values themselves. */
INLINE void window_sum(const float *x, float *sum, int64_t count, int64_t half, int squares) {
    if (half == 2)
        INDEPENDENT for (int64_t i = 0; i < count; i++) {
            const float a = x[i - 2], b = x[i - 1], c = x[i], d = x[i + 1], e = x[i + 2];
            sum[i] = squares ? a * a + b * b + c * c + d * d + e * e : a + b + c + d + e;
        }
    else
        for (int64_t j = -half; j <= half; j++)
            INDEPENDENT for (int64_t i = 0; i < count; i++) {
                const float value = squares ? x[i + j] * x[i + j] : x[i + j];
                sum[i] = j > -half ? sum[i] + value : value;
            }
}

/* r = s**-beta and q = 1 / s with s = k + alpha * (sum of squares over the window). */
INLINE void powers(const Stage *t, const float *x, float *r, float *q, int64_t count) {
    window_sum(x, q, count, t->half, 1);
    INDEPENDENT for (int64_t i = 0; i < count; i++) q[i] = t->k + t->alpha * q[i];
    inverse_powers(q, r, count, t->beta);
}

/* One row after ReLU and normalization. */
INLINE void rectify_and_normalize(const Stage *t, Towers *towers, const void *x, int64_t first, float *y, int narrow) {
    const int64_t count = towers->count, all = t->width * t->groups;
    if (t->half < 0) {
        load(x, first, y, t->width * t->channels, narrow, (int)t->relu);
        return;
    }
    float r[MAX_CHANNELS], q[MAX_CHANNELS];
    for (int64_t at = 0; at < all; at += towers->most) {
        const int64_t some = least(towers->most, all - at);
        for (int64_t n = 0; n < some; n++)
            load(x, first + (at + n) * count, tower(towers, n), count, narrow, (int)t->relu);
        for (int64_t n = 0; n < some; n++) {
            const float *own = tower(towers, n);
            float *out = y + (at + n) * count;
            powers(t, own, r, q, count);
            INDEPENDENT for (int64_t i = 0; i < count; i++) out[i] = own[i] * r[i];
        }
    }
}

/* dx of some towers from the gradient of what rectify_and_normalize made of them. */
INLINE void normalize_backward(const Stage *t, Towers *x, Towers *products, float *grad, int64_t some, float *out) {
    const int64_t count = x->count;
    const float factor = 2.0f * t->alpha * t->beta;
    float r[MAX_CHANNELS], q[MAX_CHANNELS];
    for (int64_t n = 0; n < some; n++) {
        const float *own = tower(x, n);
        float *g = grad + n * count, *product = tower(products, n);
        powers(t, own, r, q, count);
        INDEPENDENT for (int64_t i = 0; i < count; i++) {
            const float scaled = g[i] * r[i];
            g[i] = scaled;
            product[i] = scaled * own[i] * q[i];
        }
    }
    for (int64_t n = 0; n < some; n++) {
        const float *own = tower(x, n), *g = grad + n * count;
        float *to = out + n * count;
        window_sum(tower(products, n), r, count, t->half, 0);
        INDEPENDENT for (int64_t i = 0; i < count; i++) {
            const float value = g[i] - factor * own[i] * r[i];
            to[i] = t->relu && !(own[i] > 0) ? 0 : value;
        }
    }
}

#endif
