/*
 * A disk that can lose its power. Preloaded into a program, it writes down everything the program does to the files
 * below one folder: each write with its bytes, each change of length, each name, and each fsync or fdatasync when it
 * begins and again when it has succeeded. `power.ts` plays that record back after the program was killed and leaves in
 * the folder what a disk without power would have kept: what was synced, and of the rest as little as it likes.
 *
 * RECORDED_FOLDER: absolute path, without links. RECORDED_LOG: the file to append to.
 *
 * One record is one write with O_APPEND, so that threads and children cannot mix theirs: a header as below, the path
 * (or both paths of a rename, one after the other), then the bytes. Numbers are little endian. What stdio writes does
 * not come by here (Redis writes its base file so); a sync therefore carries the file's length.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, TRUNCATE = 2, SYNC_BEGINS = 3, SYNCED = 4, RENAME = 5, UNLINK = 6 };

struct header {
  uint32_t kind;
  uint32_t path_length; /* bytes; of the first path, where there are two */
  uint64_t at;          /* offset of a write; new length; number of a sync */
  uint64_t length;      /* bytes that follow the path; length of the file at a sync, whose header ends its record */
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static size_t folder_length;
static int out = -1;
static uint64_t syncs;

static void take_turn(void) { pthread_mutex_lock(&turn); }
static void give_turn(void) { pthread_mutex_unlock(&turn); }

__attribute__((constructor)) static void begin(void) {
  const char *log = getenv("RECORDED_LOG");
  const char *place = getenv("RECORDED_FOLDER");
  if (place == NULL || log == NULL) return;
  /* A copy: programs that set their title (Redis) write over their environment. */
  snprintf(folder, sizeof folder, "%s", place);
  folder_length = strlen(folder);
  int opened = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  /* Away from the numbers that programs close without looking. */
  out = opened < 0 ? -1 : fcntl(opened, F_DUPFD_CLOEXEC, 900);
  if (opened >= 0) syscall(SYS_close, opened);
  /* A child must not inherit a turn that some thread of its parent had. */
  pthread_atfork(take_turn, give_turn, give_turn);
}

static int is_inside(const char *path) {
  return strncmp(path, folder, folder_length) == 0 && (path[folder_length] == '/' || path[folder_length] == 0);
}

/* The path of an open file, when it is one of ours. */
static int path_of(int fd, char path[PATH_MAX]) {
  if (out < 0 || fd < 0 || fd == out) return 0;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  int saved = errno;
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  errno = saved;
  if (length <= 0) return 0;
  path[length] = 0;
  static const char gone[] = " (deleted)";
  size_t tail = sizeof gone - 1;
  if ((size_t)length > tail && strcmp(path + length - tail, gone) == 0) return 0;
  return is_inside(path);
}

static int path_at(int folder_fd, const char *name, char path[PATH_MAX]) {
  if (out < 0 || name == NULL) return 0;
  char place[PATH_MAX];
  if (name[0] == '/') snprintf(place, sizeof place, "%s", name);
  else {
    char base[PATH_MAX];
    int saved = errno;
    if (folder_fd == AT_FDCWD) {
      if (getcwd(base, sizeof base) == NULL) base[0] = 0;
    } else {
      char link[64];
      snprintf(link, sizeof link, "/proc/self/fd/%d", folder_fd);
      ssize_t length = readlink(link, base, sizeof base - 1);
      base[length < 0 ? 0 : length] = 0;
    }
    errno = saved;
    if (snprintf(place, sizeof place, "%s/%s", base, name) >= (int)sizeof place) return 0;
  }
  memcpy(path, place, PATH_MAX);
  return is_inside(path);
}

static void record(uint32_t kind, const char *path, uint64_t at, uint64_t length, const void *bytes) {
  struct header header = { kind, (uint32_t)strlen(path), at, length };
  struct iovec parts[3] = {
    { &header, sizeof header }, { (void *)path, header.path_length }, { (void *)bytes, bytes == NULL ? 0 : length },
  };
  int saved = errno;
  if (syscall(SYS_writev, out, parts, 3) < 0) abort(); /* a record with holes proves nothing */
  errno = saved;
}

#define REAL(name, type) \
  static type real; \
  if (real == NULL) real = (type)dlsym(RTLD_NEXT, name)

typedef ssize_t (*write_type)(int, const void *, size_t);
typedef ssize_t (*pwrite_type)(int, const void *, size_t, off_t);
typedef ssize_t (*writev_type)(int, const struct iovec *, int);
typedef ssize_t (*pwritev_type)(int, const struct iovec *, int, off_t);
typedef int (*truncate_type)(int, off_t);
typedef int (*sync_type)(int);
typedef int (*rename_type)(const char *, const char *);
typedef int (*unlink_type)(const char *);

/* Where the next write lands. Only the holder of the turn asks, so nobody moves it meanwhile. */
static uint64_t place_of(int fd) {
  if (fcntl(fd, F_GETFL) & O_APPEND) {
    struct stat stat;
    return fstat(fd, &stat) == 0 ? (uint64_t)stat.st_size : 0;
  }
  off_t at = lseek(fd, 0, SEEK_CUR);
  return at < 0 ? 0 : (uint64_t)at;
}

