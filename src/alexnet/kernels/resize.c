#include "common.h"

/* Pillow's antialiased bilinear resize to the bit (its src/libImaging/Resample.c): a result is the mean of the source
 * under a triangle, with weights of 22 bits; across the rows first, rounded to 8 bits, then down the columns. */

enum { BITS = 22, HALF = 1 << (BITS - 1), SPAN = 128, LANES = 64, BLOCK = 16 };

/* Kept out of the clones: wider vectors lose on blocks of 16 x 16. */
#ifdef __GNUC__
#define APART __attribute__((noinline))
#else
#define APART
#endif

typedef struct {
    int64_t before, after;
    double start, scale;
} Axis;

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* `after` results cover [start, stop) of `before` pixels; Pillow holds the two edges in 32 bits. */
INLINE Axis read_axis(int64_t before, const Value *edges, int64_t after) {
    const float start = (float)edges[0].r, stop = (float)edges[1].r;
    return (Axis){before, after, start, (double)(stop - start) / (double)after};
}

/* The weights of one result, those of pixels `first` and after; returns their number, at most SPAN. */
INLINE int64_t weigh(const Axis *axis, int64_t index, int64_t *first, int32_t *weight) {
    const double reach = axis->scale < 1 ? 1 : axis->scale, steepness = 1 / reach;
    const double center = axis->start + ((double)index + 0.5) * axis->scale;
    const double left = center - reach + 0.5, right = center + reach + 0.5;
    *first = left < 0 ? 0 : (int64_t)left;
    const int64_t taps = least(least((int64_t)right, axis->before) - *first, SPAN);
    double share[SPAN], sum = 0;
    for (int64_t k = 0; k < taps; k++) {
        const double away = fabs(((double)(*first + k) - center + 0.5) * steepness);
        share[k] = away < 1 ? 1 - away : 0;
        sum += share[k];
    }
    for (int64_t k = 0; k < taps; k++) weight[k] = (int32_t)(0.5 + share[k] / sum * (1 << BITS));
    return taps;
}

INLINE void blend_few(const uint8_t *rows, int64_t stride, const int32_t *weight, int64_t taps, uint8_t *out,
                             int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        int32_t sum = HALF;
        for (int64_t k = 0; k < taps; k++) sum += weight[k] * rows[k * stride + i];
        out[i] = (uint8_t)(sum >> BITS);
    }
}

INLINE void blend_many(const uint8_t *rows, int64_t stride, const int32_t *weight, int64_t taps, uint8_t *out,
                              int64_t count) {
    int32_t sum[3 * LANES];
    for (int64_t i = 0; i < count; i++) sum[i] = HALF;
    for (int64_t k = 0; k < taps; k++)
        for (int64_t i = 0; i < count; i++) sum[i] += weight[k] * rows[k * stride + i];
    for (int64_t i = 0; i < count; i++) out[i] = (uint8_t)(sum[i] >> BITS);
}

/* out[i] = sum over k of weight[k] * rows[k][i], with loops of their own for the usual numbers of taps. Weights are not
 * negative and add up to one, but for the rounding of each: no result leaves 8 bits. */
INLINE void blend(const uint8_t *rows, int64_t stride, const int32_t *weight, int64_t taps, uint8_t *out,
                         int64_t count) {
    if (taps == 2)
        blend_few(rows, stride, weight, 2, out, count);
    else if (taps == 3)
        blend_few(rows, stride, weight, 3, out, count);
    else if (taps == 4)
        blend_few(rows, stride, weight, 4, out, count);
    else
        for (int64_t i = 0; i < count; i += 3 * LANES)
            blend_many(rows + i, stride, weight, taps, out + i, least(count - i, 3 * LANES));
}

INLINE void perfect_shuffle(const uint8_t *in, uint8_t *out) {
    for (int64_t i = 0; i < BLOCK * BLOCK / 2; i++) {
        out[2 * i] = in[i];
        out[2 * i + 1] = in[i + BLOCK * BLOCK / 2];
    }
}

