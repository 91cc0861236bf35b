#define _FILE_OFFSET_BITS 64
#include "crc32.h"

#ifndef _WIN32
#include <unistd.h>
#endif

/* Read one record; says whether all of it was there. */
INLINE int read_record(int32_t file, int64_t offset, int64_t length, uint8_t *out) {
    int64_t at = 0;
#ifndef _WIN32
    for (int64_t count = 1; count > 0 && at < length; at += count)
        count = pread(file, out + at, (size_t)(length - at), offset + at);
#endif
    return at == length;
}

/* Records of one length, from open files to out[n]: files, offsets, length, out, CRC-32, whether a record is known to fit
 * its sum already, and room for the answers: is_read[n] where all of a record was there and fits. The sum is taken while
 * the record is in a cache. */
EXPORT void alexnet_read_records(int64_t start, int64_t stop, int64_t part, const Value *v) {
    const int32_t *file = v[0].p;
    const int64_t *offset = v[1].p, length = v[2].i;
    uint8_t *out = v[3].p, *is_read = v[6].p;
    const uint32_t *sum = v[4].p;
    const uint8_t *is_checked = v[5].p;
    CrcTable table;
    int has_table = 0;
    for (int64_t n = start; n < stop; n++) {
        uint8_t *record = out + n * length;
        is_read[n] = (uint8_t)read_record(file[n], offset[n], length, record);
        if (!is_read[n] || is_checked[n]) continue;
        if (!has_table) make_crc_table(&table);
        has_table = 1;
        is_read[n] = crc32_of(&table, record, length) == sum[n];
    }
}
