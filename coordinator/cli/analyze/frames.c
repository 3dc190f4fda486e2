#include "coordinator/cli/analyze/analyze.h"
#include "node/run/npy.h"

#include <stdio.h>
#include <string.h>

void
kt_analyze_frame(void *context, const char *feature, const float *rows, size_t frames, size_t width)
{
    kt_analyze_frames_t *self = context;
    char                 path[4096];
    if (self->err)
        return;
    int n     = snprintf(path, sizeof path, "%s.%s.npy", self->stem, feature);
    self->err = n < 0 || (size_t)n >= sizeof path ? KT_EINVAL : kt_npy_write(path, rows, frames, width);
    if (self->err)
        snprintf(self->what, sizeof self->what, "%.*s", (int)sizeof self->what - 1, path);
    else
        self->written++;
}
