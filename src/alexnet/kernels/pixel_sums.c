#include "common.h"

/* Exact sums over pictures: of each value, and of the products of the channels of a pixel. The products are summed at
 * every place of a row of LANES values, the value itself and those after it: a multiple of the channels, so that a place
 * keeps its pair of channels. Places that pair the channels of two pixels are left out at the end. */

enum { LANES = 48, REACH = 3, ROWS = 1 << 16 }; /* 255 * 255 * ROWS < 2**32 */

INLINE void add_rows(const uint8_t *pixels, int64_t rows, int64_t channels, int64_t *products) {
    uint32_t sums[REACH][LANES] = {{0}};
    for (int64_t row = 0; row < rows; row++)
        for (int64_t apart = 0; apart < channels; apart++)
            for (int64_t i = 0; i < LANES; i++)
                sums[apart][i] += (uint32_t)pixels[row * LANES + i] * pixels[row * LANES + i + apart];
    for (int64_t i = 0; i < LANES; i++)
        for (int64_t a = i % channels, b = a; b < channels; b++) products[a * channels + b] += sums[b - a][i];
}

INLINE void add_products(const uint8_t *pixels, int64_t length, int64_t channels, int64_t *products) {
    int64_t i = 0;
    for (int64_t left; (left = (length - i - REACH) / LANES) > 0;) {
        const int64_t rows = left < ROWS ? left : ROWS;
        add_rows(pixels + i, rows, channels, products);
        i += rows * LANES;
    }
    for (; i < length; i += channels)
        for (int64_t a = 0; a < channels; a++)
            for (int64_t b = a; b < channels; b++) products[a * channels + b] += pixels[i + a] * pixels[i + b];
}

/* Pixels [start, stop) of a picture of 1 or 3 channels are added to `image`, and the upper triangle of their products
 * to the matrix of this part. */
EXPORT KERNEL void alexnet_pixel_sums(int64_t start, int64_t stop, int64_t part, const Value *v) {
    const int64_t channels = v[1].i, length = (stop - start) * channels;
    const uint8_t *pixels = (const uint8_t *)v[0].p + start * channels;
    uint64_t *image = (uint64_t *)v[2].p + start * channels;
    int64_t *products = (int64_t *)v[3].p + part * channels * channels;
    for (int64_t i = 0; i < length; i++) image[i] += pixels[i];
    if (channels == 3)
        add_products(pixels, length, 3, products);
    else
        add_products(pixels, length, 1, products);
}
