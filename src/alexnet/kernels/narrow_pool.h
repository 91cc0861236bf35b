/* Maximum pooling of bfloat16 maps behind a ReLU on the 16-bit values themselves, with the bits of pool.h.
 *
 * As integers with a sign, numbers from 0 on lie in their order and those below 0 under all of them: ReLU and the maximum
 * are maxima of integers, twice as many in a vector as in float and without a conversion. */
#ifndef ALEXNET_NARROW_POOL_H
#define ALEXNET_NARROW_POOL_H

#include "stage.h"

enum { LANES = 32, SIGN = 0x8000, INFINITE = 0x7F80, UNKNOWN = 0x7FC0 };

/* Maxima of 3 x 3 at every second position, over maps in whole blocks of LANES. */
INLINE int fits_narrow_pool(const Stage *t) {
    const int fits = t->size == 3 && t->stride == 2 && t->height >= t->size && t->width >= t->size;
    return fits && !t->average && t->half < 0 && t->channels % LANES == 0;
}

/* How many windows of a row lie whole inside of the maps. */
INLINE int64_t whole_windows(const Stage *t) { return (t->width - 1) / 2; }

/* The greatest number so far that is above 0 and its place. As integers without a sign, negative NaNs are `highest`. */
typedef struct {
    int16_t best;
    uint16_t place, highest;
} Contest;

INLINE void challenge(Contest *contest, uint16_t bits, uint16_t number) {
    const int16_t other = (int16_t)bits;
    contest->place = other > contest->best ? number : contest->place;
    contest->best = other > contest->best ? other : contest->best;
    contest->highest = bits > contest->highest ? bits : contest->highest;
}

/* A block of the maxima of windows whose rows are p, q and r and whose columns lie 0, `next` and `last` behind. Of what lies
 * outside of the maps the caller repeats a position before it, which changes nothing. NOWHERE: ReLU let nothing through. */
INLINE void narrow_maximum(const uint16_t *const rows[3], int64_t next, int64_t last, uint16_t width, uint16_t *out,
                           uint16_t *places) {
    const uint16_t *p = rows[0], *q = rows[1], *r = rows[2];
    INDEPENDENT for (int64_t c = 0; c < LANES; c++) {
        Contest contest = {0, NOWHERE, 0};
        challenge(&contest, p[c], 0);
        challenge(&contest, p[next + c], 1);
        challenge(&contest, p[last + c], 2);
        challenge(&contest, q[c], width);
        challenge(&contest, q[next + c], width + 1);
        challenge(&contest, q[last + c], width + 2);
        challenge(&contest, r[c], 2 * width);
        challenge(&contest, r[next + c], 2 * width + 1);
        challenge(&contest, r[last + c], 2 * width + 2);
        const int unknown = (contest.best > INFINITE) | (contest.highest > (SIGN | INFINITE));
        const uint16_t zero = p[c] == SIGN ? SIGN : 0;
        const uint16_t known = contest.best == 0 ? zero : (uint16_t)contest.best;
        out[c] = unknown ? UNKNOWN : known;
        places[c] = unknown ? NOWHERE : contest.place;
    }
}

/* One window of all maps, the x-th of its row; `rows` begin where the maps do. */
INLINE void narrow_window(const Stage *t, const uint16_t *const rows[3], int64_t x, int64_t width, uint16_t *out,
                          uint16_t *places) {
    const int64_t next = width > 1 ? t->channels : 0, last = width > 2 ? 2 * next : next;
    for (int64_t c = 0; c < t->channels; c += LANES) {
        const int64_t at = 2 * x * t->channels + c, to = x * t->channels + c;
        const uint16_t *const block[3] = {rows[0] + at, rows[1] + at, rows[2] + at};
        narrow_maximum(block, next, last, (uint16_t)width, out + to, places + to);
    }
}

/* Rows [start, stop) of the pooled maps of all images; values as in stage.c, scratch for a row of y. */
INLINE void narrow_pool(int64_t start, int64_t stop, const Value *v, const Stage *t, uint16_t *places) {
    const int64_t line = t->width * t->channels, out_line = t->out_width * t->channels;
    for (int64_t index = start; index < stop; index++) {
        const int64_t top = index % t->out_height * 2, height = least(3, t->height - top);
        const uint16_t *p = (const uint16_t *)v[0].p + (index / t->out_height * t->height + top) * line;
        const uint16_t *q = height > 1 ? p + line : p, *rows[3] = {p, q, height > 2 ? q + line : q};
        uint16_t *out = (uint16_t *)v[1].p + index * out_line;
        uint8_t *kept = (uint8_t *)v[2].p + index * out_line;
        for (int64_t x = 0; x < whole_windows(t); x++) narrow_window(t, rows, x, 3, out, places);
        for (int64_t x = whole_windows(t); x < t->out_width; x++)
            narrow_window(t, rows, x, t->width - 2 * x, out, places);
        if (v[2].p)
            INDEPENDENT for (int64_t i = 0; i < out_line; i++) kept[i] = (uint8_t)places[i];
    }
}

#endif
