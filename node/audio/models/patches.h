// kt_patches -- blocks of rows for block models. All of them go to the models as they come, or up to
// KT_PATCHES_KEPT are kept, evenly spread: when there are more, every second one is dropped, so what is kept depends on
// the blocks' numbers from the stream's start alone. At the end some of the kept ones are run. One thread.
#pragma once

#include "node/audio/models/run.h"

#include <stdint.h>

typedef struct kt_patches kt_patches_t;

enum { KT_PATCHES_RUNS = 16, KT_PATCHES_MOST = 64 };

// A block counts where its first row is one of own .. end - 1; the first row that comes is `from`. most: how many are
// run at the end; 0: all, at once. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_patches_new(kt_patches_t **self_p, const kt_audio_input_t *input, size_t most, uint64_t from,
                                    uint64_t own, uint64_t end);
void                 kt_patches_destroy(kt_patches_t **self_p);
bool                 kt_patches_add_run(kt_patches_t *self, kt_model_run_t *run);       // borrowed; false: no room
KT_MUST_USE kt_err_t kt_patches_push(kt_patches_t *self, const float *rows, size_t n);  // KT_ENOMEM
// The last block, as the input's tail says. A stream without any whole block is one block, repeated from its start.
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_patches_end(kt_patches_t *self);
KT_MUST_USE kt_err_t kt_patches_run(kt_patches_t *self);  // KT_ENOMEM
// Takes what `before`, the range before, has kept, before what self has.
void kt_patches_prepend(kt_patches_t *self, kt_patches_t *before);
