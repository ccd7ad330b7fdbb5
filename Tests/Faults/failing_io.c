// A shim that lets one system call fail, loaded before libc (LD_PRELOAD) by script/test-faults.
//
//   FAULT_CALL    write, sync, rename, open, mkdir or unlink: which kind of call is counted
//   FAULT_N       the number, from 1, of the call that fails
//   FAULT_MODE    once: only that call fails; stays: that one and all later ones (a disk that stays full);
//                 short: it writes half; interrupt: it fails with EINTR, once
//   FAULT_ERRNO   the error, as a number (28 is ENOSPC)
//   FAULT_UNDER   only files whose path begins so are counted
//   FAULT_REPORT  this file is created when the fault strikes, so that the script knows when n was too large
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static int is_under(const char *path) {
    const char *under = setting("FAULT_UNDER");
    return *under && strncmp(path, under, strlen(under)) == 0;
}

static int is_under_fd(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t count = readlink(link, path, sizeof path - 1);
    if (count < 0) return 0;
    path[count] = 0;
    return is_under(path);
}

// Counts a call that concerns the folder under test; whether this one is to fail.
static int strikes(const char *kind) {
    if (strcmp(kind, setting("FAULT_CALL")) != 0) return 0;
    long number = atomic_fetch_add(&calls, 1) + 1, wanted = atol(setting("FAULT_N"));
    int hit = strcmp(setting("FAULT_MODE"), "stays") == 0 ? number >= wanted : number == wanted;
    if (hit) {
        long report = syscall(SYS_openat, AT_FDCWD, setting("FAULT_REPORT"), O_WRONLY | O_CREAT, 0666);
        if (report >= 0) syscall(SYS_close, report);
        errno = strcmp(setting("FAULT_MODE"), "interrupt") == 0 ? EINTR : atoi(setting("FAULT_ERRNO"));
    }
    return hit;
}

static int is_short(void) { return strcmp(setting("FAULT_MODE"), "short") == 0; }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count) {
    if (is_under_fd(fd) && strikes("write")) {
        if (!is_short()) return -1;
        count -= count / 2;
    }
    return REAL(write)(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    if (is_under_fd(fd) && strikes("write")) {
        if (!is_short()) return -1;
        count -= count / 2;
    }
    return REAL(pwrite)(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    if (is_under_fd(fd) && strikes("write")) {
        if (!is_short()) return -1;
        count -= count / 2;
    }
    return REAL(pwrite64)(fd, bytes, count, offset);
}

int fsync(int fd) { return is_under_fd(fd) && strikes("sync") ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return is_under_fd(fd) && strikes("sync") ? -1 : REAL(fdatasync)(fd); }

int rename(const char *old, const char *new) {
    return is_under(new) && strikes("rename") ? -1 : REAL(rename)(old, new);
}

int mkdir(const char *path, mode_t mode) {
    return is_under(path) && strikes("mkdir") ? -1 : REAL(mkdir)(path, mode);
}

// Only calls that may create a file are counted: those are the ones a full disk refuses.
#define OPEN(name)                                                              \
    int name(const char *path, int flags, ...) {                                \
        va_list list;                                                           \
        va_start(list, flags);                                                  \
        mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;               \
        va_end(list);                                                           \
        if (flags & O_CREAT && is_under(path) && strikes("open")) return -1;    \
        return REAL(name)(path, flags, mode);                                   \
    }
OPEN(open)
OPEN(open64)
