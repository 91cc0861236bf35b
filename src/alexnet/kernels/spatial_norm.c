#include "common.h"

/* out[y,x,c] = sum of in over the window of side 2 * half + 1 around (y, x), nothing beyond the border. Maps are
 * (height, width, channels); `rows` holds the sums along the rows; out may be in. */
INLINE void window_sum(const float *in, float *rows, float *out, int64_t height, int64_t width,
                              int64_t channels, int64_t half) {
    const int64_t line = width * channels;
    for (int64_t y = 0; y < height; y++) {
        const float *source = in + y * line;
        float *sum = rows + y * line;
        for (int64_t i = 0; i < line; i++) sum[i] = source[i];
        for (int64_t shift = 1; shift <= half && shift < width; shift++) {
            const int64_t step = shift * channels;
            for (int64_t i = step; i < line; i++) sum[i] += source[i - step];
            for (int64_t i = 0; i < line - step; i++) sum[i] += source[i + step];
        }
    }
    for (int64_t y = 0; y < height; y++) {
        const int64_t first = y > half ? y - half : 0, last = y + half < height ? y + half : height - 1;
        float *sum = out + y * line;
        for (int64_t i = 0; i < line; i++) sum[i] = rows[first * line + i];
        for (int64_t other = first + 1; other <= last; other++)
            for (int64_t i = 0; i < line; i++) sum[i] += rows[other * line + i];
    }
}

/* s = k + alpha * (sum of squares over the window), r = s**-beta, and s becomes 1 / s, for one image. */
INLINE void spatial_scale(const float *x, float *s, float *r, float *rows, int64_t height, int64_t width,
                                 int64_t channels, int64_t half, float alpha, float beta, float k) {
    const int64_t count = height * width * channels;
    for (int64_t i = 0; i < count; i++) r[i] = x[i] * x[i];
    window_sum(r, rows, s, height, width, channels, half);
    for (int64_t i = 0; i < count; i++) s[i] = k + alpha * s[i];
    inverse_powers(s, r, count, beta);
}

/* dx of one image; s and r are overwritten. */
INLINE void spatial_backward_image(const float *x, const float *g, float *s, float *r, float *rows, float *dx,
                                          int64_t height, int64_t width, int64_t channels, int64_t half,
                                          float factor) {
    const int64_t count = height * width * channels;
    for (int64_t i = 0; i < count; i++) r[i] *= g[i];
    for (int64_t i = 0; i < count; i++) s[i] = r[i] * x[i] * s[i];
    window_sum(s, rows, s, height, width, channels, half);
    for (int64_t i = 0; i < count; i++) dx[i] = r[i] - factor * x[i] * s[i];
}

/* Response normalization within maps of images (height, width, channels); see ops/spatial_norm.py for the formula.
 * scratch: maps of one image as float, 3 for f32, 4 forward and 5 backward for bf16. */
EXPORT KERNEL void alexnet_spatial_norm_forward_f32(int64_t start, int64_t stop, int64_t part, const Value *v) {
    const float *x = v[0].p;
    float *y = v[1].p;
    const int64_t height = v[2].i, width = v[3].i, channels = v[4].i, half = v[5].i;
    const float alpha = (float)v[6].r, beta = (float)v[7].r, k = (float)v[8].r;
    const int64_t count = height * width * channels;
    float *scratch = (float *)v[9].p + part * 3 * count;
    float *s = scratch, *r = scratch + count, *rows = scratch + 2 * count;
    for (int64_t n = start; n < stop; n++) {
        const float *image = x + n * count;
        spatial_scale(image, s, r, rows, height, width, channels, half, alpha, beta, k);
        for (int64_t i = 0; i < count; i++) y[n * count + i] = image[i] * r[i];
    }
}

EXPORT KERNEL void alexnet_spatial_norm_backward_f32(int64_t start, int64_t stop, int64_t part, const Value *v) {
    const float *x = v[0].p, *g = v[1].p;
    float *dx = v[2].p;
    const int64_t height = v[3].i, width = v[4].i, channels = v[5].i, half = v[6].i;
    const float alpha = (float)v[7].r, beta = (float)v[8].r, k = (float)v[9].r;
    const int64_t count = height * width * channels;
    float *scratch = (float *)v[10].p + part * 3 * count;
    float *s = scratch, *r = scratch + count, *rows = scratch + 2 * count;
    for (int64_t n = start; n < stop; n++) {
        spatial_scale(x + n * count, s, r, rows, height, width, channels, half, alpha, beta, k);
        spatial_backward_image(x + n * count, g + n * count, s, r, rows, dx + n * count, height, width, channels,
                               half, 2.0f * alpha * beta);
    }
}

EXPORT KERNEL void alexnet_spatial_norm_forward_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    const uint16_t *x = v[0].p;
    uint16_t *y = v[1].p;
    const int64_t height = v[2].i, width = v[3].i, channels = v[4].i, half = v[5].i;
    const float alpha = (float)v[6].r, beta = (float)v[7].r, k = (float)v[8].r;
    const int64_t count = height * width * channels;
    float *scratch = (float *)v[9].p + part * 4 * count;
    float *s = scratch, *r = scratch + count, *rows = scratch + 2 * count, *wide = scratch + 3 * count;
    for (int64_t n = start; n < stop; n++) {
        for (int64_t i = 0; i < count; i++) wide[i] = from_bf16(x[n * count + i]);
        spatial_scale(wide, s, r, rows, height, width, channels, half, alpha, beta, k);
        for (int64_t i = 0; i < count; i++) y[n * count + i] = to_bf16(wide[i] * r[i]);
    }
}

EXPORT KERNEL void alexnet_spatial_norm_backward_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    const uint16_t *x = v[0].p, *g = v[1].p;
    uint16_t *dx = v[2].p;
    const int64_t height = v[3].i, width = v[4].i, channels = v[5].i, half = v[6].i;
    const float alpha = (float)v[7].r, beta = (float)v[8].r, k = (float)v[9].r;
    const int64_t count = height * width * channels;
    float *scratch = (float *)v[10].p + part * 5 * count;
    float *s = scratch, *r = scratch + count, *rows = scratch + 2 * count;
    float *wide = scratch + 3 * count, *grad = scratch + 4 * count;
    for (int64_t n = start; n < stop; n++) {
        for (int64_t i = 0; i < count; i++) wide[i] = from_bf16(x[n * count + i]);
        for (int64_t i = 0; i < count; i++) grad[i] = from_bf16(g[n * count + i]);
        spatial_scale(wide, s, r, rows, height, width, channels, half, alpha, beta, k);
        spatial_backward_image(wide, grad, s, r, rows, grad, height, width, channels, half, 2.0f * alpha * beta);
        for (int64_t i = 0; i < count; i++) dx[n * count + i] = to_bf16(grad[i]);
    }
}
