#include "coordinator/loop/counters.h"

#include "common/err.h"

#include <stdio.h>
#include <string.h>

enum { SECOND_MS = 1000 };

bool
kt_counters_tick(kt_counters_t *self, int64_t now_ms)
{
    if (now_ms - self->second_ms < SECOND_MS)
        return false;
    self->second_ms             = now_ms;
    self->second                = (self->second + 1) % (KT_RATE_SECONDS + 1);
    self->done_in[self->second] = 0;
    return true;
}

void
kt_counters_outcome(kt_counters_t *self, bool failure, int code)
{
    self->done_in[self->second]++;
    if (!failure) {
        self->outcomes.done++;
        return;
    }
    self->outcomes.failed++;
    if (code > 0 && code < KT_FAILURE_CODES)
        self->outcomes.failures[code]++;
}

void
kt_counters_stage(kt_counters_t *self, const char *name, int64_t us)
{
    size_t i = 0;
    if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-")] != '\0')
        return;  // no stage of Kithara's
    while (i < self->n_stages && strcmp(self->stages[i].name, name) != 0)
        i++;
    if (i == KT_SNAPSHOT_STAGES)
        return;
    if (i == self->n_stages)
        snprintf(self->stages[self->n_stages++].name, sizeof self->stages[i].name, "%s", name);
    kt_histogram_add(&self->stages[i].times, us);
}

const double KT_BUCKETS_S[KT_BUCKETS] = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5,  1,     5,
                                         10,    30,    60,   300,  900, 3600, 21600, 86400};

void
kt_histogram_add(kt_histogram_t *self, int64_t us)
{
    size_t bucket = 0;
    if (us < 0)
        us = 0;  // a clock that was set back
    while (bucket < KT_BUCKETS && (double)us > KT_BUCKETS_S[bucket] * 1e6)
        bucket++;
    self->counts[bucket]++;
    self->us += (uint64_t)us;
}

uint64_t
kt_histogram_count(const kt_histogram_t *self)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= KT_BUCKETS; i++)
        count += self->counts[i];
    return count;
}

void
kt_counters_decoder(kt_counters_t *self, int code)
{
    switch (-code) {
    case KT_EDECODER: self->decoder_deaths.crash++; break;
    case KT_EDECMEM: self->decoder_deaths.memory++; break;
    case KT_EDECCPU: self->decoder_deaths.cpu++; break;
    case KT_EDECWALL: self->decoder_deaths.stall++; break;
    default: break;
    }
}

// Over the last ten full seconds and the current one, or since the start of the process where that is shorter.
double
kt_counters_rate(const kt_counters_t *self, int64_t now_ms)
{
    uint64_t sum     = 0;
    int64_t  span_ms = KT_RATE_SECONDS * 1000 + (now_ms - self->second_ms);
    int64_t  life_ms = now_ms - self->started_ms;
    for (size_t i = 0; i <= KT_RATE_SECONDS; i++)
        sum += self->done_in[i];
    if (life_ms < span_ms)
        span_ms = life_ms;
    return (double)sum * 1000 / (double)(span_ms < 1000 ? 1000 : span_ms);
}
