/* Pooling of rows of maps, and its derivative. */
#ifndef ALEXNET_POOL_H
#define ALEXNET_POOL_H

#include "stage.h"

/* Row y of an image lies at slot y % size of a ring: the rows of one window are there at once. */
INLINE float *slot(float *ring, const Stage *t, int64_t y) { return ring + (y % t->size) * t->width * t->channels; }

/* A window's positions: `height` rows that begin at the addresses `rows`, `width` positions in each. */
typedef struct {
    const float *rows[MAX_WINDOW];
    int64_t height, width;
} Window;

INLINE float greater(float best, float other) { return ((other > best) | (other != other)) ? other : best; }

/* One step of finding the first maximum and its place. */
INLINE void choose(float *best, int32_t *place, float other, int32_t number) {
    const int taken = (other > *best) | (other != other);
    *best = taken ? other : *best;
    *place = taken ? number : *place;
}

INLINE void maximum(const Window *w, float *out, int64_t channels) {
    const int64_t next = channels, last = 2 * channels;
    if (w->height == 3 && w->width == 3) {
        const float *p = w->rows[0], *q = w->rows[1], *r = w->rows[2];
        INDEPENDENT for (int64_t c = 0; c < channels; c++) {
            const float top = greater(greater(p[c], p[next + c]), p[last + c]);
            const float middle = greater(greater(greater(top, q[c]), q[next + c]), q[last + c]);
            out[c] = greater(greater(greater(middle, r[c]), r[next + c]), r[last + c]);
        }
        return;
    }
    INDEPENDENT for (int64_t c = 0; c < channels; c++) out[c] = w->rows[0][c];
    for (int64_t n = 1; n < w->height * w->width; n++) {
        const float *other = w->rows[n / w->width] + n % w->width * channels;
        INDEPENDENT for (int64_t c = 0; c < channels; c++) out[c] = greater(out[c], other[c]);
    }
}

/* The same with the place of the first maximum among the window's positions. */
INLINE void placed_maximum(const Window *w, float *out, int32_t *places, int64_t channels) {
    const int64_t next = channels, last = 2 * channels;
    if (w->height == 3 && w->width == 3) {
        const float *p = w->rows[0], *q = w->rows[1], *r = w->rows[2];
        INDEPENDENT for (int64_t c = 0; c < channels; c++) {
            float best = p[c];
            int32_t at = 0;
            choose(&best, &at, p[next + c], 1), choose(&best, &at, p[last + c], 2), choose(&best, &at, q[c], 3);
            choose(&best, &at, q[next + c], 4), choose(&best, &at, q[last + c], 5), choose(&best, &at, r[c], 6);
            choose(&best, &at, r[next + c], 7), choose(&best, &at, r[last + c], 8);
            out[c] = best, places[c] = at;
        }
        return;
    }
    INDEPENDENT for (int64_t c = 0; c < channels; c++) out[c] = w->rows[0][c], places[c] = 0;
    for (int32_t n = 1; n < w->height * w->width; n++) {
        const float *other = w->rows[n / w->width] + n % w->width * channels;
        INDEPENDENT for (int64_t c = 0; c < channels; c++) choose(&out[c], &places[c], other[c], n);
    }
}

INLINE void mean(const Window *w, float *out, int64_t channels) {
    const int64_t next = channels, last = 2 * channels, number = w->height * w->width;
    if (w->height == 3 && w->width == 3) {
        const float *p = w->rows[0], *q = w->rows[1], *r = w->rows[2];
        INDEPENDENT for (int64_t c = 0; c < channels; c++) {
            const float top = p[c] + p[next + c] + p[last + c], middle = top + q[c] + q[next + c] + q[last + c];
            out[c] = (middle + r[c] + r[next + c] + r[last + c]) / 9;
        }
        return;
    }
    INDEPENDENT for (int64_t c = 0; c < channels; c++) out[c] = w->rows[0][c];
    for (int64_t n = 1; n < number; n++) {
        const float *other = w->rows[n / w->width] + n % w->width * channels;
        INDEPENDENT for (int64_t c = 0; c < channels; c++) out[c] += other[c];
    }
    INDEPENDENT for (int64_t c = 0; c < channels; c++) out[c] /= (float)number;
}

