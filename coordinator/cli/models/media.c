#include "coordinator/cli/models/media.h"

#include "common/file.h"
#include "common/text.h"
#include "lib/parts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

kt_err_t
kt_media_samples(kt_tensor_t *out, const kt_settings_t *settings, const char *path, uint32_t rate_hz,
                 char why[KT_TENSOR_WHY])
{
    kithara_t *library = NULL;
    float     *samples = NULL;
    size_t     n       = 0;
    char       whole[PATH_MAX];
    why[0] = '\0';
    if (!realpath(path, whole))
        return kt_file_err_of_errno();
    kt_err_t err = kt_lib_open(&library, settings);
    if (!err)
        err = kithara_read_mono(library, whole, rate_hz, 0, 0, &samples, &n);
    if (err)
        (void)kt_text_copy(why, KT_TENSOR_WHY, kithara_why());
    else if (n == 0)
        err = KT_ENOAUDIO;
    if (!err && !(err = kt_tensor_new(out, 1, &(int64_t){(int64_t)n})))
        memcpy(out->values, samples, n * sizeof *samples);
    kithara_free(samples);
    kithara_close(&library);
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
