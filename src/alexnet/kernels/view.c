#define _FILE_OFFSET_BITS 64
#include "common.h"

#if defined(__SSE2__) || defined(_M_X64)
#include <immintrin.h>
#endif
#ifndef _WIN32
#include <unistd.h>
#endif

enum { MAX_ROW = 16384, GROUP = 2, CACHE = 4 << 20 };

typedef struct {
    const uint8_t *images, *mirror;
    int64_t height, width, channels, border;
    const int32_t *top, *left;
    const float *gain, *shift, *scale, *mean;
    int64_t out_height, out_width;
    char *out;
} View;

/* Where raw pictures lie in open files, whether they were read, and room for a group of them. */
typedef struct {
    const int32_t *file;
    const int64_t *offset;
    uint8_t *is_read, *room;
} Files;

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static View get_view(const Value *v) {
    return (View){v[0].p, v[7].p, v[1].i, v[2].i, v[3].i, v[4].i, v[5].p, v[6].p, v[8].p, v[9].p, v[10].p, v[11].p,
                  v[12].i, v[13].i, v[14].p};
}

/* Five RGB pixels move in a word of 16 bytes, whose last byte the next word overwrites. */
INLINE void mirror_row(const uint8_t *in, uint8_t *out, int64_t width, int64_t channels) {
    if (channels != 3) {
        for (int64_t x = 0; x < width; x++)
            for (int64_t c = 0; c < channels; c++) out[x * channels + c] = in[(width - 1 - x) * channels + c];
        return;
    }
    int64_t x = 0;
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
    typedef uint8_t Five __attribute__((vector_size(16)));
    for (; x + 5 < width; x += 5) {
        Five pixels;
        memcpy(&pixels, in + (width - 5 - x) * 3 - 1, 16);
        pixels = __builtin_shufflevector(pixels, pixels, 13, 14, 15, 10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3, 0);
        memcpy(out + x * 3, &pixels, 16);
    }
#endif
#endif
    for (; x < width; x++) memcpy(out + x * 3, in + (width - 1 - x) * 3, 3);
}

/* A row of pixels that leaves the picture, whose first is `before` pixels from the left: black outside. */
INLINE void border_row(const View *t, const uint8_t *in, int64_t before, uint8_t *out) {
    const int64_t lead = before < 0 ? -before : 0, stop = least(t->width - before, t->out_width);
    memset(out, 0, (size_t)(t->out_width * t->channels));
    if (lead < stop)
        memcpy(out + lead * t->channels, in + lead * t->channels, (size_t)((stop - lead) * t->channels));
}

/* Row y of the crop of image n: where it lies, or put together in one of two lines. */
INLINE const uint8_t *crop_row(const View *t, const uint8_t *picture, int64_t n, int64_t y, uint8_t *line,
                               uint8_t *other) {
    const int64_t above = y + t->top[n] - t->border, before = t->left[n] - t->border;
    if (above < 0 || above >= t->height) {
        memset(line, 0, (size_t)(t->out_width * t->channels));
        return line;
    }
    const uint8_t *in = picture + (above * t->width + before) * t->channels;
    if (before < 0 || before + t->out_width > t->width) {
        uint8_t *to = t->mirror[n] ? other : line;
        border_row(t, in, before, to);
        in = to;
    }
    if (!t->mirror[n]) return in;
    mirror_row(in, line, t->out_width, t->channels);
    return line;
}

#if defined(__GNUC__) && defined(__x86_64__)
__attribute__((target("avx512f"))) static void write_long(char *out, const char *line, int64_t bytes) {
    for (int64_t i = 0; i < bytes; i += 64) _mm512_stream_si512((void *)(out + i), _mm512_loadu_si512(line + i));
}
#endif

/* Write past the caches what they could not hold until it is read: an ordinary store reads the line that it fills. */
INLINE void write_past(char *out, const char *line, int64_t bytes) {
#if defined(__SSE2__) || defined(_M_X64)
    const uintptr_t ends = (uintptr_t)out | (uintptr_t)bytes;
#if defined(__GNUC__) && defined(__x86_64__)
    if (ends % 64 == 0 && __builtin_cpu_supports("avx512f")) {
        write_long(out, line, bytes);
        return;
    }
#endif
    if (ends % 16 == 0) {
        for (int64_t i = 0; i < bytes; i += 16)
            _mm_stream_si128((__m128i *)(out + i), _mm_loadu_si128((const __m128i *)(line + i)));
        return;
    }
#endif
    memcpy(out, line, (size_t)bytes);
}

INLINE float color(float pixel, float gain, float shift, float mean, float scale, int plain) {
    return plain ? (pixel + shift) - mean : ((gain * pixel + shift) - mean) * scale;
}

