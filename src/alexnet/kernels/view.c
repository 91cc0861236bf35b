#include "common.h"

enum { MAX_ROW = 16384 };

/* out[n,y,x,c] = ((gain[n] * image[n,y+top,x'+left,c] + shift[n,c]) - mean[y,x,c]) * scale[n], x' mirrored if asked.
 * images: uint8 (N, H, W, C); mean: (h, w, C); out: (N, h, w, C); w * C <= MAX_ROW. */
EXPORT KERNEL void alexnet_train_view(int64_t start, int64_t stop, int64_t part, const Value *v) {
    const uint8_t *images = v[0].p, *mirror = v[6].p;
    const int64_t height = v[1].i, width = v[2].i, channels = v[3].i, out_height = v[11].i, out_width = v[12].i;
    const int32_t *top = v[4].p, *left = v[5].p;
    const float *gain = v[7].p, *shift = v[8].p, *scale = v[9].p, *mean = v[10].p;
    float *out = v[13].p;
    const int64_t row = out_width * channels;
    uint8_t reversed[MAX_ROW];
    float offset[MAX_ROW];
    for (int64_t n = start; n < stop; n++) {
        for (int64_t i = 0; i < row; i++) offset[i] = shift[n * channels + i % channels];
        const float g = gain[n], s = scale[n];
        for (int64_t y = 0; y < out_height; y++) {
            const uint8_t *source = images + ((n * height + y + top[n]) * width + left[n]) * channels;
            if (mirror[n]) {
                if (channels == 3) {
                    for (int64_t x = 0; x < out_width; x++)
                        for (int64_t c = 0; c < 3; c++) reversed[x * 3 + c] = source[(out_width - 1 - x) * 3 + c];
                } else {
                    for (int64_t x = 0; x < out_width; x++)
                        for (int64_t c = 0; c < channels; c++)
                            reversed[x * channels + c] = source[(out_width - 1 - x) * channels + c];
                }
                source = reversed;
            }
            const float *m = mean + y * row;
            float *o = out + (n * out_height + y) * row;
            for (int64_t i = 0; i < row; i++) o[i] = ((g * (float)source[i] + offset[i]) - m[i]) * s;
        }
    }
}