/* A perfect shuffle of 256 bytes rotates the 8 bits of their index by one; four exchange its halves, row and column. */
INLINE void turn_block(const uint8_t *in, int64_t stride, uint8_t *out, int64_t out_stride) {
    uint8_t a[BLOCK * BLOCK], b[BLOCK * BLOCK];
    for (int64_t y = 0; y < BLOCK; y++) memcpy(a + y * BLOCK, in + y * stride, BLOCK);
    perfect_shuffle(a, b);
    perfect_shuffle(b, a);
    perfect_shuffle(a, b);
    perfect_shuffle(b, a);
    for (int64_t x = 0; x < BLOCK; x++) memcpy(out + x * out_stride, a + x * BLOCK, BLOCK);
}

/* out[x][y] = in[y][x], in blocks, of which the last overlap those before them. */
APART static void turn(const uint8_t *in, int64_t stride, int64_t rows, int64_t columns, uint8_t *out,
                       int64_t out_stride) {
    if (rows < BLOCK || columns < BLOCK) {
        for (int64_t y = 0; y < rows; y++)
            for (int64_t x = 0; x < columns; x++) out[x * out_stride + y] = in[y * stride + x];
        return;
    }
    for (int64_t y = 0; y < rows; y += BLOCK)
        for (int64_t x = 0; x < columns; x += BLOCK) {
            const int64_t top = least(y, rows - BLOCK), left = least(x, columns - BLOCK);
            turn_block(in + top * stride + left, stride, out + left * out_stride + top, out_stride);
        }
}

/* Rows [start, stop) of pixels (height, width, channels <= 3) become (height, after, channels). The arithmetic runs
 * along LANES rows side by side, for as many results at a time as draw on SPAN pixels. */
EXPORT KERNEL void alexnet_resize_across(int64_t start, int64_t stop, int64_t part, const Value *v) {
    const uint8_t *pixels = v[0].p;
    const int64_t stride = v[1].i, channels = v[3].i, lanes = LANES * channels;
    const Axis axis = read_axis(v[2].i, v + 4, v[6].i);
    uint8_t *out = v[7].p, source[SPAN * 3 * LANES] = {0}, result[SPAN * 3 * LANES];
    int64_t first[SPAN], taps[SPAN];
    int32_t weight[SPAN][SPAN];
    for (int64_t x = 0, count; x < axis.after; x += count) {
        for (count = 0; count < SPAN && x + count < axis.after; count++) {
            taps[count] = weigh(&axis, x + count, &first[count], weight[count]);
            if (first[count] + taps[count] - first[0] > SPAN) break;
        }
        const int64_t left = first[0], right = first[count - 1] + taps[count - 1];
        for (int64_t y = start; y < stop; y += LANES) {
            const int64_t rows = least(stop - y, LANES);
            turn(pixels + y * stride + left * channels, stride, rows, (right - left) * channels, source, LANES);
            for (int64_t i = 0; i < count; i++)
                blend(source + (first[i] - left) * lanes, lanes, weight[i], taps[i], result + i * lanes, lanes);
            turn(result, LANES, count * channels, rows, out + (y * axis.after + x) * channels, axis.after * channels);
        }
    }
}

/* Rows [start, stop) of the `after` rows that (height, length) becomes. */
EXPORT KERNEL void alexnet_resize_down(int64_t start, int64_t stop, int64_t part, const Value *v) {
    const uint8_t *rows = v[0].p;
    const int64_t length = v[2].i;
    const Axis axis = read_axis(v[1].i, v + 3, v[5].i);
    uint8_t *out = v[6].p;
    for (int64_t y = start; y < stop; y++) {
        int64_t first;
        int32_t weight[SPAN];
        const int64_t taps = weigh(&axis, y, &first, weight);
        blend(rows + first * length, length, weight, taps, out + y * length, length);
    }
}
