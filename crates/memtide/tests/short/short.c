/* Loaded before the C library, has each read and write of a file move three bytes at most, as Linux may. */

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static size_t most(int fd, size_t count) {
    struct stat of;
    return count > 3 && fstat(fd, &of) == 0 && S_ISREG(of.st_mode) ? 3 : count;
}

ssize_t read(int fd, void *buffer, size_t count) {
    return syscall(SYS_read, fd, buffer, most(fd, count));
}

ssize_t write(int fd, const void *buffer, size_t count) {
    return syscall(SYS_write, fd, buffer, most(fd, count));
}

ssize_t pread64(int fd, void *buffer, size_t count, off_t offset) {
    return syscall(SYS_pread64, fd, buffer, most(fd, count), offset);
}
