#include "common.h"

typedef struct {
    Kernel *kernel;
    int64_t count, parts;
    const Value *values;
    int (*number)(void), (*size)(void);
} Task;

static void work(void *data) {
    const Task *task = data;
    for (int64_t part = task->number(); part < task->parts; part += task->size())
        task->kernel(task->count * part / task->parts, task->count * (part + 1) / task->parts, part, task->values);
}

/* Run a kernel over range(count), cut into parts, on the OpenMP team of the process. OpenMP's entry points are given by
 * address: torch has loaded its own OpenMP, and a second team would fight it for the cores. */
EXPORT void alexnet_team(Kernel *kernel, int64_t count, int64_t parts, const Value *values,
                         void (*parallel)(void (*)(void *), void *, unsigned, unsigned), int (*number)(void),
                         int (*size)(void)) {
    Task task = {kernel, count, parts, values, number, size};
    parallel(work, &task, (unsigned)parts, 0);
}
