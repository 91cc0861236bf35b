/* What every kernel shares.
 *
 * Every kernel works on the range [start, stop) of its outermost axis, so that a team of threads can share the work
 * (team.c); no result depends on how the range is cut. `part` numbers the thread, for scratch memory. The values are
 * those of the call in library.py, in its order. Floating-point contraction is off.
 */
#ifndef ALEXNET_COMMON_H
#define ALEXNET_COMMON_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__linux__) && !defined(ALEXNET_ONE_TARGET)
#define KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KERNEL
#endif

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#ifdef _MSC_VER
#define INLINE static __forceinline
#else
#define INLINE static inline __attribute__((always_inline)) /* else a helper is compiled once, for the oldest CPU */
#endif

#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define INDEPENDENT _Pragma("GCC ivdep")
#else
#define INDEPENDENT
#endif

#if defined(__GNUC__)
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)0)
#endif

#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-parameter" /* of the one signature, a kernel may need only some */
#endif

typedef union {
    void *p;
    int64_t i;
    double r;
} Value;

typedef void Kernel(int64_t start, int64_t stop, int64_t part, const Value *v);

INLINE float from_bf16(uint16_t bits) {
    uint32_t word = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &word, 4);
    return value;
}

/* For what is a number: a tenth of the time of a view goes to the question. */
INLINE uint16_t number_to_bf16(float value) {
    uint32_t word;
    memcpy(&word, &value, 4);
    return (uint16_t)((word + 0x7FFF + ((word >> 16) & 1)) >> 16);
}

INLINE uint16_t to_bf16(float value) {
    uint32_t word;
    memcpy(&word, &value, 4);
    return (word & 0x7FFFFFFF) > 0x7F800000 ? 0x7FC0 : number_to_bf16(value);
}

/* s**(-1/4) for s > 0, 0 for infinity: a guess on the bits, a step of Householder's method to the fourth power of its error
 * and one of Newton's; relative error below 4e-7. */
INLINE float inverse_fourth_root(float s) {
    uint32_t bits;
    float y;
    memcpy(&bits, &s, 4);
    bits = 0x4F58CCCD - (bits >> 2);
    memcpy(&y, &bits, 4);
    const float error = 1 - s * (y * y) * (y * y);
    y += y * error * (0.25f + error * (0.15625f + error * 0.1171875f));
    y *= 1.25f - 0.25f * (s * (y * y)) * (y * y);
    return s > 3.4e38f ? 0 : y;
}

/* r = s**-beta, and s becomes 1 / s; quickly for 0.75, the exponent of every published network, where s is ordinary. */
INLINE void inverse_powers(float *s, float *r, int64_t count, float beta) {
    if (beta == 0.75f)
        for (int64_t i = 0; i < count; i++) {
            const float y = inverse_fourth_root(s[i]);
            r[i] = y * (y * y);
            s[i] = (y * y) * (y * y);
        }
    else
        for (int64_t i = 0; i < count; i++) r[i] = powf(s[i], -beta), s[i] = 1.0f / s[i];
}

#endif
