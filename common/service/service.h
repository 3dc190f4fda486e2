// kt_service -- the state of a daemon for systemd (sd_notify(3)): ready, alive, stopping. Without systemd, or in a unit
// of another type than notify, each call does nothing. The thread of the daemon's event loop.
#pragma once

#include <stdint.h>

typedef struct kt_service {
    int64_t interval_ms;  // between signs of life: a third of WatchdogSec=; 0: none are expected
    int64_t next_ms;
} kt_service_t;

// Once, when the daemon serves. status: one line for `systemctl status`.
void kt_service_ready(kt_service_t *self, const char *status);
// In each tick of the event loop, which must be more frequent than the interval. now_ms: monotonic.
void kt_service_alive(kt_service_t *self, int64_t now_ms);
// When the daemon begins to end; TimeoutStopSec= of its unit says how long that may take.
void kt_service_stopping(void);
