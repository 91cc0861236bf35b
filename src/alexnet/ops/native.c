/* The compiled kernels: plain C over plain pointers, built once, independent of the torch version.
 *
 * Every function works on the range [start, stop) of its outermost axis, so that the caller can share the
 * work among threads; no result depends on how the range is cut. Floating-point contraction is off: the
 * view kernel gives the same bits as its reference in torch (views/train_view.py).
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__linux__)
#define KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KERNEL
#endif

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

enum { MAX_CHANNELS = 4096, MAX_HALF = 64, MAX_ROW = 16384 };

/* out[n,y,x,c] = ((gain[n] * image[n,y+top,x'+left,c] + shift[n,c]) - mean[y,x,c]) * scale[n], x' mirrored if asked.
 * images: uint8 (N, H, W, C); mean: (h, w, C); out: (N, h, w, C); w * C <= MAX_ROW. */
EXPORT KERNEL void alexnet_train_view(int64_t start, int64_t stop, const uint8_t *images, int64_t height, int64_t width,
                                      int64_t channels, const int32_t *top, const int32_t *left,
                                      const uint8_t *mirror, const float *gain, const float *shift,
                                      const float *scale, const float *mean, int64_t out_height, int64_t out_width,
                                      float *out) {
    const int64_t row = out_width * channels;
    uint8_t reversed[MAX_ROW];
    float offset[MAX_ROW];
    for (int64_t n = start; n < stop; n++) {
        for (int64_t i = 0; i < row; i++) offset[i] = shift[n * channels + i % channels];
        const float g = gain[n], s = scale[n];
        for (int64_t y = 0; y < out_height; y++) {
            const uint8_t *source = images + ((n * height + y + top[n]) * width + left[n]) * channels;
            if (mirror[n]) {
                if (channels == 3) {
                    for (int64_t x = 0; x < out_width; x++)
                        for (int64_t c = 0; c < 3; c++) reversed[x * 3 + c] = source[(out_width - 1 - x) * 3 + c];
                } else {
                    for (int64_t x = 0; x < out_width; x++)
                        for (int64_t c = 0; c < channels; c++)
                            reversed[x * channels + c] = source[(out_width - 1 - x) * channels + c];
                }
                source = reversed;
            }
            const float *m = mean + y * row;
            float *o = out + (n * out_height + y) * row;
            for (int64_t i = 0; i < row; i++) o[i] = ((g * (float)source[i] + offset[i]) - m[i]) * s;
        }
    }
}

static inline float from_bf16(uint16_t bits) {
    uint32_t word = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &word, 4);
    return value;
}

static inline uint16_t to_bf16(float value) {
    uint32_t word;
    memcpy(&word, &value, 4);
    uint32_t rounded = (word + 0x7FFF + ((word >> 16) & 1)) >> 16;
    return (word & 0x7FFFFFFF) > 0x7F800000 ? 0x7FC0 : (uint16_t)rounded;
}

/* r = s**-beta; 0.75, the exponent of every published network, by two square roots. */
static inline void inverse_power(const float *s, float *r, int64_t count, float beta) {
    if (beta == 0.75f)
        for (int64_t i = 0; i < count; i++) {
            float root = sqrtf(s[i]);
            r[i] = 1.0f / (root * sqrtf(root));
        }
    else
        for (int64_t i = 0; i < count; i++) r[i] = powf(s[i], -beta);
}

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
EXPORT KERNEL void alexnet_lrn_forward_f32(int64_t start, int64_t stop, const float *x, float *y, int64_t channels,
                                           int64_t groups, int64_t half, float alpha, float beta, float k) {
    float s[MAX_CHANNELS], r[MAX_CHANNELS], square[MAX_CHANNELS + 2 * MAX_HALF] = {0};
    const int64_t count = channels / groups;
    memset(square, 0, sizeof(float) * (size_t)(count + 2 * half));
    for (int64_t p = start * groups; p < stop * groups; p++) {
        lrn_scale(x + p * count, s, r, square, count, half, alpha, beta, k);
        for (int64_t i = 0; i < count; i++) y[p * count + i] = x[p * count + i] * r[i];
    }
}

