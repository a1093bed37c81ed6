/* Preloaded into a process: the FAULT_AT-th of its calls that change a file fails, and so does each after it.

FAULT_KIND: "kill" ends the process before the call, "torn" after half of what it was to write, "full" makes it fail with ENOSPC.
Only files below FAULT_DIR count. FAULT_LOG: a file that gets one byte for each such call, so that a run without a fault counts them. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int calls;

static int below(const char *path) {
    const char *folder = getenv("FAULT_DIR");
    return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static int file_below(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return below(path);
}

/* 0: go on; 1: half of the write, then die; -1: the disk is full */
static int fault(int counts) {
    const char *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND"), *log = getenv("FAULT_LOG");
    if (!counts) return 0;
    calls++;
    if (log) {
        int fd = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        REAL(write)(fd, "x", 1);
        close(fd);
    }
    if (!at || calls < atoi(at)) return 0;
    if (strcmp(kind, "full") == 0) return -1;
    if (strcmp(kind, "torn") == 0) return 1;
    raise(SIGKILL);
    return 0;
}

#define WRITE(name, parameters, ...)                                    \
    ssize_t name parameters {                                           \
        int what = fault(file_below(fd));                               \
        if (what < 0) { errno = ENOSPC; return -1; }                    \
        if (what > 0) { size /= 2; REAL(name)(__VA_ARGS__); raise(SIGKILL); } \
        return REAL(name)(__VA_ARGS__);                                 \
    }

WRITE(write, (int fd, const void *data, size_t size), fd, data, size)
WRITE(pwrite, (int fd, const void *data, size_t size, off_t place), fd, data, size, place)
WRITE(pwrite64, (int fd, const void *data, size_t size, off64_t place), fd, data, size, place)

/* A full disk takes no more bytes and no new files; what frees or orders them goes on. */
#define CHANGE(type, name, parameters, counts, ...)                      \
    type name parameters {                                              \
        if (fault(counts) > 0) raise(SIGKILL);                           \
        return REAL(name)(__VA_ARGS__);                                  \
    }

CHANGE(int, unlink, (const char *path), below(path), path)
CHANGE(int, rename, (const char *from, const char *to), below(to), from, to)
CHANGE(int, link, (const char *from, const char *to), below(to), from, to)
CHANGE(int, mkdir, (const char *path, mode_t mode), below(path), path, mode)
CHANGE(int, ftruncate, (int fd, off_t size), file_below(fd), fd, size)
CHANGE(int, ftruncate64, (int fd, off64_t size), file_below(fd), fd, size)
CHANGE(int, fsync, (int fd), file_below(fd), fd)
CHANGE(int, fdatasync, (int fd), file_below(fd), fd)

#define OPEN(name)                                                       \
    int name(const char *path, int flags, ...) {                         \
        va_list rest;                                                    \
        va_start(rest, flags);                                           \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;        \
        va_end(rest);                                                    \
        int what = fault(flags & O_CREAT && below(path) && access(path, F_OK)); \
        if (what < 0) { errno = ENOSPC; return -1; }                     \
        if (what > 0) raise(SIGKILL);                                    \
        return REAL(name)(path, flags, mode);                            \
    }

OPEN(open)
OPEN(open64)
