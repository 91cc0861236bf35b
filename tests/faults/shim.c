/* Faults in the calls that change a disk: the n-th one below a folder kills, fails, is cut short or is interrupted.

Loaded with LD_PRELOAD; shim_arm says which. Calls below other folders, and all before shim_arm, go through untouched.
close is done before it fails, as a close that reports a lost write does it. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOTHING, KILL_BEFORE, KILL_AFTER, FAIL, SHORT };

static char folder[4096];
static int number, count, action, error;
static unsigned char ours[4096];
static char last[64];

void shim_arm(const char *below, int nth, int what, int code)
{
    strncpy(folder, below, sizeof folder - 1);
    number = nth;
    count = 0;
    action = what;
    error = code;
    memset(ours, 0, sizeof ours);
    last[0] = 0;
}

int shim_count(void) { return count; }
const char *shim_last(void) { return last; }

static int below(const char *path) { return folder[0] && path && !strncmp(path, folder, strlen(folder)); }
static int known(int fd) { return folder[0] && fd >= 0 && fd < (int)sizeof ours && ours[fd]; }

/* Say whether this is the call to do something to. */
static int now(const char *name)
{
    if (++count != number)
        return NOTHING;
    strncpy(last, name, sizeof last - 1);
    if (action == KILL_BEFORE)
        kill(getpid(), SIGKILL);
    return action;
}

static long ended(int what, long result)
{
    if (what == KILL_AFTER)
        kill(getpid(), SIGKILL);
    return result;
}

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name)
#define FAILS(what) if ((what) == FAIL) { errno = error; return -1; }

static int opened(int fd, const char *path, int flags)
{
    if (fd >= 0 && fd < (int)sizeof ours)
        ours[fd] = below(path) && ((flags & (O_WRONLY | O_RDWR | O_CREAT)) || (flags & O_DIRECTORY) || 1);
    return fd;
}

#define OPEN(symbol) \
int symbol(const char *path, int flags, ...) \
{ \
    REAL(int, #symbol, const char *, int, ...); \
    va_list rest; va_start(rest, flags); mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; va_end(rest); \
    int what = below(path) && (flags & (O_CREAT | O_WRONLY | O_RDWR)) ? now(#symbol) : NOTHING; \
    FAILS(what) \
    return ended(what, opened(real(path, flags, mode), path, flags)); \
}
OPEN(open)
OPEN(open64)

#define OPENAT(symbol) \
int symbol(int where, const char *path, int flags, ...) \
{ \
    REAL(int, #symbol, int, const char *, int, ...); \
    va_list rest; va_start(rest, flags); mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; va_end(rest); \
    int what = below(path) && (flags & (O_CREAT | O_WRONLY | O_RDWR)) ? now(#symbol) : NOTHING; \
    FAILS(what) \
    return ended(what, opened(real(where, path, flags, mode), path, flags)); \
}
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *data, size_t size)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    int what = known(fd) ? now("write") : NOTHING;
    FAILS(what)
    if (what == SHORT && size > 1)
        size /= 2;
    return ended(what, real(fd, data, size));
}

int close(int fd)
{
    REAL(int, "close", int);
    int what = known(fd) ? now("close") : NOTHING;
    if (fd >= 0 && fd < (int)sizeof ours)
        ours[fd] = 0;
    int result = real(fd);
    FAILS(what)
    return ended(what, result);
}

#define ON_FILE(symbol) \
int symbol(int fd) \
{ \
    REAL(int, #symbol, int); \
    int what = known(fd) ? now(#symbol) : NOTHING; \
    FAILS(what) \
    return ended(what, real(fd)); \
}
ON_FILE(fsync)
ON_FILE(fdatasync)

#define TRUNCATE(symbol, type) \
int symbol(int fd, type size) \
{ \
    REAL(int, #symbol, int, type); \
    int what = known(fd) ? now(#symbol) : NOTHING; \
    FAILS(what) \
    return ended(what, real(fd, size)); \
}
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

int rename(const char *from, const char *to)
{
    REAL(int, "rename", const char *, const char *);
    int what = below(from) || below(to) ? now("rename") : NOTHING;
    FAILS(what)
    return ended(what, real(from, to));
}

#define ON_PATH(symbol) \
int symbol(const char *path) \
{ \
    REAL(int, #symbol, const char *); \
    int what = below(path) ? now(#symbol) : NOTHING; \
    FAILS(what) \
    return ended(what, real(path)); \
}
ON_PATH(unlink)
ON_PATH(rmdir)

int mkdir(const char *path, mode_t mode)
{
    REAL(int, "mkdir", const char *, mode_t);
    int what = below(path) ? now("mkdir") : NOTHING;
    FAILS(what)
    return ended(what, real(path, mode));
}
