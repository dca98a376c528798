/* A disk that fails, between a process and the files of one directory. See lib.rs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define SECTOR 512
#define MAX_FILES 256

/* A change of a file that is not synced yet. */
struct change {
    struct change *before;
    struct change *after;
    int file;
    int is_cut;     /* ftruncate; else a write */
    off_t offset;   /* of a write; the new size of a cut */
    size_t length;
    char *written;
    off_t old_size;
    size_t old_length;
    char *old;      /* what was at offset, as far as the file reached */
};

struct file {
    dev_t device;
    ino_t inode;
    /* Opened here and never closed: closing it would let go of the process's locks. */
    int fd;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file files[MAX_FILES];
static int file_count;
static struct change *first, *last;
static uint64_t operations, cut_at, kill_at, seed;
static int lies;
static const char *directory, *switch_path, *count_path;
static size_t directory_length;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

static uint64_t number(const char *name) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void start(void) {
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_write = dlsym(RTLD_NEXT, "write");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    directory = getenv("SYNOD_FAULT_DIR");
    directory_length = directory ? strlen(directory) : 0;
    switch_path = getenv("SYNOD_FAULT_SWITCH");
    count_path = getenv("SYNOD_FAULT_COUNT");
    cut_at = number("SYNOD_FAULT_CUT_AT");
    kill_at = number("SYNOD_FAULT_KILL_AT");
    seed = number("SYNOD_FAULT_SEED");
    lies = (int)number("SYNOD_FAULT_LIE");
    /* What this process starts has a sound disk. */
    unsetenv("LD_PRELOAD");
}

__attribute__((destructor)) static void end(void) {
    if (!count_path) return;
    int fd = open(count_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) return;
    char text[32];
    int length = snprintf(text, sizeof text, "%llu", (unsigned long long)operations);
    if (real_write(fd, text, (size_t)length) < 0) _exit(97);
    close(fd);
}

/* Returns the index of a file of the directory, -1 for all others. */
static int find(int fd) {
    struct stat status;
    if (!directory || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return -1;
    for (int i = 0; i < file_count; i++)
        if (files[i].device == status.st_dev && files[i].inode == status.st_ino) return i;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return -1;
    path[length] = 0;
    if (strncmp(path, directory, directory_length) != 0 || path[directory_length] != '/') return -1;
    if (length > 4 && strcmp(path + length - 4, "-shm") == 0) return -1;
    int own = open(link, O_RDWR | O_CLOEXEC);
    if (own < 0 || file_count == MAX_FILES) _exit(98);
    files[file_count].device = status.st_dev;
    files[file_count].inode = status.st_ino;
    files[file_count].fd = own;
    return file_count++;
}

static uint64_t draw(void) {
    seed += 0x9e3779b97f4a7c15ull;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static void put(int fd, const char *bytes, size_t length, off_t offset) {
    while (length > 0) {
        ssize_t done = real_pwrite(fd, bytes, length, offset);
        if (done <= 0) _exit(99);
        bytes += done;
        length -= (size_t)done;
        offset += done;
    }
}

/* Takes back what is not synced, lets some of it reach the disk after all, and ends. */
static void cut_power(void) {
    int is_partial = seed != 0;
    for (struct change *it = last; it; it = it->before) {
        put(files[it->file].fd, it->old, it->old_length, it->offset);
        if (real_ftruncate(files[it->file].fd, it->old_size) != 0) _exit(99);
    }
    for (struct change *it = first; is_partial && it; it = it->after) {
        uint64_t fate = draw() % 3;
        if (fate == 0) continue;
        if (it->is_cut) {
            if (fate == 1 && real_ftruncate(files[it->file].fd, it->offset) != 0) _exit(99);
            continue;
        }
        size_t kept = it->length;
        if (fate == 2) kept = draw() % (it->length / SECTOR + 1) * SECTOR;
        put(files[it->file].fd, it->written, kept, it->offset);
    }
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Counts an operation, which may be the one that does not happen any more. */
static void count(void) {
    operations++;
    if (cut_at && operations == cut_at) cut_power();
    if (kill_at && operations == kill_at) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
}

/* Says which error an operation ends with: 0 for none. */
static int failure(int is_sync) {
    if (!switch_path) return 0;
    int fd = open(switch_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    char text[32] = {0};
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0) return 0;
    if (strncmp(text, "ENOSPC", 6) == 0) return is_sync ? 0 : ENOSPC;
    if (strncmp(text, "EIO-write", 9) == 0) return is_sync ? 0 : EIO;
    if (strncmp(text, "EIO-sync", 8) == 0) return is_sync ? EIO : 0;
    return 0;
}

static void remember(int file, int is_cut, const char *bytes, size_t length, off_t offset) {
    if (!cut_at) return;
    struct change *it = calloc(1, sizeof *it);
    struct stat status;
    if (!it || fstat(files[file].fd, &status) != 0) _exit(99);
    it->file = file;
    it->is_cut = is_cut;
    it->offset = offset;
    it->old_size = status.st_size;
    size_t reach = status.st_size > offset ? (size_t)(status.st_size - offset) : 0;
    it->old_length = is_cut || reach < length ? reach : length;
    it->old = malloc(it->old_length + 1);
    if (!it->old) _exit(99);
    if (pread(files[file].fd, it->old, it->old_length, offset) != (ssize_t)it->old_length) _exit(99);
    if (!is_cut) {
        it->length = length;
        it->written = malloc(length + 1);
        if (!it->written) _exit(99);
        memcpy(it->written, bytes, length);
    }
    it->before = last;
    if (last) last->after = it; else first = it;
    last = it;
}

static void forget(int file) {
    struct change *it = first;
    while (it) {
        struct change *next = it->after;
        if (it->file == file) {
            if (it->before) it->before->after = it->after; else first = it->after;
            if (it->after) it->after->before = it->before; else last = it->before;
            free(it->old);
            free(it->written);
            free(it);
        }
        it = next;
    }
}

static ssize_t write_at(int fd, const void *bytes, size_t length, off_t offset, int at_cursor) {
    pthread_mutex_lock(&lock);
    int file = find(fd);
    int error = 0;
    ssize_t done = -1;
    if (file >= 0) {
        count();
        error = failure(0);
        if (!error) remember(file, 0, bytes, length, offset);
    }
    if (!error) done = at_cursor ? real_write(fd, bytes, length) : real_pwrite(fd, bytes, length, offset);
    int kept = error ? error : errno;
    pthread_mutex_unlock(&lock);
    errno = kept;
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
    return write_at(fd, bytes, length, offset, 0);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return write_at(fd, bytes, length, offset, 0);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!directory) return real_write(fd, bytes, length);
    off_t offset = lseek(fd, 0, SEEK_CUR);
    if (offset < 0) return real_write(fd, bytes, length);
    return write_at(fd, bytes, length, offset, 1);
}

int ftruncate64(int fd, off_t size) {
    pthread_mutex_lock(&lock);
    int file = find(fd);
    int error = 0;
    if (file >= 0) {
        count();
        error = failure(0) == EIO ? EIO : 0;
        if (!error) remember(file, 1, NULL, 0, size);
    }
    int done = error ? -1 : real_ftruncate(fd, size);
    int kept = error ? error : errno;
    pthread_mutex_unlock(&lock);
    errno = kept;
    return done;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

/* While power is to be cut the model alone decides what a sync brings to the disk, so the slow
   real one is left out. */
static int sync_file(int fd, int (*real)(int)) {
    pthread_mutex_lock(&lock);
    int file = find(fd);
    int error = 0;
    if (file >= 0) {
        count();
        error = failure(1);
        if (!error && !lies) forget(file);
    }
    int is_modelled = file >= 0 && (cut_at || kill_at);
    pthread_mutex_unlock(&lock);
    if (error) {
        errno = error;
        return -1;
    }
    return is_modelled ? 0 : real(fd);
}

int fsync(int fd) { return sync_file(fd, real_fsync); }
int fdatasync(int fd) { return sync_file(fd, real_fdatasync); }
