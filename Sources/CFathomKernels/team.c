// The team: threads that live as long as it does, spin between jobs for a moment, then sleep.
//
// A barrier is one counter per member on a cache line of its own: a member writes its own and reads the others', so
// nothing is contended. A member that waits long gives its core away, so that more threads than cores still progress.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exec.h"

enum { SPINS_BEFORE_YIELD = 2000, SPINS_BEFORE_SLEEP = 20000 };

typedef struct {
    _Alignas(128) _Atomic uint64_t at;      // barriers passed
    _Alignas(128) _Atomic uint64_t done;    // the last job finished
} member;

struct fk_team {
    int size;
    pthread_t *threads;
    struct start *starts;
    member *members;
    _Alignas(128) _Atomic uint64_t job;
    _Atomic int sleeping;
    _Atomic bool stop;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    // The job; written by the caller before `job` is raised.
    int job_threads;
    bool watching;
    const fk_instr *instrs;
    int64_t count;
    void *const *scratch;
};

struct start { fk_team *team; int index; };

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

uint64_t fk_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void wait_at_least(_Atomic uint64_t *value, uint64_t target) {
    for (int n = 0; atomic_load_explicit(value, memory_order_acquire) < target; n++) {
        if (n > 64) relax();
        if (n >= SPINS_BEFORE_YIELD) { sched_yield(); n = SPINS_BEFORE_YIELD / 2; }
    }
}

static void barrier(fk_team *team, int t, int threads, uint64_t target) {
    atomic_store_explicit(&team->members[t].at, target, memory_order_release);
    for (int u = 0; u < threads; u++)
        if (u != t) wait_at_least(&team->members[u].at, target);
}

// Barriers are numbered from the job's number, so that a member that sat out a job is not behind.
static void run_job(fk_team *team, uint64_t job, int t, int threads, const fk_instr *instrs, int64_t count, void *scratch, bool watching, uint64_t *nanoseconds) {
    uint64_t at = job << 24;
    uint64_t before = nanoseconds ? fk_now() : 0;
    for (int64_t i = 0; i < count; i++) {
        if (instrs[i].probe && !watching) continue;
        if (threads > 1 && (instrs[i].arrives == 1 || (instrs[i].arrives && !watching)))
            atomic_store_explicit(&team->members[t].at, at + 1, memory_order_release);
        if ((instrs[i].barrier == 1 || (instrs[i].barrier && watching)) && threads > 1) barrier(team, t, threads, ++at);
        // A profile tells instructions apart.
        if (instrs[i].together > 1 && !nanoseconds) {
            fk_instrs_run_together(&instrs[i], t, threads, scratch, watching);
            i += instrs[i].together - 1;
            continue;
        }
        fk_instr_run(&instrs[i], t, threads, scratch, watching);
        if (nanoseconds) {
            uint64_t now = fk_now();
            nanoseconds[i] += now - before;
            before = now;
        }
    }
}

static void *member_main(void *argument) {
    struct start *start = argument;
    fk_team *team = start->team;
    int t = start->index;
    uint64_t seen = 0;
    for (;;) {
        int n = 0;
        while (atomic_load_explicit(&team->job, memory_order_acquire) == seen) {
            relax();
            if (++n % SPINS_BEFORE_YIELD == 0) sched_yield();
            if (n < SPINS_BEFORE_SLEEP) continue;
            pthread_mutex_lock(&team->mutex);
            atomic_fetch_add(&team->sleeping, 1);
            while (atomic_load(&team->job) == seen) pthread_cond_wait(&team->wake, &team->mutex);
            atomic_fetch_sub(&team->sleeping, 1);
            pthread_mutex_unlock(&team->mutex);
        }
        seen = atomic_load_explicit(&team->job, memory_order_acquire);
        if (atomic_load_explicit(&team->stop, memory_order_relaxed)) return NULL;
        if (t < team->job_threads)
            run_job(team, seen, t, team->job_threads, team->instrs, team->count, team->scratch[t], team->watching, NULL);
        atomic_store_explicit(&team->members[t].done, seen, memory_order_release);
    }
}

static void announce(fk_team *team) {
    atomic_fetch_add(&team->job, 1);
    if (atomic_load(&team->sleeping) > 0) {
        pthread_mutex_lock(&team->mutex);
        pthread_cond_broadcast(&team->wake);
        pthread_mutex_unlock(&team->mutex);
    }
}

fk_team *fk_team_create(int size) {
    if (size < 1) return NULL;
    fk_team *team = NULL;
    if (posix_memalign((void **)&team, 128, sizeof *team)) return NULL;
    memset(team, 0, sizeof *team);
    team->size = size;
    team->threads = calloc((size_t)size, sizeof *team->threads);
    team->starts = calloc((size_t)size, sizeof *team->starts);
    if (!team->threads || !team->starts || posix_memalign((void **)&team->members, 128, (size_t)size * sizeof *team->members)) {
        free(team->threads), free(team->starts), free(team);
        return NULL;
    }
    memset(team->members, 0, (size_t)size * sizeof *team->members);
    pthread_mutex_init(&team->mutex, NULL);
    pthread_cond_init(&team->wake, NULL);
    for (int t = 1; t < size; t++) {
        team->starts[t] = (struct start){team, t};
        if (pthread_create(&team->threads[t], NULL, member_main, &team->starts[t])) {
            team->size = t;
            fk_team_destroy(team);
            return NULL;
        }
    }
    return team;
}

void fk_team_destroy(fk_team *team) {
    if (!team) return;
    atomic_store(&team->stop, true);
    announce(team);
    for (int t = 1; t < team->size; t++) pthread_join(team->threads[t], NULL);
    pthread_mutex_destroy(&team->mutex);
    pthread_cond_destroy(&team->wake);
    free(team->threads), free(team->starts), free(team->members), free(team);
}

void fk_team_run(fk_team *team, int threads, const fk_instr *instrs, int64_t count, void *const *scratch, bool watching, uint64_t *nanoseconds) {
    if (threads > team->size) threads = team->size;
    if (threads <= 1) {
        run_job(team, 0, 0, 1, instrs, count, scratch[0], watching, nanoseconds);
        return;
    }
    team->job_threads = threads;
    team->instrs = instrs;
    team->count = count;
    team->scratch = scratch;
    team->watching = watching;
    announce(team);
    uint64_t job = atomic_load_explicit(&team->job, memory_order_relaxed);
    run_job(team, job, 0, threads, instrs, count, scratch[0], watching, nanoseconds);
    for (int t = 1; t < team->size; t++) wait_at_least(&team->members[t].done, job);
}

int fk_processors(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int)n;
}
