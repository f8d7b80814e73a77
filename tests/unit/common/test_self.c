#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/self.h"
#include "common/sock.h"
#include "run.h"

/* In a process of its own; its answer is its exit status. */
static int in_child(int (*run)(void))
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        _exit(run());
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int set_signal(void)
{
    if (self_death_signal() != 0 || self_set_death_signal(SIGTERM) < 0 ||
        self_death_signal() != SIGTERM) {
        return 1;
    }
    return self_set_death_signal(-1) == -EINVAL ? 0 : 2;
}

static int lose_parent(void)
{
    int ready[2];
    pid_t child;

    if (pipe(ready) < 0 || (child = fork()) < 0) {
        return 1;
    }
    if (child == 0) {
        char c = '\0';

        self_set_death_signal(SIGKILL);
        (void)!write(ready[1], &c, 1);
        for (;;) {
            pause();
        }
    }
    return read(ready[0], &(char){0}, 1) == 1 ? 0 : 2; /* and end */
}

static void test_death_signal(void)
{
    int ends[2];
    char c;

    CU_ASSERT_EQUAL(in_child(set_signal), 0);
    /* the grandchild has the pipe's other end until it is killed */
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    CU_ASSERT_EQUAL(in_child(lose_parent), 0);
    close(ends[1]);
    CU_ASSERT_EQUAL(read(ends[0], &c, 1), 0);
    close(ends[0]);
}

static int close_all(void)
{
    int low = open("/dev/null", O_RDONLY), high = fcntl(low, F_DUPFD, low + 20);

    if (low < 0 || high < 0 || self_close_from((unsigned)low + 1) < 0) {
        return 1;
    }
    return fcntl(low, F_GETFD) >= 0 && fcntl(high, F_GETFD) < 0 ? 0 : 2;
}

static int without_rights(void)
{
    return self_no_new_privs() == 0 && self_set_dumpable(false) == 0 &&
                   self_drop_capabilities() == 0 && self_drop_capabilities() == 0 &&
                   chroot("/") < 0 && errno == EPERM
               ? 0
               : 1;
}

static void test_process(void)
{
    CU_ASSERT(self_cores() >= 1);
    CU_ASSERT_EQUAL(in_child(close_all), 0);
    CU_ASSERT_EQUAL(in_child(without_rights), 0);
}

static void test_peer(void)
{
    struct sock_peer peer = {0};
    int pair[2], pipes[2];

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
    CU_ASSERT_EQUAL(sock_peer(&peer, pair[0]), 0);
    CU_ASSERT_EQUAL(peer.pid, getpid());
    CU_ASSERT_EQUAL(peer.uid, geteuid());
    CU_ASSERT_EQUAL(sock_peer(&peer, pipes[0]), -ENOTSOCK);
    for (int i = 0; i < 2; i++) {
        close(pair[i]);
        close(pipes[i]);
    }
}

static int queue(int fd, int option)
{
    int octets = 0;

    CU_ASSERT_EQUAL(getsockopt(fd, SOL_SOCKET, option, &octets, &(socklen_t){sizeof(octets)}), 0);
    return octets;
}

static void test_queues(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0), in, out;

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int)), 0);
    CU_ASSERT_EQUAL(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){8192}, sizeof(int)), 0);
    out = queue(fd, SO_SNDBUF);
    sock_widen_receive(fd, 1 << 17);
    CU_ASSERT((in = queue(fd, SO_RCVBUF)) >= 1 << 17);
    CU_ASSERT_EQUAL(queue(fd, SO_SNDBUF), out);
    sock_widen_send(fd, 1 << 16);
    CU_ASSERT(queue(fd, SO_SNDBUF) >= 1 << 16);
    sock_widen_receive(fd, 4096); /* what is larger stays */
    CU_ASSERT_EQUAL(queue(fd, SO_RCVBUF), in);
    close(fd);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"a process ends with its parent", test_death_signal},
        {"cores, descriptors, rights", test_process},
        {"who is at the other end", test_peer},
        {"queues grow, and never shrink", test_queues},
    };

    return RUN("self", cases);
}
