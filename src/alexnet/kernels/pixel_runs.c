#include "common.h"

enum { RUN = 16, MAX_LINE = 4096, ONE = 0x3F80 };

/* out[n, y, X, (dx, c)] = x[n, y, X + dx - before, c], zero outside of x, for dx < kernel; then a one, then zeros up to RUN.
 *
 * x: (N, height, width, channels), float or bf16; out: (N, height, columns, RUN) of bf16; kernel * channels < RUN,
 * (columns + kernel) * channels + RUN <= MAX_LINE. */
INLINE void pixel_runs(int64_t start, int64_t stop, const Value *v, int rounds) {
    const int64_t width = v[2].i, channels = v[3].i, before = v[4].i, run = v[5].i * channels, columns = v[6].i;
    const int64_t lead = before * channels, room = MAX_LINE - lead;
    const int64_t count = width * channels < room ? width * channels : room;
    uint16_t line[MAX_LINE] = {0}, kept[RUN], tail[RUN] = {0};
    for (int64_t i = 0; i < RUN; i++) kept[i] = i < run ? 0xFFFF : 0;
    tail[run] = ONE;
    for (int64_t index = start; index < stop; index++) {
        if (rounds) {
            const float *values = (const float *)v[0].p + index * width * channels;
            INDEPENDENT for (int64_t i = 0; i < count; i++) line[lead + i] = to_bf16(values[i]);
        } else
            memcpy(line + lead, (const uint16_t *)v[0].p + index * width * channels, (size_t)(count * 2));
        uint16_t *out = (uint16_t *)v[1].p + index * columns * RUN;
        for (int64_t column = 0; column < columns; column++, out += RUN) {
            const uint16_t *values = line + column * channels;
            INDEPENDENT for (int64_t i = 0; i < RUN; i++) out[i] = (uint16_t)((values[i] & kept[i]) | tail[i]);
        }
    }
}

EXPORT KERNEL void alexnet_pixel_runs_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    pixel_runs(start, stop, v, 0);
}

EXPORT KERNEL void alexnet_pixel_runs_f32(int64_t start, int64_t stop, int64_t part, const Value *v) {
    pixel_runs(start, stop, v, 1);
}
