#if defined(__clang__)
#pragma clang fp contract(fast)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=fast")
#endif
#include "common.h"

/* What follows a convolution, in one pass over its output: ReLU, local response normalization, pooling.
 *
 * Forward reads each row of a map once and keeps `size` normalized rows. Backward recomputes them from the
 * convolution's output, which is all that is stored. Maps are (rows, columns, channels). */

enum { MAX_CHANNELS = 4096, MAX_HALF = 64, MAX_WINDOW = 16 };

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

/* sum[i] = padded[i] + ... + padded[i + 2 * half] */
INLINE void window_sum(const float *padded, float *sum, int64_t count, int64_t half) {
    INDEPENDENT for (int64_t i = 0; i < count; i++) sum[i] = padded[i];
    for (int64_t j = 1; j <= 2 * half; j++)
        INDEPENDENT for (int64_t i = 0; i < count; i++) sum[i] += padded[i + j];
}

/* One tower at one position: y = x * r with r = s**-beta, s = k + alpha * (sum of squares over the window), and q = 1 / s.
 * padded: x after ReLU with `half` zeros on both sides. r and q are written where they are kept for the backward pass. */
INLINE void normalize(const Stage *t, const float *padded, float *y, float *r, float *q, int64_t count, int keep) {
    const float *x = padded + t->half;
    if (t->half == 2 && t->beta == 0.75f) {
        INDEPENDENT for (int64_t i = 0; i < count; i++) {
            const float *p = padded + i;
            const float energy = p[0] * p[0] + p[1] * p[1] + p[2] * p[2] + p[3] * p[3] + p[4] * p[4];
            const float root = inverse_fourth_root(t->k + t->alpha * energy), square = root * root;
            y[i] = x[i] * (root * square);
            if (keep) r[i] = root * square;
            if (keep) q[i] = square * square;
        }
        return;
    }
    float square[MAX_CHANNELS + 2 * MAX_HALF];
    for (int64_t i = 0; i < count + 2 * t->half; i++) square[i] = padded[i] * padded[i];
    window_sum(square, q, count, t->half);
    INDEPENDENT for (int64_t i = 0; i < count; i++) q[i] = t->k + t->alpha * q[i];
    inverse_powers(q, r, count, t->beta);
    INDEPENDENT for (int64_t i = 0; i < count; i++) y[i] = x[i] * r[i];
}

/* One row after ReLU and normalization; r and q as in `normalize`. */
INLINE void rectify_and_normalize(const Stage *t, const void *x, int64_t first, float *y, float *r, float *q,
                                  int narrow, int keep) {
    const int64_t line = t->width * t->channels, count = t->channels / t->groups;
    if (t->half < 0) {
        load(x, first, y, line, narrow, (int)t->relu);
        return;
    }
    float padded[MAX_CHANNELS + 2 * MAX_HALF] = {0};
    memset(padded + t->half + count, 0, sizeof(float) * (size_t)t->half);
    for (int64_t at = 0; at < line; at += count) {
        load(x, first + at, padded + t->half, count, narrow, (int)t->relu);
        normalize(t, padded, y + at, r + at, q + at, count, keep);
    }
}

/* Row y of an image lies at slot y % size of a ring: the rows of one window are there at once. */
INLINE float *slot(float *ring, const Stage *t, int64_t y) { return ring + (y % t->size) * t->width * t->channels; }

/* The addresses of a window's positions in a ring, row by row; returns their number. */
INLINE int64_t window(const Stage *t, float *ring, int64_t top, int64_t left, float **places) {
    const int64_t bottom = least(top + t->size, t->height), right = least(left + t->size, t->width);
    int64_t number = 0;
    for (int64_t y = top; y < bottom; y++)
        for (int64_t x = left; x < right; x++) places[number++] = slot(ring, t, y) + x * t->channels;
    return number;
}

INLINE float greater(float best, float other) { return (other > best) | (other != other) ? other : best; }

