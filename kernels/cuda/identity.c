#include "kernels/cuda/identity.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { SUCCESS = 0, UUID_BYTES = 16 };

static void
write_uuid(const char *prefix, const unsigned char bytes[UUID_BYTES], char out[KT_GPU_TEXT])
{
    int n = snprintf(out, KT_GPU_TEXT, "%s-", prefix);
    for (int i = 0; i < UUID_BYTES; i++)
        n += snprintf(out + n, KT_GPU_TEXT - (size_t)n, "%s%02x", i >= 4 && i <= 10 && i % 2 == 0 ? "-" : "", bytes[i]);
}

static bool
is_known(const kt_nvml_calls_t *calls, const char *uuid, kt_nvml_device_t *out)
{
    return calls->by_uuid && calls->by_uuid(uuid, out) == SUCCESS;
}

void
kt_gpu_identify(const kt_nvml_calls_t *calls, const unsigned char uuid[UUID_BYTES], const char *bus_id,
                kt_gpu_identity_t *out)
{
    kt_nvml_device_t  found   = NULL;
    unsigned          current = 0, pending = 0;
    kt_gpu_identity_t self = {.gpu_instance = KT_NVML_WHOLE, .compute_instance = KT_NVML_WHOLE};
    write_uuid("GPU", uuid, self.uuid);
    if (is_known(calls, self.uuid, &found)) {
        self.device = self.gpu = found;
        *out                   = self;
        return;
    }

    char instance[KT_GPU_TEXT];
    write_uuid("MIG", uuid, instance);
    if (is_known(calls, instance, &found)) {
        memcpy(self.uuid, instance, sizeof instance);
        self.is_instance = true;
        self.device      = found;
        if (!calls->gpu_of || calls->gpu_of(found, &self.gpu) != SUCCESS)
            self.gpu = NULL;
        if (!calls->gpu_instance || calls->gpu_instance(found, &self.gpu_instance) != SUCCESS)
            self.gpu_instance = KT_NVML_WHOLE;
        if (!calls->compute_instance || calls->compute_instance(found, &self.compute_instance) != SUCCESS)
            self.compute_instance = KT_NVML_WHOLE;
        *out = self;
        return;
    }

    // The bus id of an instance is that of its GPU, whose memory and events are those of all its users.
    if (calls->by_bus && calls->by_bus(bus_id, &found) == SUCCESS) {
        if (calls->mig_mode && calls->mig_mode(found, &current, &pending) == SUCCESS && current) {
            memcpy(self.uuid, instance, sizeof instance);
            self.is_instance = true;
        } else {
            self.device = self.gpu = found;
        }
    }
    *out = self;
}

bool
kt_gpu_concerns(const kt_gpu_identity_t *self, unsigned gpu_instance, unsigned compute_instance)
{
    if (!self->is_instance || gpu_instance == KT_NVML_WHOLE)
        return true;
    return gpu_instance == self->gpu_instance &&
           (compute_instance == KT_NVML_WHOLE || compute_instance == self->compute_instance);
}

bool
kt_gpu_xid_is_fatal(unsigned long long xid)
{
    // An uncorrected memory error, a halted controller, a row that could not be remapped, a lost link, a device that
    // fell off the bus, an uncontained memory error, the firmware's time-outs, an unrecovered memory error.
    static const unsigned char FATAL[] = {48, 62, 64, 74, 79, 95, 119, 120, 140};
    for (size_t i = 0; i < sizeof FATAL; i++)
        if (FATAL[i] == xid)
            return true;
    return false;
}

kt_err_t
kt_gpu_visible(const char *devices, char out[KT_GPU_TEXT], char why[KT_GPU_WHY])
{
    static const char BLANKS[]  = " \t\r\n,";
    size_t            instances = 0, others = 0;
    out[0] = '\0';
    for (const char *at = devices + strspn(devices, BLANKS); *at; at += strspn(at, BLANKS)) {
        const size_t length = strcspn(at, BLANKS);
        if (length >= KT_GPU_TEXT) {
            snprintf(why, KT_GPU_WHY, "ANALYZER_GPU_DEVICES has a word of %zu characters", length);
            return KT_EINVAL;
        }
        if (strncasecmp(at, "MIG-", 4) != 0) {
            others++;
        } else if (strlen(out) != length || strncmp(out, at, length) != 0) {
            snprintf(out, KT_GPU_TEXT, "%.*s", (int)length, at);
            instances++;
        }
        at += length;
    }
    if (instances > 1)
        snprintf(why, KT_GPU_WHY,
                 "ANALYZER_GPU_DEVICES names %zu MIG instances, and a process sees one: start a node for each",
                 instances);
    else if (instances == 1 && others > 0)
        snprintf(why, KT_GPU_WHY, "ANALYZER_GPU_DEVICES names a MIG instance beside whole GPUs: start a node for each");
    return instances > 1 || (instances == 1 && others > 0) ? KT_EINVAL : KT_OK;
}
