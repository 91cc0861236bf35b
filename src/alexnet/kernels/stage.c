#if defined(__clang__)
#pragma clang fp contract(fast)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=fast")
#endif
#include "narrow_pool.h"
#include "narrow_unpool.h"
#include "normalize.h"
#include "pool.h"

/* What follows a convolution, in one pass over its output: ReLU, local response normalization, pooling.
 *
 * Forward reads each row of a map once, keeps `size` normalized rows, and where there is a backward pass notes the place of
 * each maximum in its window. Backward needs those, the convolution's output and the gradient, and writes each row once.
 * Maps are (rows, columns, channels). */

/* Whether the places tell what ReLU let through, so that backward need not read x: a maximum that it made zero is NOWHERE. */
INLINE int tells_relu(const Stage *t) { return t->relu && t->half < 0 && t->size * t->size <= NOWHERE; }

/* Rows [start, stop) of the pooled maps of all images. x, y, places or NULL, the stage, scratch (size rows of x, 2 of y). */
INLINE void forward(int64_t start, int64_t stop, int64_t part, const Value *v, int narrow) {
    const Stage stage = read_stage(v + 3), *t = &stage;
    const int64_t line = t->width * t->channels, out_line = t->out_width * t->channels;
    float *ring = (float *)v[17].p + part * (t->size * line + 2 * out_line), *out = ring + t->size * line;
    int32_t *places = v[2].p ? (int32_t *)(out + out_line) : 0;
    if (narrow && t->relu && fits_narrow_pool(t)) {
        narrow_pool(start, stop, v, t, (uint16_t *)out);
        return;
    }
    Towers towers;
    make_towers(&towers, t);
    int64_t image = -1, ready = 0;
    for (int64_t index = start; index < stop; index++) {
        const int64_t top = index % t->out_height * t->stride, first = index * out_line;
        if (image != index / t->out_height) image = index / t->out_height, ready = 0;
        if (ready < top) ready = top;
        for (; ready < least(top + t->size, t->height); ready++)
            rectify_and_normalize(t, &towers, v[0].p, (image * t->height + ready) * line, slot(ring, t, ready), narrow);
        if (t->size == 1) {
            store(v[1].p, first, slot(ring, t, top), out_line, narrow);
            continue;
        }
        pool_row(t, ring, top, out, places);
        store(v[1].p, first, out, out_line, narrow);
        uint8_t *kept = (uint8_t *)v[2].p + first;
        if (places) {
            const int tells = tells_relu(t);
            INDEPENDENT for (int64_t i = 0; i < out_line; i++)
                kept[i] = (uint8_t)((tells & !(out[i] > 0)) ? NOWHERE : places[i]);
        }
    }
}

/* dx of a row from the gradient of what ReLU made of it, in place. */
INLINE void rectify_backward(const void *x, int64_t first, float *grad, int64_t count, int narrow) {
    const uint16_t *bits = (const uint16_t *)x + first;
    const float *values = (const float *)x + first;
    INDEPENDENT for (int64_t i = 0; i < count; i++)
        grad[i] = (narrow ? from_bf16(bits[i]) : values[i]) > 0 ? grad[i] : 0;
}

/* Rows [start, stop) of the maps of all images. x, gradient of y, places or NULL, dx, the stage, scratch (one row of x, and
 * as many rows of y twice as can reach one of x). */
INLINE void backward(int64_t start, int64_t stop, int64_t part, const Value *v, int narrow) {
    const Stage stage = read_stage(v + 4), *t = &stage;
    const int64_t line = t->width * t->channels, out_line = t->out_width * t->channels, all = t->width * t->groups;
    const int64_t slots = (t->size + t->stride - 1) / t->stride;
    float *row = (float *)v[18].p + part * (line + 2 * slots * out_line), out[MAX_CHANNELS];
    if (narrow && fits_narrow_pool(t)) {
        narrow_unpool(start, stop, v, t, (uint16_t *)row);
        return;
    }
    Pooled pooled = {row + line, (int32_t *)(row + line + slots * out_line), slots, -1};
    Towers x, products;
    make_towers(&x, t), make_towers(&products, t);
    for (int64_t index = start; index < stop; index++) {
        unpool(t, v, &pooled, index / t->height, index % t->height, row, narrow);
        if (t->half < 0) {
            if (t->relu && !(v[2].p && tells_relu(t))) rectify_backward(v[0].p, index * line, row, line, narrow);
            store(v[3].p, index * line, row, line, narrow);
            continue;
        }
        for (int64_t at = 0; at < all; at += x.most) {
            const int64_t some = least(x.most, all - at), first = at * x.count;
            for (int64_t n = 0; n < some; n++)
                load(v[0].p, index * line + first + n * x.count, tower(&x, n), x.count, narrow, (int)t->relu);
            normalize_backward(t, &x, &products, row + first, some, out);
            store(v[3].p, index * line + first, out, some * x.count, narrow);
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