INLINE void compute_row(const uint8_t *p, const float *o, const float *m, float g, float s, int64_t row, void *out,
                        int narrow, int plain) {
    float *wide = out;
    uint16_t *half = out;
    if (narrow) {
        INDEPENDENT
        for (int64_t i = 0; i < row; i++) half[i] = number_to_bf16(color(p[i], g, o[i], m[i], s, plain));
    } else {
        INDEPENDENT
        for (int64_t i = 0; i < row; i++) wide[i] = color(p[i], g, o[i], m[i], s, plain);
    }
}

/* One row of image n, from its pixels, its shift and the mean; products with 1 are left out, and are the same bits. */
INLINE void compute(const View *t, int64_t n, const uint8_t *p, const float *o, const float *m, void *out, int narrow) {
    const float g = t->gain[n], s = t->scale[n];
    if (g == 1 && s == 1)
        compute_row(p, o, m, 1, 1, t->out_width * t->channels, out, narrow, 1);
    else
        compute_row(p, o, m, g, s, t->out_width * t->channels, out, narrow, 0);
}

/* Read the rows of image n that its crop shows to their places in a picture; returns the picture. */
INLINE const uint8_t *read_rows(const View *t, const Files *files, int64_t n, uint8_t *picture) {
    const int64_t above = t->top[n] - t->border, below = above + t->out_height, line = t->width * t->channels;
    const int64_t stop = least(below, t->height) * line;
    int64_t at = above < 0 ? 0 : above * line;
#ifndef _WIN32
    for (int64_t count = 1; count > 0 && at < stop; at += count)
        count = pread(files->file[n], picture + at, (size_t)(stop - at), files->offset[n] + at);
#endif
    files->is_read[n] = at >= stop;
    return picture;
}

/* out[n,y,x,c] = ((gain[n] * image[n,y+top,x'+left,c] + shift[n,c]) - mean[y,x,c]) * scale[n], x' mirrored if asked.
 * images: uint8 (N, H, W, C) in a black border, to which top and left refer, or in files; mean: (h, w, C);
 * out: (N, h, w, C), rounded to bfloat16 if narrow; w * C <= MAX_ROW. A few images at a time share a row of the mean. */
INLINE void train_view(int64_t start, int64_t stop, const Value *v, const Files *files, int narrow) {
    const View view = get_view(v), *t = &view;
    const int64_t row = t->out_width * t->channels, bytes = row * (narrow ? 2 : 4), rows = t->out_height;
    const int64_t group = row > MAX_ROW / GROUP ? 1 : GROUP, size = t->height * t->width * t->channels;
    const int past = (stop - start) * rows * bytes > CACHE;
    uint8_t lines[MAX_ROW], other[MAX_ROW];
    float shift[MAX_ROW];
    union { float wide[MAX_ROW]; uint16_t half[MAX_ROW]; } line;
    for (int64_t first = start, end; first < stop; first = end) {
        const uint8_t *picture[GROUP], *source[GROUP];
        end = least(first + group, stop);
        for (int64_t i = 0, n = first; n < end; n++) {
            picture[n - first] =
                files ? read_rows(t, files, n, files->room + (n - first) * size) : t->images + n * size;
            for (int64_t x = 0; x < t->out_width; x++)
                for (int64_t c = 0; c < t->channels; c++) shift[i++] = t->shift[n * t->channels + c];
        }
        for (int64_t y = 0; y < rows; y++) {
            for (int64_t n = first, at = 0; n < end; n++, at += row)
                source[n - first] = crop_row(t, picture[n - first], n, y, lines + at, other);
            for (int64_t n = first, at = 0; n < end; n++, at += row) {
                char *out = t->out + (n * rows + y) * bytes;
                compute(t, n, source[n - first], shift + at, t->mean + y * row, past ? (char *)&line : out, narrow);
                if (past) write_past(out, (const char *)&line, bytes);
            }
        }
    }
}

/* The same from files. The values after those of `train_view`: file, offset, is_read, room for GROUP pictures a part. */
INLINE void read_view(int64_t start, int64_t stop, int64_t part, const Value *v, int narrow) {
    const int64_t floats = (v[1].i * v[2].i * v[3].i * GROUP + 3) / 4;
    const Files files = {v[15].p, v[16].p, v[17].p, (uint8_t *)((float *)v[18].p + part * floats)};
    train_view(start, stop, v, &files, narrow);
}

EXPORT KERNEL void alexnet_train_view_f32(int64_t start, int64_t stop, int64_t part, const Value *v) {
    train_view(start, stop, v, 0, 0);
}

EXPORT KERNEL void alexnet_train_view_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    train_view(start, stop, v, 0, 1);
}

EXPORT KERNEL void alexnet_read_view_f32(int64_t start, int64_t stop, int64_t part, const Value *v) {
    read_view(start, stop, part, v, 0);
}

EXPORT KERNEL void alexnet_read_view_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    read_view(start, stop, part, v, 1);
}
