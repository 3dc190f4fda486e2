#include "models/backend/backend.h"

kt_err_t
kt_exec_run(const kt_exec_t *self, void *arena, const float *const *inputs, float *const *outputs)
{
    return self->ops->run(self, arena, inputs, outputs);
}

void
kt_exec_destroy(kt_exec_t **self_p)
{
    kt_exec_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    self->ops->destroy(self);
}
