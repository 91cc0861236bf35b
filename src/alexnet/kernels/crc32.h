/* CRC-32 as zlib, PNG and IEEE 802.3 have it: polynomial 0xEDB88320, bits reflected. */
#ifndef ALEXNET_CRC32_H
#define ALEXNET_CRC32_H

#include "common.h"

#if defined(__GNUC__) && defined(__x86_64__) && !defined(ALEXNET_ONE_TARGET)
#define FOLDS
#include <immintrin.h>
#endif

enum { BYTES_AT_ONCE = 8, FOLDED = 64 };

/* at[k][b]: what a byte b does to the state when k bytes of zeros follow it. */
typedef struct {
    uint32_t at[BYTES_AT_ONCE][256];
} CrcTable;

INLINE void make_crc_table(CrcTable *table) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t state = byte;
        for (int bit = 0; bit < 8; bit++) state = state >> 1 ^ (state & 1 ? 0xEDB88320 : 0);
        table->at[0][byte] = state;
    }
    for (int k = 1; k < BYTES_AT_ONCE; k++)
        for (int byte = 0; byte < 256; byte++) {
            const uint32_t before = table->at[k - 1][byte];
            table->at[k][byte] = before >> 8 ^ table->at[0][before & 255];
        }
}

INLINE uint32_t crc_of_bytes(const CrcTable *table, uint32_t state, const uint8_t *p, int64_t count) {
    for (; count >= BYTES_AT_ONCE; count -= BYTES_AT_ONCE, p += BYTES_AT_ONCE) {
        uint32_t next = 0;
        for (int i = 0; i < BYTES_AT_ONCE; i++)
            next ^= table->at[BYTES_AT_ONCE - 1 - i][p[i] ^ (i < 4 ? state >> 8 * i & 255 : 0)];
        state = next;
    }
    for (; count > 0; count--, p++) state = state >> 8 ^ table->at[0][(state ^ *p) & 255];
    return state;
}

#ifdef FOLDS
/* 16 bytes of the message, moved on by as many bits as the factors are for, plus those that lie there. */
__attribute__((target("pclmul,sse4.1"))) static __m128i fold(__m128i bytes, __m128i factors, __m128i there) {
    const __m128i low = _mm_clmulepi64_si128(bytes, factors, 0x00), high = _mm_clmulepi64_si128(bytes, factors, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), there);
}

/* 16 bytes with the CRC of `count` bytes, a multiple of 64. Carryless products, after Gopal and others, "Fast CRC
 * Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009); the factors are x to the power of
 * 512 + 32, 512 - 32 and 128 + 32, 128 - 32 modulo the polynomial, reflected. */
__attribute__((target("pclmul,sse4.1"))) static void fold_bytes(uint32_t state, const uint8_t *p, int64_t count,
                                                                uint8_t *out) {
    const __m128i far = _mm_set_epi64x(0x1c6e41596, 0x154442bd4), near = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    __m128i four[4];
    for (int i = 0; i < 4; i++) four[i] = _mm_loadu_si128((const __m128i *)p + i);
    four[0] = _mm_xor_si128(four[0], _mm_cvtsi32_si128((int)state));
    for (int64_t at = FOLDED; at < count; at += FOLDED)
        for (int i = 0; i < 4; i++) four[i] = fold(four[i], far, _mm_loadu_si128((const __m128i *)(p + at) + i));
    for (int i = 1; i < 4; i++) four[i] = fold(four[i - 1], near, four[i]);
    _mm_storeu_si128((__m128i *)out, four[3]);
}
#endif

INLINE uint32_t crc32_of(const CrcTable *table, const uint8_t *p, int64_t count) {
    uint32_t state = 0xFFFFFFFF;
#ifdef FOLDS
    const int64_t whole = count / FOLDED * FOLDED;
    if (whole && __builtin_cpu_supports("pclmul")) {
        uint8_t rest[16];
        fold_bytes(state, p, whole, rest);
        state = crc_of_bytes(table, 0, rest, sizeof rest);
        p += whole;
        count -= whole;
    }
#endif
    return ~crc_of_bytes(table, state, p, count);
}

#endif
