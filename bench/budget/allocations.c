/* Counts what a process allocates, for bench/budget: loaded before the C library (LD_PRELOAD).
 *
 * The counters are in a file below the folder $BENCH_BUDGET, named by the process, so that they can be read
 * while it runs: allocations and bytes, both 64 bits wide. A process that is forked begins its own. With PYTHONMALLOC=malloc each object of Python
 * that is allocated counts, but for those that it takes from its own free lists.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

struct counters {
    uint64_t allocations, bytes;
};

static struct counters unseen, *counted = &unseen;

static void begin(void)
{
    const char *folder = getenv("BENCH_BUDGET");
    char path[4096];
    if (folder == NULL)
        return;
    snprintf(path, sizeof path, "%s/%d.allocations", folder, (int)getpid());
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return;
    if (ftruncate(file, sizeof unseen) == 0) {
        void *shared = mmap(NULL, sizeof unseen, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (shared != MAP_FAILED)
            counted = shared;
    }
    close(file);
}

__attribute__((constructor)) static void load(void)
{
    begin();
    pthread_atfork(NULL, NULL, begin);
}

static void count(size_t bytes)
{
    __atomic_fetch_add(&counted->allocations, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counted->bytes, bytes, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
    count(size);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count(number * size);
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    count(size);
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
    count(size);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **made, size_t alignment, size_t size)
{
    *made = memalign(alignment, size);
    return *made == NULL ? ENOMEM : 0;
}
