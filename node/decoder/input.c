#include "node/decoder/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_STEP = 64 << 10, PASSED_OVER = 4096 };

kt_err_t
kt_input_init(kt_input_t *self, int fd)
{
    struct stat st;
    *self = (kt_input_t){.fd = fd};
    if (fstat(fd, &st))
        return KT_EIO;
    self->stream = !S_ISREG(st.st_mode);
    self->size   = self->stream ? UINT64_MAX : (uint64_t)st.st_size;
    return KT_OK;
}

static kt_err_t
input_read_at(int fd, uint64_t at, void *into, size_t want, size_t *have)
{
    ssize_t n;
    do
        n = pread(fd, into, want, (off_t)at);
    while (n < 0 && errno == EINTR);
    *have = n > 0 ? (size_t)n : 0;
    return n < 0 ? KT_EIO : KT_OK;
}

static kt_err_t
input_read_next(kt_input_t *self, void *into, size_t want, size_t *have)
{
    ssize_t n;
    do
        n = read(self->fd, into, want);
    while (n < 0 && errno == EINTR);
    *have = n > 0 ? (size_t)n : 0;
    self->position += *have;
    return n < 0 ? KT_EIO : KT_OK;
}

// Keeps the stream's bytes up to `end`, or to its own end.
static kt_err_t
keep_head_until(kt_input_t *self, uint64_t end)
{
    size_t n = 1;
    end      = end < KT_INPUT_HEAD ? end : KT_INPUT_HEAD;
    while (self->have < end && n > 0) {
        if (self->have == self->capacity) {
            size_t   capacity = self->capacity ? 2 * self->capacity : HEAD_STEP;
            uint8_t *head     = realloc(self->head, capacity);
            if (!head)
                return KT_ENOMEM;
            self->head     = head;
            self->capacity = capacity;
        }
        size_t room = self->capacity - self->have, left = (size_t)end - self->have;
        if (input_read_next(self, self->head + self->have, left < room ? left : room, &n) != KT_OK)
            return KT_EIO;
        self->have += n;
    }
    return KT_OK;
}

kt_err_t
kt_input_look(kt_input_t *self, uint64_t at, void *into, size_t want, size_t *have)
{
    if (self->stream) {
        kt_err_t err = keep_head_until(self, at + want < at ? UINT64_MAX : at + want);
        if (err != KT_OK)
            return err;
        size_t there = at < self->have ? self->have - (size_t)at : 0;
        *have        = there < want ? there : want;
        if (*have > 0)
            memcpy(into, self->head + at, *have);
        return KT_OK;
    }
    size_t done = 0, n = 1;
    while (done < want && n > 0) {
        kt_err_t err = input_read_at(self->fd, at + done, (char *)into + done, want - done, &n);
        if (err != KT_OK)
            return err;
        done += n;
    }
    *have = done;
    return KT_OK;
}

bool
kt_input_reaches(const kt_input_t *self, uint64_t at)
{
    return !self->stream || at < self->have || at == self->position;
}

kt_err_t
kt_input_some(kt_input_t *self, uint64_t at, void *into, size_t want, size_t *have)
{
    uint8_t passed[PASSED_OVER];
    size_t  n = 1;
    if (!self->stream)
        return input_read_at(self->fd, at, into, want, have);
    if (at < self->have) {
        size_t there = self->have - (size_t)at;
        *have        = there < want ? there : want;
        memcpy(into, self->head + at, *have);
        return KT_OK;
    }
    free(self->head);
    self->head = NULL;
    self->have = 0;
    while (self->position < at && n > 0) {
        uint64_t left = at - self->position;
        if (input_read_next(self, passed, left < PASSED_OVER ? (size_t)left : PASSED_OVER, &n) != KT_OK)
            return KT_EIO;
    }
    if (self->position == at)
        return input_read_next(self, into, want, have);
    *have = 0;
    return KT_OK;
}
