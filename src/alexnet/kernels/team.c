#include "common.h"

#ifdef _MSC_VER
#include <intrin.h>
#endif

typedef struct {
    Kernel *kernel;
    int64_t count, pieces, next;
    const Value *values;
    int (*number)(void);
} Task;

INLINE int64_t take(Task *task) {
#if defined(__GNUC__)
    return __atomic_fetch_add(&task->next, 1, __ATOMIC_RELAXED);
#else
    return _InterlockedExchangeAdd64(&task->next, 1);
#endif
}

static void work(void *data) {
    Task *task = data;
    for (int64_t piece; (piece = take(task)) < task->pieces;)
        task->kernel(task->count * piece / task->pieces, task->count * (piece + 1) / task->pieces, task->number(),
                     task->values);
}

/* Run a kernel over range(count), cut into pieces, on the OpenMP team of the process. A thread takes the next piece when it
 * is through with one: the system may hold up another. OpenMP's entry points are given by address: torch has loaded its own
 * OpenMP, and a second team would fight it for the cores. */
EXPORT void alexnet_team(Kernel *kernel, int64_t count, int64_t pieces, int64_t threads, const Value *values,
                         void (*parallel)(void (*)(void *), void *, unsigned, unsigned), int (*number)(void)) {
    Task task = {kernel, count, pieces, 0, values, number};
    parallel(work, &task, (unsigned)threads, 0);
}
