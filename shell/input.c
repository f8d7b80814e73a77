#include "shell/input.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Up to cap octets, until the end of the input. Returns how many, or an error. */
static ssize_t read_until_end(char *dst, size_t cap, int fd, struct err *err)
{
    int64_t deadline = now_ms() + LIMIT_INPUT_MS;
    size_t len = 0;
    while (len < cap) {
        int64_t left = deadline - now_ms();
        int ready =
            left <= 0 ? 0 : poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, (int)left);
        if (ready == 0) {
            return err_set(err, ERR_TIMEOUT, "the input was not complete within %d s",
                           LIMIT_INPUT_MS / 1000);
        }
        ssize_t n = ready < 0 ? -1 : read(fd, dst + len, cap - len);
        if (n == 0) {
            break;
        }
        if (n > 0) {
            len += (size_t)n;
        } else if (errno != EINTR && errno != EAGAIN) {
            return err_set(err, -errno, "standard input: %s", strerror(errno));
        }
    }
    return (ssize_t)len;
}

int input_read(char **input, int fd, enum request_input kind, struct err *err)
{
    size_t max = kind == REQUEST_INPUT_CSR   ? LIMIT_CSR_PEM
                 : kind == REQUEST_INPUT_JWS ? LIMIT_REVOKE_JWS
                                             : LIMIT_CHAIN_PEM;
    *input = NULL;
    if (kind == REQUEST_INPUT_NONE) {
        return 0;
    }
    char *text = malloc(max + 2);
    if (text == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    ssize_t len = read_until_end(text, max + 1, fd, err);
    int ret = (int)len;
    if (len > (ssize_t)max) {
        ret = err_set(err, ERR_LIMIT, "the input is larger than %zu KiB", max >> 10);
    }
    if (ret >= 0) {
        text[len] = '\0';
        ret = request_check_input(kind, text, (size_t)len, err);
    }
    if (ret < 0) {
        free(text);
        return ret;
    }
    *input = text;
    return 0;
}
