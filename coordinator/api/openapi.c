#include "coordinator/api/api.h"

#include <string.h>

void
kt_api_openapi(kt_api_t *self)
{
    self->response->status = 200;
    kt_routes_openapi(&self->response->body, KT_VERSION);
}

void
kt_api_asyncapi(kt_api_t *self)
{
    self->response->status = 200;
    kt_routes_asyncapi(&self->response->body, KT_VERSION);
}
