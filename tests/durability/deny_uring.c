/* deny_uring EPERM|ENOSYS|MEMLOCK PROGRAM [ARGUMENT...]: runs a program where io_uring is denied,
 * as container runtimes do it (EPERM), as a kernel without it does (ENOSYS), or where hardly any
 * memory may be locked. Its children inherit it. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int deny(int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, __NR_io_uring_setup, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, __NR_io_uring_register, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return -1;
    }
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        (void)fprintf(stderr, "usage: deny_uring EPERM|ENOSYS|MEMLOCK PROGRAM [ARGUMENT...]\n");
        return 64;
    }
    int result;
    if (strcmp(argv[1], "MEMLOCK") == 0) {
        struct rlimit limit = {16384, 16384};
        result = setrlimit(RLIMIT_MEMLOCK, &limit);
    } else {
        result = deny(strcmp(argv[1], "ENOSYS") == 0 ? ENOSYS : EPERM);
    }
    if (result != 0) {
        (void)fprintf(stderr, "deny_uring: not permitted here: %s\n", strerror(errno));
        return 77;
    }
    (void)execv(argv[2], argv + 2);
    (void)fprintf(stderr, "deny_uring: %s: %s\n", argv[2], strerror(errno));
    return 127;
}
