#include "models/backend/cuda/plan_store.h"

#include "common/digest.h"
#include "common/file.h"
#include "common/json.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 2 * KT_CUDNN_PLAN_MAX };

static bool
name_file(char path[PATH_MAX], const char *folder, const char *key)
{
    kt_digest_t digest;
    char        hex[KT_DIGEST_HEX];
    kt_digest_of(key, strlen(key), &digest);
    return snprintf(path, PATH_MAX, "%s/%s.json", folder, kt_digest_hex(&digest, hex)) < PATH_MAX;
}

// The whole file; NULL: it is not there, too long or unreadable.
static char *
read_file(const char *path, size_t *length)
{
    const int fd    = open(path, O_RDONLY | O_CLOEXEC);
    char     *bytes = fd < 0 ? NULL : malloc(FILE_MAX);
    ssize_t   got   = 0;
    *length         = 0;
    while (bytes && *length < FILE_MAX && (got = read(fd, bytes + *length, FILE_MAX - *length)) > 0)
        *length += (size_t)got;
    if (fd >= 0)
        close(fd);
    if (bytes && (got < 0 || *length == FILE_MAX)) {
        free(bytes);
        bytes = NULL;
    }
    return bytes;
}

bool
kt_plan_store_read(const char *folder, const char *key, kt_cudnn_plan_t *out)
{
    char            path[PATH_MAX], why[KT_JSON_WHY];
    size_t          length;
    json_t         *object = NULL;
    kt_cudnn_plan_t plan   = {0};
    char           *bytes  = name_file(path, folder, key) ? read_file(path, &length) : NULL;
    if (bytes && !kt_json_parse(bytes, length, FILE_MAX, &object, why) &&
        strcmp(kt_json_str(object, "key", ""), key) == 0) {
        plan.engine          = kt_json_i64(object, "engine", -1);
        plan.workspace_bytes = kt_json_i64(object, "workspace_bytes", -1);
        const char *json     = kt_json_str(object, "plan", "");
        if (plan.engine >= 0 && plan.workspace_bytes >= 0 && *json && strlen(json) <= KT_CUDNN_PLAN_MAX)
            plan.json = strdup(json);
    }
    kt_json_free(&object);
    free(bytes);
    if (plan.json)
        *out = plan;
    return plan.json != NULL;
}

kt_err_t
kt_plan_store_write(const char *folder, const char *key, const kt_cudnn_plan_t *plan)
{
    char     path[PATH_MAX];
    kt_buf_t text;
    kt_err_t err    = KT_EINVAL;
    json_t  *object = kt_json_object();
    kt_buf_init(&text, FILE_MAX);
    if (!name_file(path, folder, key) || (err = kt_file_make_folders(path)))
        goto done;
    err = KT_ENOMEM;
    if (!kt_json_set(object, "key", kt_json_text(key)) || !kt_json_set(object, "engine", kt_json_int(plan->engine)) ||
        !kt_json_set(object, "workspace_bytes", kt_json_int(plan->workspace_bytes)) ||
        !kt_json_set(object, "plan", kt_json_text(plan->json)))
        goto done;
    kt_json_write(object, &text);
    if (!(err = text.err))
        err = kt_file_replace(path, 0644, text.bytes, text.length);
done:
    kt_json_free(&object);
    kt_buf_fini(&text);
    return err;
}
