#include "common.h"

enum { MAX_CHANNELS = 4096, MAX_HALF = 64 };

/* s = k + alpha * (sum of squares over the window), r = s**-beta, for one tower at one position. */
static inline void lrn_scale(const float *x, float *s, float *r, float *square, int64_t count, int64_t half,
                             float alpha, float beta, float k) {
    for (int64_t i = 0; i < count; i++) square[half + i] = x[i] * x[i];
    for (int64_t i = 0; i < count; i++) s[i] = square[i];
    for (int64_t j = 1; j <= 2 * half; j++)
        for (int64_t i = 0; i < count; i++) s[i] += square[i + j];
    for (int64_t i = 0; i < count; i++) s[i] = k + alpha * s[i];
    inverse_power(s, r, count, beta);
}

static inline void lrn_backward_row(const float *x, const float *g, const float *s, const float *r, float *padded,
                                    float *sum, float *dx, int64_t count, int64_t half, float factor) {
    for (int64_t i = 0; i < count; i++) padded[half + i] = g[i] * x[i] * r[i] / s[i];
    for (int64_t i = 0; i < count; i++) sum[i] = padded[i];
    for (int64_t j = 1; j <= 2 * half; j++)
        for (int64_t i = 0; i < count; i++) sum[i] += padded[i + j];
    for (int64_t i = 0; i < count; i++) dx[i] = g[i] * r[i] - factor * x[i] * sum[i];
}

/* Local response normalization of rows (positions, channels), towers separate; see ops/lrn.py for the formula. */
EXPORT KERNEL void alexnet_lrn_forward_f32(int64_t start, int64_t stop, int64_t part, const Value *v) {
    const float *x = v[0].p;
    float *y = v[1].p;
    const int64_t channels = v[2].i, groups = v[3].i, half = v[4].i;
    const float alpha = (float)v[5].r, beta = (float)v[6].r, k = (float)v[7].r;
    float s[MAX_CHANNELS], r[MAX_CHANNELS], square[MAX_CHANNELS + 2 * MAX_HALF] = {0};
    const int64_t count = channels / groups;
    memset(square, 0, sizeof(float) * (size_t)(count + 2 * half));
    for (int64_t p = start * groups; p < stop * groups; p++) {
        lrn_scale(x + p * count, s, r, square, count, half, alpha, beta, k);
        for (int64_t i = 0; i < count; i++) y[p * count + i] = x[p * count + i] * r[i];
    }
}

EXPORT KERNEL void alexnet_lrn_backward_f32(int64_t start, int64_t stop, int64_t part, const Value *v) {
    const float *x = v[0].p, *g = v[1].p;
    float *dx = v[2].p;
    const int64_t channels = v[3].i, groups = v[4].i, half = v[5].i;
    const float alpha = (float)v[6].r, beta = (float)v[7].r, k = (float)v[8].r;
    float s[MAX_CHANNELS], r[MAX_CHANNELS], sum[MAX_CHANNELS];
    float square[MAX_CHANNELS + 2 * MAX_HALF], padded[MAX_CHANNELS + 2 * MAX_HALF];
    const int64_t count = channels / groups;
    memset(square, 0, sizeof(float) * (size_t)(count + 2 * half));
    memset(padded, 0, sizeof(float) * (size_t)(count + 2 * half));
    for (int64_t p = start * groups; p < stop * groups; p++) {
        lrn_scale(x + p * count, s, r, square, count, half, alpha, beta, k);
        lrn_backward_row(x + p * count, g + p * count, s, r, padded, sum, dx + p * count, count, half,
                         2.0f * alpha * beta);
    }
}

EXPORT KERNEL void alexnet_lrn_forward_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    const uint16_t *x = v[0].p;
    uint16_t *y = v[1].p;
    const int64_t channels = v[2].i, groups = v[3].i, half = v[4].i;
    const float alpha = (float)v[5].r, beta = (float)v[6].r, k = (float)v[7].r;
    float s[MAX_CHANNELS], r[MAX_CHANNELS], wide[MAX_CHANNELS], square[MAX_CHANNELS + 2 * MAX_HALF];
    const int64_t count = channels / groups;
    memset(square, 0, sizeof(float) * (size_t)(count + 2 * half));
    for (int64_t p = start * groups; p < stop * groups; p++) {
        for (int64_t i = 0; i < count; i++) wide[i] = from_bf16(x[p * count + i]);
        lrn_scale(wide, s, r, square, count, half, alpha, beta, k);
        for (int64_t i = 0; i < count; i++) y[p * count + i] = to_bf16(wide[i] * r[i]);
    }
}

EXPORT KERNEL void alexnet_lrn_backward_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    const uint16_t *x = v[0].p, *g = v[1].p;
    uint16_t *dx = v[2].p;
    const int64_t channels = v[3].i, groups = v[4].i, half = v[5].i;
    const float alpha = (float)v[6].r, beta = (float)v[7].r, k = (float)v[8].r;
    float s[MAX_CHANNELS], r[MAX_CHANNELS], sum[MAX_CHANNELS], wide[MAX_CHANNELS], grad[MAX_CHANNELS];
    float out[MAX_CHANNELS], square[MAX_CHANNELS + 2 * MAX_HALF], padded[MAX_CHANNELS + 2 * MAX_HALF];
    const int64_t count = channels / groups;
    memset(square, 0, sizeof(float) * (size_t)(count + 2 * half));
    memset(padded, 0, sizeof(float) * (size_t)(count + 2 * half));
    for (int64_t p = start * groups; p < stop * groups; p++) {
        for (int64_t i = 0; i < count; i++) wide[i] = from_bf16(x[p * count + i]);
        for (int64_t i = 0; i < count; i++) grad[i] = from_bf16(g[p * count + i]);
        lrn_scale(wide, s, r, square, count, half, alpha, beta, k);
        lrn_backward_row(wide, grad, s, r, padded, sum, out, count, half, 2.0f * alpha * beta);
        for (int64_t i = 0; i < count; i++) dx[p * count + i] = to_bf16(out[i]);
    }
}
