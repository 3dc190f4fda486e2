#include "models/backend/cuda/device.h"

#include "common/file.h"
#include "common/json.h"
#include "common/text.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

// Of all these devices: 32 threads a warp, 64 Ki registers a multiprocessor, grids and blocks as since capability 5.0.
#define DEVICE(key, name, arch, processors, optin, reserved, blocks, threads, l2, clock, memory_clock, memory)         \
    {                                                                                                                  \
        key, "{\"deviceVer\":" #arch ",\"multiProcessorCount\":" #processors                                           \
             ",\"maxSharedMemoryPerBlockOptin\":" #optin                                                               \
             ",\"maxSharedMemoryPerBlock\":49152,\"reservedSharedMemoryPerBlock\":" #reserved                          \
             ",\"regsPerBlock\":65536,\"maxRegistersPerSM\":65536,\"maxCtasPerSM\":" #blocks                           \
             ",\"maxThreadsPerBlock\":1024,\"maxThreadsPerSM\":" #threads ",\"warpSize\":32,\"l2CacheSize\":" #l2      \
             ",\"smClockRateKHz\":" #clock ",\"memClockRateKHz\":" #memory_clock                                       \
             ",\"pciDeviceId\":0,\"deviceName\":\"" name "\",\"maxGridSize\":[2147483647,65535,65535],"                \
             "\"maxBlockSize\":[1024,1024,64],\"isTccDriver\":0,\"supportCoopLaunch\":1,\"cudaDeviceId\":0,"           \
             "\"cudartVer\":13000,\"driverVer\":13000,\"totalGlobalMem\":" #memory "}"                                 \
    }

static const struct known {
    const char *key, *json;
} KNOWN[] = {
    DEVICE("h200", "NVIDIA H200", 900, 132, 232448, 1024, 32, 2048, 62914560, 1980000, 3201000, 150754820096),
    DEVICE("l4", "NVIDIA L4", 890, 58, 101376, 1024, 24, 1536, 50331648, 2040000, 6251000, 23580639232),
    DEVICE("t4", "Tesla T4", 750, 40, 65536, 0, 16, 1024, 4194304, 1590000, 5001000, 15828320256),
};

kt_err_t
kt_cuda_device_parse(kt_cuda_device_t *out, const char *json, size_t length, char why[KT_CUDA_DEVICE_WHY])
{
    kt_cuda_device_t found  = {0};
    json_t          *object = NULL;
    char             detail[KT_JSON_WHY];
    while (length > 0 && json[length - 1] == '\0')
        length--;
    if (kt_json_parse(json, length, sizeof found.json - 1, &object, detail))
        return kt_text_explain(why, KT_CUDA_DEVICE_WHY, KT_EINVAL, "%s", detail);
    const int64_t architecture = kt_json_i64(object, "deviceVer", 0),
                  processors   = kt_json_i64(object, "multiProcessorCount", 0);
    memcpy(found.json, json, length);
    kt_text_sanitize(found.name, sizeof found.name, kt_json_str(object, "deviceName", "?"),
                     strlen(kt_json_str(object, "deviceName", "?")));
    kt_json_free(&object);
    if (architecture < 500 || architecture > 9999 || processors < 1 || processors > 9999)
        return kt_text_explain(why, KT_CUDA_DEVICE_WHY, KT_EINVAL,
                               "deviceVer or multiProcessorCount is missing or out of its range");
    found.architecture    = (int)architecture;
    found.multiprocessors = (int)processors;
    *out                  = found;
    return KT_OK;
}

kt_err_t
kt_cuda_device_find(kt_cuda_device_t *out, const char *name, char why[KT_CUDA_DEVICE_WHY])
{
    char text[KT_CUDA_DEVICE_JSON];
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (strcasecmp(KNOWN[i].key, name) == 0)
            return kt_cuda_device_parse(out, KNOWN[i].json, strlen(KNOWN[i].json), why);
    const int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kt_text_explain(why, KT_CUDA_DEVICE_WHY, kt_file_err_of_errno(), "h200, l4, t4, or a file");
    const ssize_t length = read(fd, text, sizeof text);
    close(fd);
    if (length < 0)
        return kt_text_explain(why, KT_CUDA_DEVICE_WHY, KT_EIO, "it cannot be read");
    if ((size_t)length == sizeof text)
        return kt_text_explain(why, KT_CUDA_DEVICE_WHY, KT_EINVAL, "it has more than %zu bytes", sizeof text - 1);
    return kt_cuda_device_parse(out, text, (size_t)length, why);
}
