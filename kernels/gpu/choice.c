#include "kernels/gpu/choice.h"

static const double ITEMS_MOST = 65536;  // six songs of four minutes, or 16 full batches

void
kt_gpu_rate_add(kt_gpu_rate_t *self, double us, double items)
{
    const double sum = self->items + items, keep = sum > ITEMS_MOST ? ITEMS_MOST / sum : 1;
    self->us    = keep * (self->us + us);
    self->items = keep * sum;
}

static double
time_of(const kt_gpu_rate_t *rate, double items)
{
    return items * rate->us / rate->items;
}

bool
kt_gpu_choice(const kt_gpu_waiting_t *waiting, size_t n, const kt_gpu_rate_t *cpu, size_t frames)
{
    double queue_us = 0;
    for (size_t i = 0; i < n; i++)
        queue_us += waiting[i].items > 0 ? time_of(&waiting[i].rate, waiting[i].items) : 0;
    return KT_GPU_WAITS * queue_us <= time_of(cpu, (double)frames);
}
