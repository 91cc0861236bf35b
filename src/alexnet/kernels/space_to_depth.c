#include "common.h"

enum { MAX_LINE = 32768 };

/* One line of pixels between zeros, `size` bytes a value: what a row of blocks reads of one line. */
INLINE void pad_line(const char *source, int64_t lead, int64_t count, int64_t length, char *line, int64_t size,
                     int rounds) {
    memset(line, 0, (size_t)(lead * size));
    memset(line + (lead + count) * size, 0, (size_t)((length - lead - count) * size));
    if (rounds) {
        const float *values = (const float *)source;
        uint16_t *bits = (uint16_t *)line + lead;
        INDEPENDENT for (int64_t i = 0; i < count; i++) bits[i] = to_bf16(values[i]);
    } else
        memcpy(line + lead * size, source, (size_t)(count * size));
}

/* out[n, Y, X, (dy, dx, c)] = x[n, Y * block + dy - before, X * block + dx - before, c], zero outside of x.
 *
 * x: (N, height, width, channels), values of `from` bytes; out: (N, rows, columns, block * block * channels), of `size`:
 * float or bf16, rounded where they differ; columns * block * channels <= MAX_LINE. */
INLINE void space_to_depth(int64_t start, int64_t stop, const Value *v, int64_t from, int64_t size) {
    const int64_t height = v[2].i, width = v[3].i, channels = v[4].i, block = v[5].i, before = v[6].i;
    const int64_t rows = v[7].i, columns = v[8].i, run = block * channels, length = columns * run;
    const int64_t lead = before * channels, room = length - lead;
    const int64_t count = room < width * channels ? room : width * channels;
    char line[MAX_LINE * 4];
    for (int64_t index = start; index < stop; index++)
        for (int64_t dy = 0; dy < block; dy++) {
            const int64_t y = index % rows * block + dy - before;
            const char *source = (const char *)v[0].p + (index / rows * height + y) * width * channels * from;
            if (y < 0 || y >= height)
                memset(line, 0, (size_t)(length * size));
            else
                pad_line(source, lead, count, length, line, size, from != size);
            char *out = (char *)v[1].p + (index * columns * block + dy) * run * size;
            for (int64_t column = 0; column < columns; column++, out += block * run * size) {
                if (run == 12) /* the paper's: a length that the compiler knows */
                    memcpy(out, line + column * 12 * size, (size_t)(12 * size));
                else
                    memcpy(out, line + column * run * size, (size_t)(run * size));
            }
        }
}

EXPORT KERNEL void alexnet_space_to_depth_f32(int64_t start, int64_t stop, int64_t part, const Value *v) {
    space_to_depth(start, stop, v, 4, 4);
}

EXPORT KERNEL void alexnet_space_to_depth_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    space_to_depth(start, stop, v, 2, 2);
}

EXPORT KERNEL void alexnet_space_to_depth_f32_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    space_to_depth(start, stop, v, 4, 2);
}
