#if defined(__clang__)
#pragma clang fp contract(fast)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=fast")
#endif
#include "common.h"


/* What follows a convolution, in one pass over its output: ReLU, local response normalization, pooling.
 *
 * Forward reads each row of a map once, keeps `size` normalized rows, and where there is a backward pass notes the place of
 * each maximum in its window. Backward needs those, the convolution's output and the gradient, and writes each row once.
 * Maps are (rows, columns, channels). */

enum { MAX_CHANNELS = 4096, MAX_HALF = 64, MAX_WINDOW = 16, BLOCK = 384, MAX_TOWERS = 16 };

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

/* Row y of an image lies at slot y % size of a ring: the rows of one window are there at once. */
INLINE float *slot(float *ring, const Stage *t, int64_t y) { return ring + (y % t->size) * t->width * t->channels; }

/* The addresses of a window's positions in a ring, row by row; returns their number. */
INLINE int64_t window(const Stage *t, float *ring, int64_t top, int64_t left, const float **places) {
    const int64_t bottom = least(top + t->size, t->height), right = least(left + t->size, t->width);
    int64_t number = 0;
    for (int64_t y = top; y < bottom; y++)
        for (int64_t x = left; x < right; x++) places[number++] = slot(ring, t, y) + x * t->channels;
    return number;
}

INLINE float greater(float best, float other) { return (other > best) | (other != other) ? other : best; }

/* One step of finding the first maximum and its place. */
INLINE void choose(float *best, int32_t *place, float other, int32_t number) {
    const int taken = (other > *best) | (other != other);
    *best = taken ? other : *best;
    *place = taken ? number : *place;
}

INLINE void maximum(const float **p, int64_t number, float *out, int64_t channels) {
    if (number == 9) {
        const float *p0 = p[0], *p1 = p[1], *p2 = p[2], *p3 = p[3], *p4 = p[4], *p5 = p[5], *p6 = p[6], *p7 = p[7];
        const float *p8 = p[8];
        INDEPENDENT for (int64_t c = 0; c < channels; c++) {
            const float best = greater(greater(greater(greater(p0[c], p1[c]), p2[c]), p3[c]), p4[c]);
            out[c] = greater(greater(greater(greater(best, p5[c]), p6[c]), p7[c]), p8[c]);
        }
        return;
    }
    INDEPENDENT for (int64_t c = 0; c < channels; c++) out[c] = p[0][c];
    for (int64_t n = 1; n < number; n++) {
        const float *other = p[n];
        INDEPENDENT for (int64_t c = 0; c < channels; c++) out[c] = greater(out[c], other[c]);
    }
}

/* The same with the place of the first maximum among the window's positions. */
INLINE void placed_maximum(const float **p, int64_t number, float *out, uint8_t *places, int64_t channels) {
    int32_t place[MAX_CHANNELS];
    if (number == 9) {
        const float *p0 = p[0], *p1 = p[1], *p2 = p[2], *p3 = p[3], *p4 = p[4], *p5 = p[5], *p6 = p[6], *p7 = p[7];
        const float *p8 = p[8];
        INDEPENDENT for (int64_t c = 0; c < channels; c++) {
            float best = p0[c];
            int32_t at = 0;
            choose(&best, &at, p1[c], 1), choose(&best, &at, p2[c], 2), choose(&best, &at, p3[c], 3);
            choose(&best, &at, p4[c], 4), choose(&best, &at, p5[c], 5), choose(&best, &at, p6[c], 6);
            choose(&best, &at, p7[c], 7), choose(&best, &at, p8[c], 8);
            out[c] = best, place[c] = at;
        }
    } else {
        INDEPENDENT for (int64_t c = 0; c < channels; c++) out[c] = p[0][c], place[c] = 0;
        for (int32_t n = 1; n < number; n++) {
            const float *other = p[n];
            INDEPENDENT for (int64_t c = 0; c < channels; c++) choose(&out[c], &place[c], other[c], n);
        }
    }
    INDEPENDENT for (int64_t c = 0; c < channels; c++) places[c] = (uint8_t)place[c];
}

INLINE void mean(const float **p, int64_t number, float *out, int64_t channels) {
    INDEPENDENT for (int64_t c = 0; c < channels; c++) out[c] = p[0][c];
    for (int64_t n = 1; n < number; n++) {
        const float *other = p[n];
        INDEPENDENT for (int64_t c = 0; c < channels; c++) out[c] += other[c];
    }
    INDEPENDENT for (int64_t c = 0; c < channels; c++) out[c] /= (float)number;
}

