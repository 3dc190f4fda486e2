#include "kernels/device.h"

#include "kernels/audio/cqt.h"
#include "kernels/audio/plan.h"
#include "kernels/device_ops.h"
#include "kernels/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The CPU's: scratch for the largest plan seen, the chroma bank and constant-Q transform last asked for. Nothing of a
// stream.
typedef struct cpu_device {
    kt_device_t         device;
    const kt_cpu_ops_t *cpu;
    void               *scratch;
    size_t              scratch_bytes;
    float              *bank;
    kt_frontend_opts_t  bank_opts;
    double              bank_tuning;
    kt_cqt_t           *cqt;
    uint32_t            cqt_rate_hz, cqt_hop;
} cpu_device_t;

static bool
cpu_has(const char *isa)
{
#ifdef KT_HAVE_AVX
    if (strcmp(isa, "avx512") == 0)
        return __builtin_cpu_supports("x86-64-v4");
    if (strcmp(isa, "avx2") == 0)
        return __builtin_cpu_supports("x86-64-v3");
#endif
    (void)isa;
    return true;
}

const kt_cpu_ops_t *
kt_cpu_ops(const char *isa)
{
    static const kt_cpu_ops_t *const best_first[] = {
#ifdef KT_HAVE_AVX
        &kt_cpu_ops_avx512,
        &kt_cpu_ops_avx2,
#endif
        &kt_cpu_ops_base,
        &kt_cpu_ops_ref,
    };
    const bool any = !isa || !*isa;
    for (size_t i = 0; i < sizeof best_first / sizeof *best_first; i++)
        if ((any || strcmp(isa, best_first[i]->isa) == 0) && cpu_has(best_first[i]->isa))
            return best_first[i];
    return NULL;
}

// What the pure functions run on: an unusable name was already refused when the device was made.
static const kt_cpu_ops_t *
current(void)
{
    const kt_cpu_ops_t *ops = kt_cpu_ops(getenv("KITHARA_ISA"));
    return ops ? ops : &kt_cpu_ops_base;
}

static cpu_device_t *
cpu_of(kt_device_t *device)
{
    return (cpu_device_t *)(void *)device;
}

static void
cpu_destroy(kt_device_t *device)
{
    cpu_device_t *self = cpu_of(device);
    free(self->scratch);
    free(self->bank);
    kt_cqt_destroy(&self->cqt);
    free(self);
}

static kt_err_t
reserve(cpu_device_t *self, const kt_plan_t *plan)
{
    const size_t bytes = (self->cpu->scratch_bytes(plan) + 63) / 64 * 64;
    if (bytes <= self->scratch_bytes)
        return KT_OK;
    void *scratch = aligned_alloc(64, bytes);
    if (!scratch)
        return KT_ENOMEM;
    free(self->scratch);
    self->scratch       = scratch;
    self->scratch_bytes = bytes;
    return KT_OK;
}

// The bank depends on nothing but the options and the tuning, and a file is cut into many spans: keep the last one.
static kt_err_t
prepare_bank(cpu_device_t *self, const kt_plan_t *plan, double tuning)
{
    if (self->bank && self->bank_tuning == tuning && memcmp(&self->bank_opts, &plan->opts, sizeof plan->opts) == 0)
        return KT_OK;
    float *bank = calloc((size_t)plan->bins * plan->opts.n_chroma, sizeof *bank);
    if (!bank)
        return KT_ENOMEM;
    kt_chroma_bank(plan, tuning, bank);
    free(self->bank);
    self->bank        = bank;
    self->bank_opts   = plan->opts;
    self->bank_tuning = tuning;
    return KT_OK;
}

static kt_err_t
cpu_frontend(kt_device_t *device, const kt_plan_t *plan, const kt_span_t *spans, size_t n, const kt_rows_t *out)
{
    cpu_device_t  *self = cpu_of(device);
    const kt_err_t err  = reserve(self, plan);
    return err ? err : self->cpu->frontend(plan, self->scratch, spans, n, out);
}

static kt_err_t
cpu_chroma(kt_device_t *device, const kt_plan_t *plan, double tuning, const kt_span_t *spans, size_t n,
           float *const *out)
{
    cpu_device_t *self = cpu_of(device);
    kt_err_t      err  = KT_OK;
    if ((err = reserve(self, plan)) || (err = prepare_bank(self, plan, tuning)))
        return err;
    self->cpu->chroma(plan, self->bank, self->scratch, spans, n, out);
    return KT_OK;
}

