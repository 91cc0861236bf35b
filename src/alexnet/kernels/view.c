#include "common.h"

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#endif

enum { MAX_ROW = 16384, GROUP = 4, CACHE = 4 << 20 };

typedef struct {
    const uint8_t *images, *mirror;
    int64_t height, width, channels;
    const int32_t *top, *left;
    const float *gain, *shift, *scale, *mean;
    int64_t out_height, out_width;
    char *out;
} View;

static View read_view(const Value *v) {
    return (View){v[0].p, v[6].p, v[1].i, v[2].i, v[3].i, v[4].p, v[5].p, v[7].p, v[8].p, v[9].p, v[10].p,
                  v[11].i, v[12].i, v[13].p};
}

/* RGB pixels move as words of four bytes, of which the next pixel overwrites the last: out has room for one more. */
INLINE void mirror_row(const uint8_t *in, uint8_t *out, int64_t width, int64_t channels) {
    if (channels != 3) {
        for (int64_t x = 0; x < width; x++)
            for (int64_t c = 0; c < channels; c++) out[x * channels + c] = in[(width - 1 - x) * channels + c];
        return;
    }
    memcpy(out, in + (width - 1) * 3, 3);
    for (int64_t x = 1; x < width; x++) memcpy(out + x * 3, in + (width - 1 - x) * 3, 4);
}

/* Write past the caches what they could not hold until it is read: an ordinary store reads the line that it fills. */
INLINE void write_past(char *out, const char *line, int64_t bytes) {
#if defined(__SSE2__) || defined(_M_X64)
    if (((uintptr_t)out | (uintptr_t)bytes) % 16 == 0) {
        for (int64_t i = 0; i < bytes; i += 16)
            _mm_stream_si128((__m128i *)(out + i), _mm_loadu_si128((const __m128i *)(line + i)));
        return;
    }
#endif
    memcpy(out, line, (size_t)bytes);
}

/* One row of image n, from its pixels, its shift and the mean. */
INLINE void compute(const View *t, int64_t n, const uint8_t *p, const float *o, const float *m, void *out, int narrow) {
    const int64_t row = t->out_width * t->channels;
    const float g = t->gain[n], s = t->scale[n];
    float *wide = out;
    uint16_t *half = out;
    if (narrow) {
        INDEPENDENT
        for (int64_t i = 0; i < row; i++) half[i] = to_bf16(((g * (float)p[i] + o[i]) - m[i]) * s);
    } else {
        INDEPENDENT
        for (int64_t i = 0; i < row; i++) wide[i] = ((g * (float)p[i] + o[i]) - m[i]) * s;
    }
}

/* out[n,y,x,c] = ((gain[n] * image[n,y+top,x'+left,c] + shift[n,c]) - mean[y,x,c]) * scale[n], x' mirrored if asked.
 * images: uint8 (N, H, W, C); mean: (h, w, C); out: (N, h, w, C), rounded to bfloat16 if narrow; w * C <= MAX_ROW.
 * A few images at a time share each row of the mean. */
INLINE void train_view(int64_t start, int64_t stop, const Value *v, int narrow) {
    const View view = read_view(v), *t = &view;
    const int64_t row = t->out_width * t->channels, bytes = row * (narrow ? 2 : 4), rows = t->out_height;
    const int64_t group = row > MAX_ROW / GROUP ? 1 : GROUP;
    const int past = (stop - start) * rows * bytes > CACHE;
    uint8_t mirrored[MAX_ROW + 1];
    float shift[MAX_ROW];
    union { float wide[MAX_ROW]; uint16_t half[MAX_ROW]; } line;
    for (int64_t first = start, end; first < stop; first = end) {
        end = first + group < stop ? first + group : stop;
        for (int64_t i = 0, n = first; n < end; n++)
            for (int64_t x = 0; x < t->out_width; x++)
                for (int64_t c = 0; c < t->channels; c++) shift[i++] = t->shift[n * t->channels + c];
        for (int64_t y = 0; y < rows; y++) {
            const uint8_t *source[GROUP];
            for (int64_t n = first, at = 0; n < end; n++, at += row) {
                const uint8_t *in = t->images + ((n * t->height + y + t->top[n]) * t->width + t->left[n]) * t->channels;
                if (t->mirror[n]) mirror_row(in, mirrored + at, t->out_width, t->channels);
                source[n - first] = t->mirror[n] ? mirrored + at : in;
            }
            for (int64_t n = first, at = 0; n < end; n++, at += row) {
                char *out = t->out + (n * rows + y) * bytes;
                compute(t, n, source[n - first], shift + at, t->mean + y * row, past ? (char *)&line : out, narrow);
                if (past) write_past(out, (const char *)&line, bytes);
            }
        }
    }
}

EXPORT KERNEL void alexnet_train_view_f32(int64_t start, int64_t stop, int64_t part, const Value *v) {
    train_view(start, stop, v, 0);
}

EXPORT KERNEL void alexnet_train_view_bf16(int64_t start, int64_t stop, int64_t part, const Value *v) {
    train_view(start, stop, v, 1);
}
