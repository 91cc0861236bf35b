/* What every kernel shares.
 *
 * Every kernel works on the range [start, stop) of its outermost axis, so that a team of threads can share the work
 * (team.c); no result depends on how the range is cut. `part` numbers the range, for scratch memory. The values are
 * those of the call in library.py, in its order. Floating-point contraction is off.
 */
#ifndef ALEXNET_COMMON_H
#define ALEXNET_COMMON_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__linux__)
#define KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KERNEL
#endif

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

typedef union {
    void *p;
    int64_t i;
    double r;
} Value;

typedef void Kernel(int64_t start, int64_t stop, int64_t part, const Value *v);

static inline float from_bf16(uint16_t bits) {
    uint32_t word = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &word, 4);
    return value;
}

static inline uint16_t to_bf16(float value) {
    uint32_t word;
    memcpy(&word, &value, 4);
    uint32_t rounded = (word + 0x7FFF + ((word >> 16) & 1)) >> 16;
    return (word & 0x7FFFFFFF) > 0x7F800000 ? 0x7FC0 : (uint16_t)rounded;
}

/* r = s**-beta; 0.75, the exponent of every published network, by two square roots. */
static inline void inverse_power(const float *s, float *r, int64_t count, float beta) {
    if (beta == 0.75f)
        for (int64_t i = 0; i < count; i++) {
            float root = sqrtf(s[i]);
            r[i] = 1.0f / (root * sqrtf(root));
        }
    else
        for (int64_t i = 0; i < count; i++) r[i] = powf(s[i], -beta);
}

#endif