static kt_err_t
cpu_chroma_cqt(kt_device_t *device, const kt_plan_t *plan, double tuning, const float *pcm, size_t n, size_t frames,
               float *out)
{
    cpu_device_t *self = cpu_of(device);
    if (!self->cqt || self->cqt_rate_hz != plan->opts.rate_hz || self->cqt_hop != plan->opts.hop) {
        kt_cqt_destroy(&self->cqt);
        const kt_err_t err = kt_cqt_new(&self->cqt, plan->opts.rate_hz, plan->opts.hop);
        if (err)
            return err;
        self->cqt_rate_hz = plan->opts.rate_hz;
        self->cqt_hop     = plan->opts.hop;
    }
    return kt_cqt_chroma(self->cqt, tuning, pcm, n, frames, out);
}

// The processor's name as the system tells it; "CPU" where it does not.
static void
cpu_name(char *out, size_t size)
{
    snprintf(out, size, "CPU");
    FILE *file = fopen("/proc/cpuinfo", "re");
    char  line[256];
    while (file && fgets(line, sizeof line, file)) {
        const char *value = strchr(line, ':');
        if (!value || strncmp(line, "model name", 10) != 0)
            continue;
        value += strspn(value, ": \t");
        snprintf(out, size, "%.*s", (int)strcspn(value, "\n"), value);
        break;
    }
    if (file)
        fclose(file);
}

static void
cpu_facts(const kt_device_t *device, kt_device_facts_t *out)
{
    const cpu_device_t *self  = (const cpu_device_t *)(const void *)device;
    const long          pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    *out = (kt_device_facts_t){.memory_bytes = pages > 0 ? (uint64_t)pages * (uint64_t)page_bytes : 0};
    cpu_name(out->name, sizeof out->name);
    snprintf(out->kind, sizeof out->kind, "cpu-%s", self->cpu->isa);
}

static const kt_device_ops_t CPU_DEVICE = {cpu_frontend, cpu_chroma, cpu_chroma_cqt, cpu_facts, cpu_destroy};

kt_err_t
kt_device_cpu(kt_device_t **self_p)
{
    const kt_cpu_ops_t *cpu = kt_cpu_ops(getenv("KITHARA_ISA"));
    if (!cpu)
        return KT_ESETTING;
    cpu_device_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->device.ops = &CPU_DEVICE;
    self->cpu        = cpu;
    *self_p          = &self->device;
    return KT_OK;
}

kt_err_t
kt_device_frontend(kt_device_t *self, const kt_plan_t *plan, const kt_span_t *spans, size_t n, const kt_rows_t *out)
{
    return self->ops->frontend(self, plan, spans, n, out);
}

kt_err_t
kt_device_chroma(kt_device_t *self, const kt_plan_t *plan, double tuning, const kt_span_t *spans, size_t n,
                 float *const *out)
{
    return self->ops->chroma(self, plan, tuning, spans, n, out);
}

kt_err_t
kt_device_chroma_cqt(kt_device_t *self, const kt_plan_t *plan, double tuning, const float *pcm, size_t n, size_t frames,
                     float *out)
{
    return self->ops->chroma_cqt(self, plan, tuning, pcm, n, frames, out);
}

void
kt_device_facts(const kt_device_t *self, kt_device_facts_t *out)
{
    self->ops->facts(self, out);
}

void
kt_device_destroy(kt_device_t **self_p)
{
    if (*self_p)
        (*self_p)->ops->destroy(*self_p);
    *self_p = NULL;
}

void
kt_rows_to_db(const float *power, size_t count, float *db)
{
    current()->to_db(power, count, db);
}

void
kt_rows_contrast(const kt_plan_t *plan, const float *peak, const float *valley, size_t frames, float *out)
{
    if (plan->has_contrast)
        current()->contrast(peak, valley, frames * KT_BANDS, out);
}

void
kt_rows_mfcc(const kt_plan_t *plan, const float *mel_db, size_t frames, float *out)
{
    current()->mfcc(plan, mel_db, frames, out);
}

void
kt_rows_onset(const kt_plan_t *plan, const float *mel_db, size_t frames, float *out)
{
    current()->onset(plan, mel_db, frames, out);
}