EXPORT KERNEL void alexnet_lrn_backward_f32(int64_t start, int64_t stop, const float *x, const float *g, float *dx,
                                            int64_t channels, int64_t groups, int64_t half, float alpha, float beta,
                                            float k) {
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

EXPORT KERNEL void alexnet_lrn_forward_bf16(int64_t start, int64_t stop, const uint16_t *x, uint16_t *y,
                                            int64_t channels, int64_t groups, int64_t half, float alpha, float beta,
                                            float k) {
    float s[MAX_CHANNELS], r[MAX_CHANNELS], wide[MAX_CHANNELS], square[MAX_CHANNELS + 2 * MAX_HALF];
    const int64_t count = channels / groups;
    memset(square, 0, sizeof(float) * (size_t)(count + 2 * half));
    for (int64_t p = start * groups; p < stop * groups; p++) {
        for (int64_t i = 0; i < count; i++) wide[i] = from_bf16(x[p * count + i]);
        lrn_scale(wide, s, r, square, count, half, alpha, beta, k);
        for (int64_t i = 0; i < count; i++) y[p * count + i] = to_bf16(wide[i] * r[i]);
    }
}

EXPORT KERNEL void alexnet_lrn_backward_bf16(int64_t start, int64_t stop, const uint16_t *x, const uint16_t *g,
                                             uint16_t *dx, int64_t channels, int64_t groups, int64_t half, float alpha,
                                             float beta, float k) {
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

/* out[y,x,c] = sum of in over the window of side 2 * half + 1 around (y, x), nothing beyond the border. Maps are
 * (height, width, channels); `rows` holds the sums along the rows; out may be in. */
static inline void window_sum(const float *in, float *rows, float *out, int64_t height, int64_t width,
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

/* s = k + alpha * (sum of squares over the window), r = s**-beta, for one image. */
static inline void spatial_scale(const float *x, float *s, float *r, float *rows, int64_t height, int64_t width,
                                 int64_t channels, int64_t half, float alpha, float beta, float k) {
    const int64_t count = height * width * channels;
    for (int64_t i = 0; i < count; i++) r[i] = x[i] * x[i];
    window_sum(r, rows, s, height, width, channels, half);
    for (int64_t i = 0; i < count; i++) s[i] = k + alpha * s[i];
    inverse_power(s, r, count, beta);
}

/* dx of one image; s and r are overwritten. */
static inline void spatial_backward_image(const float *x, const float *g, float *s, float *r, float *rows, float *dx,
                                          int64_t height, int64_t width, int64_t channels, int64_t half,
                                          float factor) {
    const int64_t count = height * width * channels;
    for (int64_t i = 0; i < count; i++) r[i] *= g[i];
    for (int64_t i = 0; i < count; i++) s[i] = r[i] * x[i] / s[i];
    window_sum(s, rows, s, height, width, channels, half);
    for (int64_t i = 0; i < count; i++) dx[i] = r[i] - factor * x[i] * s[i];
}

/* Response normalization within maps of images (height, width, channels); see ops/spatial_norm.py for the formula.
 * scratch: maps of one image as float, 3 for f32, 4 forward and 5 backward for bf16. */
EXPORT KERNEL void alexnet_spatial_norm_forward_f32(int64_t start, int64_t stop, const float *x, float *y,
                                                    int64_t height, int64_t width, int64_t channels, int64_t half,
                                                    float alpha, float beta, float k, float *scratch) {
    const int64_t count = height * width * channels;
    float *s = scratch, *r = scratch + count, *rows = scratch + 2 * count;
    for (int64_t n = start; n < stop; n++) {
        const float *image = x + n * count;
        spatial_scale(image, s, r, rows, height, width, channels, half, alpha, beta, k);
        for (int64_t i = 0; i < count; i++) y[n * count + i] = image[i] * r[i];
    }
}

EXPORT KERNEL void alexnet_spatial_norm_backward_f32(int64_t start, int64_t stop, const float *x, const float *g,
                                                     float *dx, int64_t height, int64_t width, int64_t channels,
                                                     int64_t half, float alpha, float beta, float k,
                                                     float *scratch) {
    const int64_t count = height * width * channels;
    float *s = scratch, *r = scratch + count, *rows = scratch + 2 * count;
    for (int64_t n = start; n < stop; n++) {
        spatial_scale(x + n * count, s, r, rows, height, width, channels, half, alpha, beta, k);
        spatial_backward_image(x + n * count, g + n * count, s, r, rows, dx + n * count, height, width, channels,
                               half, 2.0f * alpha * beta);
    }
}

EXPORT KERNEL void alexnet_spatial_norm_forward_bf16(int64_t start, int64_t stop, const uint16_t *x, uint16_t *y,
                                                     int64_t height, int64_t width, int64_t channels, int64_t half,
                                                     float alpha, float beta, float k, float *scratch) {
    const int64_t count = height * width * channels;
    float *s = scratch, *r = scratch + count, *rows = scratch + 2 * count, *wide = scratch + 3 * count;
    for (int64_t n = start; n < stop; n++) {
        for (int64_t i = 0; i < count; i++) wide[i] = from_bf16(x[n * count + i]);
        spatial_scale(wide, s, r, rows, height, width, channels, half, alpha, beta, k);
        for (int64_t i = 0; i < count; i++) y[n * count + i] = to_bf16(wide[i] * r[i]);
    }
}

EXPORT KERNEL void alexnet_spatial_norm_backward_bf16(int64_t start, int64_t stop, const uint16_t *x,
                                                      const uint16_t *g, uint16_t *dx, int64_t height, int64_t width,
                                                      int64_t channels, int64_t half, float alpha, float beta,
                                                      float k, float *scratch) {
    const int64_t count = height * width * channels;
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

/* v = momentum * v - rate * decay * w - rate * g;  w = w + v   (the paper, section 5) */
EXPORT KERNEL void alexnet_sgd(int64_t start, int64_t stop, float *weight, float *velocity, const float *gradient,
                               float rate, float momentum, float decay) {
    const float shrink = rate * decay;
    for (int64_t i = start; i < stop; i++) {
        float v = momentum * velocity[i] - shrink * weight[i] - rate * gradient[i];
        velocity[i] = v;
        weight[i] += v;
    }
}

/* The module holds no Python functions: ops/native.py calls the symbols above through ctypes. */
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", "Compiled kernels.", 0, NULL};

PyMODINIT_FUNC PyInit__native(void) { return PyModule_Create(&definition); }