/* Rows [start, stop) of the pooled maps of all images. x, y, places or NULL, the stage, scratch (size rows). */
INLINE void forward(int64_t start, int64_t stop, int64_t part, const Value *v, int narrow) {
    const Stage stage = read_stage(v + 3), *t = &stage;
    const int64_t line = t->width * t->channels;
    float *ring = (float *)v[17].p + part * t->size * line, out[MAX_CHANNELS];
    Towers towers;
    make_towers(&towers, t);
    int64_t image = -1, ready = 0;
    for (int64_t index = start; index < stop; index++) {
        const int64_t top = index % t->out_height * t->stride;
        if (image != index / t->out_height) image = index / t->out_height, ready = 0;
        if (ready < top) ready = top;
        for (; ready < least(top + t->size, t->height); ready++)
            rectify_and_normalize(t, &towers, v[0].p, (image * t->height + ready) * line, slot(ring, t, ready), narrow);
        for (int64_t x = 0; x < t->out_width; x++) {
            const float *positions[MAX_WINDOW * MAX_WINDOW] = {ring};
            const int64_t number = window(t, ring, top, x * t->stride, positions);
            const int64_t first = (index * t->out_width + x) * t->channels;
            if (t->average)
                mean(positions, number, out, t->channels);
            else if (v[2].p)
                placed_maximum(positions, number, out, (uint8_t *)v[2].p + first, t->channels);
            else
                maximum(positions, number, out, t->channels);
            store(v[1].p, first, out, t->channels, narrow);
        }
    }
}

/* Add to one row of the maps what one pooled position gives it: its gradient where the maximum lies, or each its share.
 * `row`: the positions of the window's row, `number` of them; `before`: positions in the window's rows above; `all`: in
 * the whole window. */
INLINE void spread(const Stage *t, float *row, int64_t number, int64_t before, int64_t all, const float *grad,
                   const uint8_t *places) {
    const int64_t channels = t->channels;
    int32_t place[MAX_CHANNELS];
    if (t->average) {
        for (int64_t n = 0; n < number; n++)
            INDEPENDENT for (int64_t c = 0; c < channels; c++) row[n * channels + c] += grad[c] / (float)all;
        return;
    }
    INDEPENDENT for (int64_t c = 0; c < channels; c++) place[c] = places ? places[c] : 0;
    for (int64_t n = 0; n < number; n++) {
        const int32_t own = (int32_t)(before + n);
        INDEPENDENT for (int64_t c = 0; c < channels; c++) row[n * channels + c] += place[c] == own ? grad[c] : 0;
    }
}

/* The gradient of one row of normalized maps, from that of the pooled maps. */
INLINE void unpool(const Stage *t, const Value *v, int64_t image, int64_t y, float *row, int narrow) {
    const int64_t channels = t->channels, line = t->out_width * channels, past = y - t->size + t->stride;
    float grad[MAX_CHANNELS];
    if (t->size == 1 && t->stride == 1) {
        load(v[1].p, (image * t->height + y) * line, row, line, narrow, 0);
        return;
    }
    memset(row, 0, sizeof(float) * (size_t)(t->width * channels));
    for (int64_t at = past < 0 ? 0 : past / t->stride; at <= least(y / t->stride, t->out_height - 1); at++) {
        const int64_t top = at * t->stride, rows = least(t->size, t->height - top);
        for (int64_t x = 0; x < t->out_width; x++) {
            const int64_t first = (image * t->out_height + at) * line + x * channels, left = x * t->stride;
            const int64_t columns = least(t->size, t->width - left);
            load(v[1].p, first, grad, channels, narrow, 0);
            spread(t, row + left * channels, columns, (y - top) * columns, rows * columns, grad,
                   v[2].p ? (const uint8_t *)v[2].p + first : 0);
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

INLINE void rectify_backward(const Stage *t, const float *x, const float *grad, int64_t count, float *out) {
    INDEPENDENT for (int64_t i = 0; i < count; i++) out[i] = t->relu && !(x[i] > 0) ? 0 : grad[i];
}

/* Rows [start, stop) of the maps of all images. x, gradient of y, places or NULL, dx, the stage, scratch (one row). */
INLINE void backward(int64_t start, int64_t stop, int64_t part, const Value *v, int narrow) {
    const Stage stage = read_stage(v + 4), *t = &stage;
    const int64_t line = t->width * t->channels, all = t->width * t->groups;
    float *row = (float *)v[18].p + part * line, out[MAX_CHANNELS];
    Towers x, products;
    make_towers(&x, t), make_towers(&products, t);
    for (int64_t index = start; index < stop; index++) {
        unpool(t, v, index / t->height, index % t->height, row, narrow);
        for (int64_t at = 0; at < all; at += x.most) {
            const int64_t some = least(x.most, all - at), first = at * x.count, count = some * x.count;
            for (int64_t n = 0; n < some; n++)
                load(v[0].p, index * line + first + n * x.count, tower(&x, n), x.count, narrow, (int)t->relu);
            if (t->half < 0)
                rectify_backward(t, tower(&x, 0), row + first, count, out);
            else
                normalize_backward(t, &x, &products, row + first, some, out);
            store(v[3].p, index * line + first, out, count, narrow);
        }
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
