#include "common/service/service.h"

#include <stddef.h>
#include <systemd/sd-daemon.h>

enum { SIGNS_PER_TIMEOUT = 3, US_PER_MS = 1000 };

void
kt_service_ready(kt_service_t *self, const char *status)
{
    uint64_t timeout_us = 0;
    *self               = (kt_service_t){0};
    if (sd_watchdog_enabled(0, &timeout_us) > 0)
        self->interval_ms = (int64_t)(timeout_us / US_PER_MS / SIGNS_PER_TIMEOUT);
    (void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void
kt_service_alive(kt_service_t *self, int64_t now_ms)
{
    if (self->interval_ms == 0 || now_ms < self->next_ms)
        return;
    self->next_ms = now_ms + self->interval_ms;
    (void)sd_notify(0, "WATCHDOG=1");
}

void
kt_service_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}