INLINE void pool_maps(const Stage *t, float *ring, int64_t top, float *out, int32_t *places, const int64_t channels) {
    const float *rows[MAX_WINDOW];
    Window w = {.height = least(t->size, t->height - top)};
    for (int64_t n = 0; n < w.height; n++) rows[n] = slot(ring, t, top + n);
    for (int64_t x = 0; x < t->out_width; x++) {
        const int64_t left = x * t->stride;
        w.width = least(t->size, t->width - left);
        for (int64_t n = 0; n < w.height; n++) w.rows[n] = rows[n] + left * channels;
        if (t->average)
            mean(&w, out + x * channels, channels);
        else if (places)
            placed_maximum(&w, out + x * channels, places + x * channels, channels);
        else
            maximum(&w, out + x * channels, channels);
    }
}

/* One row of the pooled maps from the ring; `places` is NULL where nobody asks for them. Small networks have FEW maps: loops
 * over a number that the compiler knows take half the time. */
INLINE void pool_row(const Stage *t, float *ring, int64_t top, float *out, int32_t *places) {
    if (t->channels == FEW)
        pool_maps(t, ring, top, out, places, FEW);
    else if (t->channels == 2 * FEW)
        pool_maps(t, ring, top, out, places, 2 * FEW);
    else
        pool_maps(t, ring, top, out, places, t->channels);
}

/* Add to one row of the maps what one row of the pooled maps gives it: a gradient where its maximum lies, or each its
 * share. `inside`: the number of the maps' row in the windows. */
INLINE void spread(const Stage *t, const float *grad, const int32_t *places, int64_t inside, float *row,
                   const int64_t channels) {
    const int64_t next = channels, last = 2 * channels;
    for (int64_t x = 0; x < t->out_width; x++) {
        const int64_t left = x * t->stride, width = least(t->size, t->width - left);
        const float *g = grad + x * channels;
        const int32_t *place = places + x * channels, own = (int32_t)(inside * width);
        float *to = row + left * channels;
        if (!t->average && width == 3)
            INDEPENDENT for (int64_t c = 0; c < channels; c++) {
                const float a = to[c] + (place[c] == own ? g[c] : 0);
                const float b = to[next + c] + (place[c] == own + 1 ? g[c] : 0);
                const float d = to[last + c] + (place[c] == own + 2 ? g[c] : 0);
                to[c] = a, to[next + c] = b, to[last + c] = d;
            }
        else
            for (int64_t n = 0; n < width; n++) {
                float *position = to + n * channels;
                if (t->average)
                    INDEPENDENT for (int64_t c = 0; c < channels; c++) position[c] += g[c];
                else
                    INDEPENDENT for (int64_t c = 0; c < channels; c++) position[c] += place[c] == own + n ? g[c] : 0;
            }
    }
}

/* Pooled rows with their places in float and int32, as `unpool` needs them: row y at slot y % slots. */
typedef struct {
    float *grads;
    int32_t *places;
    int64_t slots, ready;
} Pooled;

/* The gradient of each position in a window of a mean, from that of the mean. */
INLINE void divide(const Stage *t, float *grad, int64_t height) {
    for (int64_t x = 0; x < t->out_width; x++) {
        const float number = (float)(height * least(t->size, t->width - x * t->stride));
        INDEPENDENT for (int64_t c = 0; c < t->channels; c++) grad[x * t->channels + c] /= number;
    }
}

/* The gradient of one row of normalized maps, from that of the pooled maps. */
INLINE void unpool(const Stage *t, const Value *v, Pooled *pooled, int64_t image, int64_t y, float *row, int narrow) {
    const int64_t line = t->out_width * t->channels, past = y - t->size + t->stride;
    if (t->size == 1) {
        load(v[1].p, (image * t->height + y) * line, row, line, narrow, 0);
        return;
    }
    memset(row, 0, sizeof(float) * (size_t)(t->width * t->channels));
    for (int64_t at = past < 0 ? 0 : past / t->stride; at <= least(y / t->stride, t->out_height - 1); at++) {
        const int64_t index = image * t->out_height + at, first = index * line, slot = index % pooled->slots * line;
        float *grad = pooled->grads + slot;
        int32_t *place = pooled->places + slot;
        if (pooled->ready < index) {
            const uint8_t *bytes = (const uint8_t *)v[2].p + first;
            load(v[1].p, first, grad, line, narrow, 0);
            if (t->average) divide(t, grad, least(t->size, t->height - at * t->stride));
            if (v[2].p)
                INDEPENDENT for (int64_t i = 0; i < line; i++) place[i] = bytes[i];
            pooled->ready = index;
        }
        if (t->channels == FEW)
            spread(t, grad, place, y - at * t->stride, row, FEW);
        else if (t->channels == 2 * FEW)
            spread(t, grad, place, y - at * t->stride, row, 2 * FEW);
        else
            spread(t, grad, place, y - at * t->stride, row, t->channels);
    }
}

#endif
