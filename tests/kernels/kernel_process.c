/* Calls one kernel on what standard input says and writes back the memory that it was given.
 *
 * In: a name of 64 bytes, the length of the outermost axis, the number of values, then the values, each a kind and 8 bytes: a
 * plain value, or the size of a memory whose bytes follow. Out: the bytes of all memories. */
#include <stdio.h>
#include <stdlib.h>

#include "common.h"

enum { PLAIN, MEMORY, MOST = 32 };

#define ENTRY(name) Kernel name;
ALL_KERNELS
#undef ENTRY
#define ENTRY(name) {#name, name},
static const struct {
    const char *name;
    Kernel *kernel;
} TABLE[] = {ALL_KERNELS};

static void read_bytes(void *to, size_t size) {
    if (fread(to, 1, size, stdin) != size) exit(2);
}

int main(void) {
    char name[64];
    int64_t count, number, kind, size[MOST] = {0};
    Value values[MOST];
    read_bytes(name, sizeof name), read_bytes(&count, 8), read_bytes(&number, 8);
    for (int64_t i = 0; i < number; i++) {
        read_bytes(&kind, 8), read_bytes(&values[i], 8);
        if (kind == PLAIN) continue;
        size[i] = values[i].i;
        values[i].p = malloc((size_t)size[i] + 64);
        read_bytes(values[i].p, (size_t)size[i]);
    }
    for (size_t k = 0; k < sizeof TABLE / sizeof *TABLE; k++)
        if (strncmp(TABLE[k].name, name, sizeof name) == 0) {
            TABLE[k].kernel(0, count, 0, values);
            for (int64_t i = 0; i < number; i++) fwrite(values[i].p, 1, (size_t)size[i], stdout);
            return 0;
        }
    return 3;
}
