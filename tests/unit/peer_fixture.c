#include "tests/unit/peer_fixture.h"

#include "common/socket.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

char          px_folder[] = "/tmp/kithara-peer-XXXXXX";
kt_settings_t px_settings;

static kt_wire_arena_t arena;

void
px_set(const char *name, const char *value)
{
    char why[KT_SETTINGS_WHY];
    cr_assert_eq(kt_settings_set(&px_settings, name, value, why), KT_OK, "%s", why);
}

void
px_open(void)
{
    char  why[KT_SETTINGS_WHY];
    char *nothing[] = {NULL};
    cr_assert(mkdtemp(px_folder));
    cr_assert_eq(kt_settings_load(&px_settings, NULL, nothing, why), KT_OK, "%s", why);
    px_set("ANALYZER_STATE_DIR", px_folder);
}

static int
remove_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

void
px_close(void)
{
    kt_settings_fini(&px_settings);
    kt_wire_arena_fini(&arena);
    nftw(px_folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void
px_peer_init(px_peer_t *self, bool router)
{
    *self = (px_peer_t){.router = router};
    zmq_msg_init(&self->id);
    zmq_msg_init(&self->frame);
}

void
px_peer_fini(px_peer_t *self)
{
    zsock_destroy(&self->socket);
    zmq_msg_close(&self->id);
    zmq_msg_close(&self->frame);
}

void
px_send_bytes(px_peer_t *self, const void *bytes, size_t length)
{
    void *socket = zsock_resolve(self->socket);
    if (self->router)
        cr_assert_geq(zmq_send(socket, zmq_msg_data(&self->id), zmq_msg_size(&self->id), ZMQ_SNDMORE), 0);
    cr_assert_geq(zmq_send(socket, bytes, length, 0), 0);
}

void
px_send(px_peer_t *self, const kt_msg_t *msg)
{
    kt_buf_t bytes;
    kt_buf_init(&bytes, KT_MAX_FRAME_BYTES);
    cr_assert_eq(kt_wire_encode(msg, &bytes), KT_OK);
    px_send_bytes(self, bytes.bytes, bytes.length);
    kt_buf_fini(&bytes);
}

bool
px_receive(px_peer_t *self, kt_msg_t *msg, int timeout_ms)
{
    void *socket = zsock_resolve(self->socket);
    zsock_set_rcvtimeo(self->socket, timeout_ms);
    if (self->router && zmq_msg_recv(&self->id, socket, 0) < 0)
        return false;
    if (zmq_msg_recv(&self->frame, socket, 0) < 0)
        return false;
    cr_assert_eq(kt_wire_decode(zmq_msg_data(&self->frame), zmq_msg_size(&self->frame), &arena, msg), KT_OK);
    return true;
}

void
px_receive_only(px_peer_t *self, kt_msg_t *msg, kt_msg_type_t type)
{
    cr_assert(px_receive(self, msg, PX_WAIT_MS), "no %s came", kt_msg_name(type));
    cr_assert_eq(msg->type, type, "%s came, not %s", kt_msg_name(msg->type), kt_msg_name(type));
}

void
px_receive_next(px_peer_t *self, kt_msg_t *msg, kt_msg_type_t type)
{
    for (int i = 0; i < 1000; i++) {
        cr_assert(px_receive(self, msg, PX_WAIT_MS), "no %s came", kt_msg_name(type));
        if (msg->type == type)
            return;
    }
    cr_assert_fail("no %s among many messages", kt_msg_name(type));
}
