#include "coordinator/link/conns.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { FDS_MAX = 1 << 16, FDS_FIRST = 256 };

typedef enum state { NONE, SILENT, HEARD, CLOSED } state_t;

typedef struct conn {
    state_t state;
    ino_t   inode;  // tells whether the descriptor is still that connection
    int64_t since_ms;
    char    key[KT_CURVE_TEXT];
} conn_t;

struct kt_conns {
    conn_t  *at;  // by descriptor
    size_t   n;
    uint16_t port;  // in host order; 0: ipc
};

kt_err_t
kt_conns_new(kt_conns_t **self_p, const char *endpoint)
{
    const char *colon = strrchr(endpoint, ':');
    kt_conns_t *self  = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    if (strncmp(endpoint, "tcp://", 6) == 0 && colon)
        self->port = (uint16_t)strtoul(colon + 1, NULL, 10);
    *self_p = self;
    return KT_OK;
}

void
kt_conns_destroy(kt_conns_t **self_p)
{
    kt_conns_t *self = *self_p;
    if (!self)
        return;
    free(self->at);
    free(self);
    *self_p = NULL;
}

// The inode of a connection that was accepted at the ROUTER's address; 0: the descriptor is none (any more).
static ino_t
inode_of(const kt_conns_t *self, int fd)
{
    struct sockaddr_storage own    = {0};
    socklen_t               length = sizeof own;
    struct stat             facts;
    uint16_t                port = 0;
    if (fstat(fd, &facts) || !S_ISSOCK(facts.st_mode) || getsockname(fd, (struct sockaddr *)&own, &length))
        return 0;
    if (own.ss_family == AF_INET)
        memcpy(&port, (const char *)&own + offsetof(struct sockaddr_in, sin_port), sizeof port);
    else if (own.ss_family == AF_INET6)
        memcpy(&port, (const char *)&own + offsetof(struct sockaddr_in6, sin6_port), sizeof port);
    return ntohs(port) == self->port ? facts.st_ino : 0;
}

// The place of a descriptor; NULL: beyond the bound, or no memory.
static conn_t *
place_of(kt_conns_t *self, int fd)
{
    if (fd < 0 || fd >= FDS_MAX)
        return NULL;
    if ((size_t)fd >= self->n) {
        size_t n = self->n ? self->n : FDS_FIRST;
        while (n <= (size_t)fd)
            n *= 2;
        conn_t *at = realloc(self->at, n * sizeof *at);
        if (!at)
            return NULL;
        memset(at + self->n, 0, (n - self->n) * sizeof *at);
        self->at = at;
        self->n  = n;
    }
    return &self->at[fd];
}

void
kt_conns_opened(kt_conns_t *self, int fd, int64_t now_ms)
{
    conn_t     *conn  = place_of(self, fd);
    const ino_t inode = conn ? inode_of(self, fd) : 0;
    if (!inode || (conn->state == HEARD && conn->inode == inode))
        return;  // its first message came before this event
    *conn = (conn_t){.state = SILENT, .inode = inode, .since_ms = now_ms};
}

void
kt_conns_ended(kt_conns_t *self, int fd)
{
    if (fd >= 0 && (size_t)fd < self->n)
        self->at[fd].state = NONE;
}

// Closes it: libzmq sees its end.
static void
conns_close(kt_conns_t *self, int fd)
{
    conn_t *conn = place_of(self, fd);
    if (!conn || !inode_of(self, fd))
        return;
    conn->state = CLOSED;
    shutdown(fd, SHUT_RDWR);
}

// Events may be lost: what is counted is looked at.
static size_t
count_of_key(kt_conns_t *self, const char *key)
{
    size_t count = 0;
    for (size_t fd = 0; fd < self->n; fd++) {
        conn_t *conn = &self->at[fd];
        if (conn->state != HEARD || strcmp(conn->key, key) != 0)
            continue;
        if (inode_of(self, (int)fd) == conn->inode)
            count++;
        else
            conn->state = NONE;
    }
    return count;
}

bool
kt_conns_heard(kt_conns_t *self, int fd, const char *key, int64_t now_ms)
{
    conn_t *conn = place_of(self, fd);
    if (!conn || (conn->state == HEARD && strcmp(conn->key, key) == 0))
        return true;
    if (conn->state == CLOSED && inode_of(self, fd) == conn->inode)
        return false;  // what it had sent before
    if (count_of_key(self, key) >= KT_CONNS_OF_KEY) {
        conn->inode = inode_of(self, fd);
        conns_close(self, fd);
        return false;
    }
    *conn = (conn_t){.state = HEARD, .inode = inode_of(self, fd), .since_ms = now_ms};
    strncpy(conn->key, key, sizeof conn->key - 1);
    return true;
}

size_t
kt_conns_close_silent(kt_conns_t *self, int64_t now_ms)
{
    size_t closed = 0;
    for (size_t fd = 0; fd < self->n; fd++) {
        conn_t *conn = &self->at[fd];
        if (conn->state != SILENT || now_ms - conn->since_ms < KT_CONNS_SILENT_MS)
            continue;
        if (inode_of(self, (int)fd) != conn->inode) {
            conn->state = NONE;
            continue;
        }
        conns_close(self, (int)fd);
        closed++;
    }
    return closed;
}
