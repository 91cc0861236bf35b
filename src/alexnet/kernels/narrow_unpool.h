/* The derivative of maximum pooling of bfloat16 maps, each position computed once, with the bits of pool.h.
 *
 * With windows of 3 x 3 at every second position, an odd row or column lies in one window and an even one in two. */
#ifndef ALEXNET_NARROW_UNPOOL_H
#define ALEXNET_NARROW_UNPOOL_H

#include "narrow_pool.h"

/* Two neighbors are read as one word, which shifts and masks take apart: to widen a vector would move its lanes. */
INLINE uint32_t read_pair(const uint16_t *bits, int64_t number) {
    uint32_t pair;
    memcpy(&pair, bits + 2 * number, 4);
    return pair;
}

INLINE float as_float(uint32_t word) {
    float value;
    memcpy(&value, &word, 4);
    return value;
}

INLINE float low(uint32_t pair) { return as_float(pair << 16); }
INLINE float high(uint32_t pair) { return as_float(pair & 0xFFFF0000); }

/* As to_bf16, in the upper half of a word. */
INLINE uint32_t round_in_place(float value) {
    uint32_t word;
    memcpy(&word, &value, 4);
    const uint32_t rounded = word + 0x7FFF + ((word >> 16) & 1);
    return value != value ? (uint32_t)UNKNOWN << 16 : rounded;
}

INLINE void write_pair(uint16_t *bits, int64_t number, float low, float high) {
    const uint32_t pair = round_in_place(low) >> 16 | (round_in_place(high) & 0xFFFF0000);
    memcpy(bits + 2 * number, &pair, 4);
}

/* Two rows of the pooled maps: gradients and, `pitch` behind, places. A column of zeros on both sides and zeros where there is
 * no row. No zero has a sign, so that a sum that begins with one need not begin with 0. */
typedef struct {
    uint16_t *above, *below;
    int64_t pitch;
} Neighbors;

/* What of a block's gradients goes to the position of that number in their windows. */
INLINE void award(const uint16_t *row, int64_t pitch, int64_t at, uint16_t number, uint16_t *terms) {
    const uint16_t *grads = row + at, *places = grads + pitch;
    INDEPENDENT for (int64_t c = 0; c < LANES; c++) terms[c] = places[c] == number ? grads[c] : 0;
}

INLINE void add_two(const uint16_t *a, const uint16_t *b, uint16_t *out) {
    INDEPENDENT for (int64_t i = 0; i < LANES / 2; i++) {
        const uint32_t p = read_pair(a, i), q = read_pair(b, i);
        write_pair(out, i, low(p) + low(q), high(p) + high(q));
    }
}

INLINE void add_four(const uint16_t *a, const uint16_t *b, const uint16_t *d, const uint16_t *e, uint16_t *out) {
    INDEPENDENT for (int64_t i = 0; i < LANES / 2; i++) {
        const uint32_t p = read_pair(a, i), q = read_pair(b, i), r = read_pair(d, i), s = read_pair(e, i);
        write_pair(out, i, low(p) + low(q) + low(r) + low(s), high(p) + high(q) + high(r) + high(s));
    }
}

/* A block of an even column and, unless that is NULL, of the odd one behind it, in an even row: two rows of windows reach it. */
INLINE void unpool_in_two(const Neighbors *rows, int64_t left, int64_t right, uint16_t width, uint16_t *even, uint16_t *odd) {
    uint16_t a[LANES], b[LANES], d[LANES], e[LANES];
    award(rows->above, rows->pitch, left, 8, a), award(rows->above, rows->pitch, right, 2 * width, b);
    award(rows->below, rows->pitch, left, 2, d), award(rows->below, rows->pitch, right, 0, e);
    add_four(a, b, d, e, even);
    if (!odd) return;
    award(rows->above, rows->pitch, right, 2 * width + 1, a), award(rows->below, rows->pitch, right, 1, b);
    add_two(a, b, odd);
}

/* The same in an odd row, which one row of windows reaches. */
INLINE void unpool_in_one(const Neighbors *rows, int64_t left, int64_t right, uint16_t width, uint16_t *even, uint16_t *odd) {
    uint16_t d[LANES], e[LANES];
    award(rows->below, rows->pitch, left, 5, d), award(rows->below, rows->pitch, right, width, e);
    add_two(d, e, even);
    if (odd) award(rows->below, rows->pitch, right, width + 1, odd);
}

/* Columns 2 * x and 2 * x + 1 of a row of all maps; the window that begins there has `width` columns. */
INLINE void unpool_two_columns(const Stage *t, const Neighbors *rows, uint16_t *to, int64_t x, int64_t width, const int both) {
    for (int64_t c = 0; c < t->channels; c += LANES) {
        const int64_t left = x * t->channels + c, right = left + t->channels;
        uint16_t *even = to + left + x * t->channels, *odd = width > 1 ? even + t->channels : 0;
        if (both)
            unpool_in_two(rows, left, right, (uint16_t)width, even, odd);
        else
            unpool_in_one(rows, left, right, (uint16_t)width, even, odd);
    }
}

INLINE void narrow_unpool_row(const Stage *t, const Neighbors *rows, uint16_t *to, const int both) {
    const int64_t whole = whole_windows(t);
    for (int64_t x = 0; x < whole; x++) unpool_two_columns(t, rows, to, x, 3, both);
    unpool_two_columns(t, rows, to, whole, t->width - 2 * whole, both);
}

/* Row y of an image's pooled maps. */
INLINE void fill_row(const Stage *t, const Value *v, int64_t image, int64_t y, uint16_t *row, int64_t pitch) {
    const int64_t count = t->out_width * t->channels, first = (image * t->out_height + y) * count;
    const uint16_t *grads = (const uint16_t *)v[1].p + first;
    const uint8_t *kept = (const uint8_t *)v[2].p + first;
    uint16_t *own = row + t->channels, *places = own + pitch;
    if (y < 0 || y >= t->out_height) {
        memset(row, 0, 2 * sizeof(uint16_t) * (size_t)pitch);
        return;
    }
    INDEPENDENT for (int64_t i = 0; i < count; i++) {
        const uint16_t known = grads[i] == SIGN ? 0 : grads[i];
        own[i] = (known & 0x7FFF) > INFINITE ? UNKNOWN : known;
    }
    INDEPENDENT for (int64_t i = 0; i < count; i++) places[i] = kept[i];
}

/* Rows [start, stop) of the maps of all images; values as in stage.c, scratch for two rows of y and two columns more. */
INLINE void narrow_unpool(int64_t start, int64_t stop, const Value *v, const Stage *t, uint16_t *scratch) {
    const int64_t pitch = (t->out_width + 2) * t->channels, line = t->width * t->channels;
    memset(scratch, 0, 4 * sizeof(uint16_t) * (size_t)pitch);
    for (int64_t index = start; index < stop; index++) {
        const int64_t image = index / t->height, y = index % t->height, at = y / 2;
        const Neighbors rows = {scratch + (at + 1) % 2 * 2 * pitch, scratch + at % 2 * 2 * pitch, pitch};
        if (y == 0 || (y % 2 == 0 && index == start)) fill_row(t, v, image, at - 1, rows.above, pitch);
        if (y % 2 == 0 || index == start) fill_row(t, v, image, at, rows.below, pitch);
        uint16_t *to = (uint16_t *)v[3].p + index * line;
        if (y % 2)
            narrow_unpool_row(t, &rows, to, 0);
        else
            narrow_unpool_row(t, &rows, to, 1);
    }
}

#endif
