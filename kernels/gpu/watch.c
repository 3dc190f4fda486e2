// The watcher of a GPU: load, memory, temperature and critical events once a second. A thread of its own, because the
// driver may take its time to answer, and no batch waits for that.
#include "common/clock.h"
#include "common/log.h"
#include "kernels/gpu/private.h"

#include <stdio.h>

enum { STATE_US = 1000000 };

void *
kt_gpu_watch(void *gpu)
{
    kt_gpu_t *self = gpu;
    pthread_mutex_lock(&self->lock);
    for (bool last = false; !self->closing && !last;) {
        kt_gpu_state_t state           = {.percent = -1, .celsius = -1};
        char           why[KT_GPU_WHY] = "";
        kt_gpu_expire(self);
        last = self->lost;  // one more look: the event that explains a loss may come after it
        pthread_mutex_unlock(&self->lock);
        const kt_err_t err = self->backend->state(self->context, &state, why);
        pthread_mutex_lock(&self->lock);
        if (state.xid && state.xid != self->state.xid)
            kt_log_warn("GPU-XID", "device=\"%s\" uuid=%s xid=%d fatal=%s", self->about.name, self->about.uuid,
                        state.xid, state.is_fatal ? "true" : "false");
        self->state = state;
        if (!err && state.is_fatal)
            snprintf(why, sizeof why, "the driver reported XID %d", state.xid);
        if (err || state.is_fatal)
            kt_gpu_lose(self, why);
        const int64_t until_us = kt_clock_us() + STATE_US;
        while (!self->closing && !last && !self->lost && kt_gpu_wait_on(&self->rest, &self->lock, until_us))
            continue;
    }
    self->running--;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}