INLINE void pool_forward(const Stage *t, float **p, int64_t number, float *out) {
    if (number == 9 && !t->average) {
        const float *p0 = p[0], *p1 = p[1], *p2 = p[2], *p3 = p[3], *p4 = p[4], *p5 = p[5], *p6 = p[6], *p7 = p[7];
        const float *p8 = p[8];
        INDEPENDENT for (int64_t c = 0; c < t->channels; c++) {
            const float best = greater(greater(greater(greater(p0[c], p1[c]), p2[c]), p3[c]), p4[c]);
            out[c] = greater(greater(greater(greater(best, p5[c]), p6[c]), p7[c]), p8[c]);
        }
        return;
    }
    INDEPENDENT for (int64_t c = 0; c < t->channels; c++) out[c] = p[0][c];
    for (int64_t n = 1; n < number; n++) {
        const float *other = p[n];
        if (t->average)
            INDEPENDENT for (int64_t c = 0; c < t->channels; c++) out[c] += other[c];
        else
            INDEPENDENT for (int64_t c = 0; c < t->channels; c++) out[c] = greater(out[c], other[c]);
    }
    if (t->average)
        INDEPENDENT for (int64_t c = 0; c < t->channels; c++) out[c] /= (float)number;
}

/* One step of finding the first maximum and its place. */
INLINE void choose(float *best, int32_t *place, float other, int32_t number) {
    const int taken = (other > *best) | (other != other);
    *best = taken ? other : *best;
    *place = taken ? number : *place;
}

/* Spread the gradient of one pooled position over its window; of equal maxima the first takes it, as in torch. */
INLINE void pool_backward(const Stage *t, float **p, float **target, int64_t number, const float *grad) {
    if (t->average) {
        for (int64_t n = 0; n < number; n++) {
            float *own = target[n];
            INDEPENDENT for (int64_t c = 0; c < t->channels; c++) own[c] += grad[c] / (float)number;
        }
        return;
    }
    float best[MAX_CHANNELS];
    int32_t place[MAX_CHANNELS];
    if (number == 9) {
        const float *p0 = p[0], *p1 = p[1], *p2 = p[2], *p3 = p[3], *p4 = p[4], *p5 = p[5], *p6 = p[6], *p7 = p[7];
        const float *p8 = p[8];
        INDEPENDENT for (int64_t c = 0; c < t->channels; c++) {
            float value = p0[c];
            int32_t at = 0;
            choose(&value, &at, p1[c], 1), choose(&value, &at, p2[c], 2), choose(&value, &at, p3[c], 3);
            choose(&value, &at, p4[c], 4), choose(&value, &at, p5[c], 5), choose(&value, &at, p6[c], 6);
            choose(&value, &at, p7[c], 7), choose(&value, &at, p8[c], 8);
            place[c] = at;
        }
    } else {
        for (int64_t c = 0; c < t->channels; c++) best[c] = p[0][c], place[c] = 0;
        for (int32_t n = 1; n < number; n++) {
            const float *other = p[n];
            INDEPENDENT for (int64_t c = 0; c < t->channels; c++) choose(&best[c], &place[c], other[c], n);
        }
    }
    for (int32_t n = 0; n < number; n++) {
        float *own = target[n];
        INDEPENDENT for (int64_t c = 0; c < t->channels; c++) own[c] += place[c] == n ? grad[c] : 0;
    }
}

/* dx of one row from the gradient of what rectify_and_normalize made of it, which is overwritten. */
INLINE void row_backward(const Stage *t, const void *x, int64_t first, float *grad, const float *r, const float *q,
                         void *dx, int narrow) {
    float a[MAX_CHANNELS], sum[MAX_CHANNELS], padded[MAX_CHANNELS + 2 * MAX_HALF] = {0};
    const int64_t line = t->width * t->channels, count = t->channels / t->groups, half = t->half;
    const float factor = 2.0f * t->alpha * t->beta;
    if (half >= 0) memset(padded + half + count, 0, sizeof(float) * (size_t)half);
    for (int64_t at = 0; at < line; at += count) {
        float *g = grad + at;
        load(x, first + at, a, count, narrow, 0);
        if (half >= 0) {
            const float *power = r + at, *inverse = q + at;
            INDEPENDENT for (int64_t i = 0; i < count; i++) {
                const float rectified = t->relu && a[i] < 0 ? 0 : a[i];
                g[i] *= power[i];
                padded[half + i] = g[i] * rectified * inverse[i];
            }
            if (half == 2)
                INDEPENDENT for (int64_t i = 0; i < count; i++)
                    sum[i] = padded[i] + padded[i + 1] + padded[i + 2] + padded[i + 3] + padded[i + 4];
            else
                window_sum(padded, sum, count, half);
            INDEPENDENT for (int64_t i = 0; i < count; i++) g[i] -= factor * a[i] * sum[i];
        }
        if (t->relu)
            INDEPENDENT for (int64_t i = 0; i < count; i++) g[i] = a[i] > 0 ? g[i] : 0;
        store(dx, first + at, g, count, narrow);
    }
}

