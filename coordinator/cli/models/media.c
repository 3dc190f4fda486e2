#include "coordinator/cli/models/media.h"

#include "common/file.h"
#include "common/text.h"
#include "kernels/audio/resample.h"
#include "node/decode/client.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WALL_S = 3600, MOST_CHANNELS = 64, SPARE = 4096 };
#define SAMPLE_LIMIT 1e12F  // as in node/audio/track.c: what is beyond, or not a number, counts as 0

// Mono samples of a file, growing.
typedef struct mono {
    float *values;
    size_t n, capacity;
} mono_t;

static kt_err_t
append_mono(mono_t *self, const float *pcm, size_t frames, uint32_t channels)
{
    if (self->n + frames > self->capacity) {
        const size_t capacity = (self->n + frames) * 2;
        float       *grown    = capacity > INT32_MAX ? NULL : realloc(self->values, capacity * sizeof *grown);
        if (!grown)
            return KT_ENOMEM;
        self->values   = grown;
        self->capacity = capacity;
    }
    for (size_t i = 0; i < frames; i++, pcm += channels) {
        float finite[MOST_CHANNELS];
        for (uint32_t c = 0; c < channels; c++)
            finite[c] = fabsf(pcm[c]) <= SAMPLE_LIMIT ? pcm[c] : 0;
        kt_to_mono(finite, 1, channels, self->values + self->n++);
    }
    return KT_OK;
}

static kt_err_t
decode(mono_t *out, kt_decode_t *file, uint32_t *rate_hz)
{
    kt_media_info_t info;
    kt_decoded_t    piece = {.kind = KT_DECODED_SOUND};
    kt_err_t        err   = kt_decode_media_info(file, &info);
    while (!err && piece.kind != KT_DECODED_END) {
        err = kt_decode_read(file, &piece);
        if (!err && info.channels > MOST_CHANNELS)
            err = KT_ESTREAM;
        if (!err && piece.kind == KT_DECODED_SOUND)
            err = append_mono(out, piece.pcm, piece.frames, info.channels);
    }
    *rate_hz = err ? 0 : info.rate_hz;
    return err;
}

static kt_err_t
resample(kt_tensor_t *out, const mono_t *mono, uint32_t from_hz, uint32_t to_hz)
{
    kt_resample_t *self     = NULL;
    const int64_t  capacity = (int64_t)((double)mono->n * to_hz / from_hz) + SPARE;
    size_t         done = 0, got = 1;
    kt_err_t       err = kt_tensor_new(out, 1, &capacity);
    if (!err && from_hz == to_hz) {
        memcpy(out->values, mono->values, mono->n * sizeof *out->values);
        out->dims[0] = (int64_t)(out->count = mono->n);
        return KT_OK;
    }
    if (!err)
        err = kt_resample_new(&self, from_hz, to_hz);
    if (!err)
        err = kt_resample_push(self, mono->values, mono->n, out->values, out->count, &done);
    for (; !err && got > 0; done += got)
        err = kt_resample_finish(self, out->values + done, out->count - done, &got);
    kt_resample_destroy(&self);
    out->dims[0] = (int64_t)(out->count = done);
    return err;
}

kt_err_t
kt_media_samples(kt_tensor_t *out, const kt_settings_t *settings, const char *path, uint32_t rate_hz,
                 char why[KT_TENSOR_WHY])
{
    const kt_decode_limits_t limits  = {.memory_bytes   = (uint64_t)settings->decoder_memory_mb << 20,
                                        .cpu_s          = (uint32_t)settings->decoder_cpu_s,
                                        .stall_ms       = (uint32_t)settings->decoder_stall_ms,
                                        .wall_s         = WALL_S,
                                        .max_duration_s = (double)settings->max_duration_s};
    const kt_decode_want_t   want    = {.sound = 1};
    kt_decode_server_t      *server  = NULL;
    kt_decode_t             *file    = NULL;
    mono_t                   mono    = {0};
    kt_tensor_t              samples = {0};
    uint32_t                 from_hz = 0;
    why[0]                           = '\0';
    const int fd                     = open(path, O_RDONLY | O_CLOEXEC);
    kt_err_t  err                    = fd < 0 ? kt_file_err_of_errno() : kt_decode_server_new(&server, NULL);
    if (!err)
        err = kt_decode_open(server, fd, &limits, &want, &file);
    if (!err && (err = decode(&mono, file, &from_hz)))
        (void)kt_text_copy(why, KT_TENSOR_WHY, kt_decode_why(file));
    if (!err && mono.n == 0)
        err = KT_ENOAUDIO;
    if (!err)
        err = resample(&samples, &mono, from_hz, rate_hz);
    if (err)
        kt_tensor_fini(&samples);
    else
        *out = samples;
    free(mono.values);
    kt_decode_close(&file);
    kt_decode_server_destroy(&server);
    if (fd >= 0)
        close(fd);
    return err;
}

// --- pictures

static kt_err_t
read_ppm(kt_picture_t *out, FILE *file, char why[KT_TENSOR_WHY])
{
    unsigned width = 0, height = 0, most = 0;
    if (fscanf(file, "P6 %5u %5u %5u", &width, &height, &most) != 3 || fgetc(file) == EOF || most != 255 || width < 1 ||
        height < 1 || width > KT_PICTURE_SIDE || height > KT_PICTURE_SIDE)
        return kt_text_explain(why, KT_TENSOR_WHY, KT_EFORMAT,
                               "neither a binary PPM (P6, 8 bits, without comments) nor an .npy file");
    const size_t bytes = 3 * (size_t)width * height;
    uint8_t     *rgb   = malloc(bytes);
    if (!rgb)
        return KT_ENOMEM;
    if (fread(rgb, 1, bytes, file) != bytes) {
        free(rgb);
        return kt_text_explain(why, KT_TENSOR_WHY, KT_EFORMAT, "the file is truncated");
    }
    *out = (kt_picture_t){.rgb = rgb, .width = width, .height = height, .stride = 3 * (size_t)width};
    return KT_OK;
}

static kt_err_t
read_npy(kt_picture_t *out, const char *path, char why[KT_TENSOR_WHY])
{
    kt_tensor_t tensor = {0};
    kt_err_t    err    = kt_tensor_read(&tensor, path, true, why);
    if (!err && (tensor.rank != 3 || tensor.dims[2] != 3 || tensor.dims[0] > KT_PICTURE_SIDE ||
                 tensor.dims[1] > KT_PICTURE_SIDE))
        err = kt_text_explain(why, KT_TENSOR_WHY, KT_EFORMAT, "the shape must be [height, width, 3]");
    uint8_t *rgb = err ? NULL : malloc(tensor.count);
    if (!err && !rgb)
        err = KT_ENOMEM;
    for (size_t i = 0; !err && i < tensor.count; i++)
        rgb[i] = (uint8_t)tensor.values[i];
    if (!err)
        *out = (kt_picture_t){.rgb    = rgb,
                              .width  = (uint32_t)tensor.dims[1],
                              .height = (uint32_t)tensor.dims[0],
                              .stride = 3 * (size_t)tensor.dims[1]};
    kt_tensor_fini(&tensor);
    return err;
}

kt_err_t
kt_media_picture(kt_picture_t *out, const char *path, char why[KT_TENSOR_WHY])
{
    why[0]     = '\0';
    FILE *file = fopen(path, "rb");
    if (!file)
        return kt_file_err_of_errno();
    const int first = fgetc(file);
    rewind(file);
    const kt_err_t err = first == 0x93 ? read_npy(out, path, why) : read_ppm(out, file, why);
    fclose(file);
    return err;
}
