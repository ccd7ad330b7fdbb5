#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H
#include <stdbool.h>
#include <stdint.h>

/// Whether calls are counted here: on Linux with the GNU C library, without a sanitizer.
bool allocations_counted(void);
/// Calls of malloc, calloc, realloc, aligned_alloc, memalign and posix_memalign of the whole process so far, from every
/// thread and library.
uint64_t allocations_so_far(void);
#endif