static void record_parts(const char *path, uint64_t at, const struct iovec *parts, int count, ssize_t left) {
  for (int part = 0; part < count && left > 0; part++) {
    size_t size = parts[part].iov_len < (size_t)left ? parts[part].iov_len : (size_t)left;
    if (size > 0) record(WRITE, path, at, size, parts[part].iov_base);
    at += size;
    left -= (ssize_t)size;
  }
}

ssize_t write(int fd, const void *bytes, size_t size) {
  REAL("write", write_type);
  char path[PATH_MAX];
  if (!path_of(fd, path)) return real(fd, bytes, size);
  take_turn();
  uint64_t at = place_of(fd);
  ssize_t done = real(fd, bytes, size);
  if (done > 0) record(WRITE, path, at, (uint64_t)done, bytes);
  give_turn();
  return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
  REAL("pwrite64", pwrite_type);
  char path[PATH_MAX];
  if (!path_of(fd, path)) return real(fd, bytes, size, at);
  take_turn();
  ssize_t done = real(fd, bytes, size, at);
  if (done > 0) record(WRITE, path, (uint64_t)at, (uint64_t)done, bytes);
  give_turn();
  return done;
}
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) { return pwrite64(fd, bytes, size, at); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL("writev", writev_type);
  char path[PATH_MAX];
  if (!path_of(fd, path)) return real(fd, parts, count);
  take_turn();
  uint64_t at = place_of(fd);
  ssize_t done = real(fd, parts, count);
  record_parts(path, at, parts, count, done);
  give_turn();
  return done;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  REAL("pwritev64", pwritev_type);
  char path[PATH_MAX];
  if (!path_of(fd, path)) return real(fd, parts, count, at);
  take_turn();
  ssize_t done = real(fd, parts, count, at);
  record_parts(path, (uint64_t)at, parts, count, done);
  give_turn();
  return done;
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return pwritev64(fd, parts, count, at); }

int ftruncate64(int fd, off64_t size) {
  REAL("ftruncate64", truncate_type);
  char path[PATH_MAX];
  if (!path_of(fd, path)) return real(fd, size);
  take_turn();
  int failed = real(fd, size);
  if (!failed) record(TRUNCATE, path, (uint64_t)size, 0, NULL);
  give_turn();
  return failed;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

/* What was written before the sync began is on the disk once it has succeeded; the disk works without our turn. */
static int record_sync(int fd, sync_type real) {
  char path[PATH_MAX];
  struct stat stat;
  if (!path_of(fd, path) || fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode)) return real(fd);
  take_turn();
  uint64_t number = ((uint64_t)getpid() << 32) + ++syncs;
  fstat(fd, &stat);
  record(SYNC_BEGINS, path, number, (uint64_t)stat.st_size, NULL);
  give_turn();
  int failed = real(fd);
  if (failed) return failed;
  take_turn();
  record(SYNCED, path, number, (uint64_t)stat.st_size, NULL);
  give_turn();
  return 0;
}

int fsync(int fd) {
  REAL("fsync", sync_type);
  return record_sync(fd, real);
}
int fdatasync(int fd) {
  REAL("fdatasync", sync_type);
  return record_sync(fd, real);
}

static void record_rename(const char *from, const char *to) { record(RENAME, from, 0, strlen(to), to); }

int rename(const char *from, const char *to) {
  REAL("rename", rename_type);
  char old_path[PATH_MAX], new_path[PATH_MAX];
  if (!path_at(AT_FDCWD, from, old_path) || !path_at(AT_FDCWD, to, new_path)) return real(from, to);
  take_turn();
  int failed = real(from, to);
  if (!failed) record_rename(old_path, new_path);
  give_turn();
  return failed;
}

int unlink(const char *name) {
  REAL("unlink", unlink_type);
  char path[PATH_MAX];
  if (!path_at(AT_FDCWD, name, path)) return real(name);
  take_turn();
  int failed = real(name);
  if (!failed) record(UNLINK, path, 0, 0, NULL);
  give_turn();
  return failed;
}

/* Opening with O_TRUNC changes a length too. */
static int record_open(int fd, int flags) {
  char path[PATH_MAX];
  if (fd < 0 || !(flags & O_TRUNC) || !path_of(fd, path)) return fd;
  take_turn();
  record(TRUNCATE, path, 0, 0, NULL);
  give_turn();
  return fd;
}

#define MODE \
  mode_t mode = 0; \
  if (flags & (O_CREAT | O_TMPFILE)) { \
    va_list more; \
    va_start(more, flags); \
    mode = va_arg(more, mode_t); \
    va_end(more); \
  }

typedef int (*open_type)(const char *, int, ...);
typedef int (*openat_type)(int, const char *, int, ...);

int open(const char *name, int flags, ...) {
  MODE
  REAL("open", open_type);
  return record_open(real(name, flags, mode), flags);
}
int open64(const char *name, int flags, ...) {
  MODE
  REAL("open64", open_type);
  return record_open(real(name, flags, mode), flags);
}
int openat(int at, const char *name, int flags, ...) {
  MODE
  REAL("openat", openat_type);
  return record_open(real(at, name, flags, mode), flags);
}
int openat64(int at, const char *name, int flags, ...) {
  MODE
  REAL("openat64", openat_type);
  return record_open(real(at, name, flags, mode), flags);
}