/* Rows [start, stop) of the pooled maps of all images. x, y, the stage, scratch (2 + size rows). */
INLINE void forward(int64_t start, int64_t stop, int64_t part, const Value *v, int narrow) {
    const Stage stage = read_stage(v + 2), *t = &stage;
    const int64_t line = t->width * t->channels;
    float *r = (float *)v[16].p + part * (2 + t->size) * line, *q = r + line, *ring = q + line;
    float out[MAX_CHANNELS];
    int64_t image = -1, ready = 0;
    for (int64_t index = start; index < stop; index++) {
        const int64_t top = index % t->out_height * t->stride;
        if (image != index / t->out_height) image = index / t->out_height, ready = 0;
        if (ready < top) ready = top;
        for (; ready < least(top + t->size, t->height); ready++)
            rectify_and_normalize(t, v[0].p, (image * t->height + ready) * line, slot(ring, t, ready), r, q, narrow, 0);
        for (int64_t x = 0; x < t->out_width; x++) {
            float *places[MAX_WINDOW * MAX_WINDOW] = {ring};
            const int64_t number = window(t, ring, top, x * t->stride, places);
            pool_forward(t, places, number, out);
            store(v[1].p, (index * t->out_width + x) * t->channels, out, t->channels, narrow);
        }
    }
}

/* Images [start, stop). x, gradient of y, dx, the stage, scratch (4 * size rows). A row is finished when its slot
 * is needed for the next: no window reaches it any more. */
INLINE void backward(int64_t start, int64_t stop, int64_t part, const Value *v, int narrow) {
    const Stage stage = read_stage(v + 3), *t = &stage;
    const int64_t line = t->width * t->channels, rows = t->size * line;
    float *ring = (float *)v[17].p + part * 4 * rows, *grads = ring + rows, *r = grads + rows, *q = r + rows;
    float grad[MAX_CHANNELS];
    for (int64_t image = start; image < stop; image++) {
        const int64_t first = image * t->height;
        int64_t ready = 0, done = 0;
        for (int64_t y = 0; y <= t->out_height; y++) {
            const int64_t top = y * t->stride;
            const int64_t bottom = y < t->out_height ? least(top + t->size, t->height) : t->height;
            for (; ready < bottom; ready++) {
                if (done <= ready - t->size) {
                    row_backward(t, v[0].p, (first + done) * line, slot(grads, t, done), slot(r, t, done),
                                 slot(q, t, done), v[2].p, narrow);
                    done++;
                }
                rectify_and_normalize(t, v[0].p, (first + ready) * line, slot(ring, t, ready), slot(r, t, ready),
                                      slot(q, t, ready), narrow, 1);
                memset(slot(grads, t, ready), 0, sizeof(float) * (size_t)line);
            }
            for (int64_t x = 0; y < t->out_height && x < t->out_width; x++) {
                float *places[MAX_WINDOW * MAX_WINDOW], *targets[MAX_WINDOW * MAX_WINDOW];
                const int64_t number = window(t, ring, top, x * t->stride, places);
                window(t, grads, top, x * t->stride, targets);
                load(v[1].p, ((image * t->out_height + y) * t->out_width + x) * t->channels, grad, t->channels, narrow,
                     0);
                pool_backward(t, places, targets, number, grad);
            }
        }
        for (; done < ready; done++)
            row_backward(t, v[0].p, (first + done) * line, slot(grads, t, done), slot(r, t, done), slot(q, t, done),
                         v[2].p, narrow);
    }
}

EXPORT KERNEL void alexnet_stage_forward_f32(int64_t start, int64_t stop, int64_t part, const Value *v) {
    forward(start, stop, part, v, 0);
}

EXPORT KERNEL void alexnet_stage_forward_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    forward(start, stop, part, v, 1);
}

EXPORT KERNEL void alexnet_stage_backward_f32(int64_t start, int64_t stop, int64_t part, const Value *v) {
    backward(start, stop, part, v, 0);
}

EXPORT KERNEL void alexnet_stage_backward_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    backward(start, stop, part, v, 1);
}
