// Models: GET /models of the specification, GET /v1/models with the digest of the set, uploads in parts, register,
// deploy, roll back, retire. The store answers on this thread; the loop sends a new set to the nodes within a second.
#include "common/json.h"
#include "common/text.h"
#include "coordinator/api/api.h"

#include <stdio.h>

enum { BAD_REQUEST = 400, NOT_FOUND = 404, BAD_STATE = 409, TOO_LARGE = 413, SERVER = 500, UNAVAILABLE = 503 };

static unsigned
status_of(kt_err_t err)
{
    static const struct {
        kt_err_t err;
        unsigned status;
    } STATUSES[] = {{KT_ENOTFOUND, NOT_FOUND},       {KT_ENOFILE, NOT_FOUND},     {KT_EINVAL, BAD_STATE},
                    {KT_EAGAIN, UNAVAILABLE},        {KT_EFULL, TOO_LARGE},       {KT_EMODEL, BAD_REQUEST},
                    {KT_EMODELVERSION, BAD_REQUEST}, {KT_EOPERATOR, BAD_REQUEST}, {KT_ECATALOGUE, BAD_REQUEST}};
    for (size_t i = 0; i < sizeof STATUSES / sizeof *STATUSES; i++)
        if (STATUSES[i].err == err)
            return STATUSES[i].status;
    return SERVER;
}

static void
reply_change(kt_api_t *self, kt_err_t err, json_t *json, const char *why)
{
    if (err)
        kt_api_fail(self, status_of(err), err, why);
    else
        kt_api_reply(self, json);
}

// The digest of the query; NULL: an error was replied.
static bool
take_digest(kt_api_t *self, kt_digest_t *out)
{
    if (kt_digest_read(out, kt_http_arg(self->request, "sha256", "")))
        return true;
    kt_api_fail(self, BAD_REQUEST, KT_EINVAL, "sha256 must have 64 hexadecimal digits");
    return false;
}

// The specification's three members.
void
kt_api_models(kt_api_t *self)
{
    static const char *const MEMBERS[] = {"models", "total_models", "memory_usage_mb"};
    json_t                  *view      = kt_model_store_view(self->server->models);
    json_t                  *json      = view ? kt_json_object() : NULL;
    for (size_t i = 0; json && i < sizeof MEMBERS / sizeof *MEMBERS; i++)
        kt_json_set(json, MEMBERS[i], kt_json_copy(kt_json_get(view, MEMBERS[i])));
    kt_json_free(&view);
    kt_api_reply(self, json);
}

void
kt_api_model_set(kt_api_t *self)
{
    kt_api_reply(self, kt_model_store_view(self->server->models));
}

void
kt_api_model_upload(kt_api_t *self)
{
    kt_digest_t digest;
    int64_t     offset;
    uint64_t    received = 0;
    char        why[KT_CATALOGUE_WHY];
    if (!take_digest(self, &digest))
        return;
    if (kt_text_to_i64(kt_http_arg(self->request, "offset", "0"), 0, INT64_MAX / 2, &offset)) {
        kt_api_fail(self, BAD_REQUEST, KT_EINVAL, "offset must be a whole number");
        return;
    }
    kt_err_t err  = kt_model_store_upload(self->server->models, &digest, (uint64_t)offset, self->request->body,
                                          self->request->body_bytes, &received, why);
    json_t  *json = err ? NULL : kt_json_object();
    if (json)
        kt_json_set(json, "received", kt_json_int((int64_t)received));
    reply_change(self, err, json, why);
}

void
kt_api_model_register(kt_api_t *self)
{
    kt_digest_t digest;
    json_t     *json = NULL;
    char        why[KT_CATALOGUE_WHY];
    if (!take_digest(self, &digest))
        return;
    kt_err_t err =
        kt_model_store_register(self->server->models, &digest, kt_http_arg(self->request, "type", NULL), &json, why);
    reply_change(self, err, json, why);
}

static void
change_model(kt_api_t *self, kt_model_change_t change)
{
    json_t     *json    = NULL;
    const char *version = kt_http_arg(self->request, "version", NULL);
    char        why[KT_CATALOGUE_WHY];
    if (change == KT_MODEL_ROLLBACK)
        version = NULL;
    else if (!version) {
        kt_api_fail(self, BAD_REQUEST, KT_EINVAL, "version=MAJOR.MINOR.PATCH is needed");
        return;
    }
    kt_err_t err = kt_model_store_change(self->server->models, change, self->name, version, &json, why);
    reply_change(self, err, json, why);
}

void
kt_api_model_deploy(kt_api_t *self)
{
    change_model(self, KT_MODEL_DEPLOY);
}

void
kt_api_model_rollback(kt_api_t *self)
{
    change_model(self, KT_MODEL_ROLLBACK);
}

void
kt_api_model_retire(kt_api_t *self)
{
    change_model(self, KT_MODEL_RETIRE);
}
