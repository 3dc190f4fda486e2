// What models read of a file: samples, or one picture. One thread.
#pragma once

#include "common/settings.h"
#include "coordinator/cli/models/tensor.h"
#include "models/input/image_input.h"

// The whole audio of a file, mono, at this rate: [samples]. Errors of kithara_read_mono; why may be "".
KT_MUST_USE kt_err_t kt_media_samples(kt_tensor_t *out, const kt_settings_t *settings, const char *path,
                                      uint32_t rate_hz, char why[KT_TENSOR_WHY]);
// A binary PPM (P6, 8 bits), or an .npy of bytes [height, width, 3]. Free out->rgb. KT_EFORMAT and as kt_tensor_read.
KT_MUST_USE kt_err_t kt_media_picture(kt_picture_t *out, const char *path, char why[KT_TENSOR_WHY]);
