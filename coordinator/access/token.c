#include "coordinator/access/token.h"

#include "common/file.h"
#include "common/secret.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// Permitted in a header: printable ASCII without blanks.
static bool
is_token(const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return length > 0 && length < KT_HTTP_TOKEN;
}

static bool
token_path(char path[PATH_MAX], const char *state_dir)
{
    return snprintf(path, PATH_MAX, "%s/http.token", state_dir) < PATH_MAX;
}

// why: of a file that others can read; NULL: that is logged.
static kt_err_t
read_token_file(const char *path, char out[KT_HTTP_TOKEN], char why[KT_HTTP_TOKEN_WHY])
{
    char text[KT_HTTP_TOKEN + 2];  // with a line feed; one byte more detects a longer token
    int  fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return kt_file_err_of_errno();
    kt_err_t err    = kt_file_check_secret(fd, path, why, KT_HTTP_TOKEN_WHY);
    ssize_t  length = err ? 0 : read(fd, text, sizeof text - 1);
    close(fd);
    if (err)
        return err;
    if (length < 0)
        return KT_EIO;
    text[length]                = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    if (!is_token(text))
        return KT_EINVAL;
    memcpy(out, text, strlen(text) + 1);
    return KT_OK;
}

kt_err_t
kt_http_token_load_or_make(const kt_settings_t *settings, const char *state_dir, char out[KT_HTTP_TOKEN],
                           char why[KT_HTTP_TOKEN_WHY])
{
    char path[PATH_MAX];
    if (*settings->http_token) {
        if (is_token(settings->http_token)) {
            snprintf(out, KT_HTTP_TOKEN, "%s", settings->http_token);
            return KT_OK;
        }
        snprintf(why, KT_HTTP_TOKEN_WHY, "ANALYZER_HTTP_TOKEN must be printable ASCII without blanks");
        return KT_EINVAL;
    }
    if (!token_path(path, state_dir)) {
        snprintf(why, KT_HTTP_TOKEN_WHY, "the path of the state folder is too long");
        return KT_EINVAL;
    }
    why[0]       = '\0';
    kt_err_t err = read_token_file(path, out, why);
    if (err == KT_ENOFILE) {
        char line[KT_SECRET_TEXT + 1], token[KT_SECRET_TEXT];
        int  length = snprintf(line, sizeof line, "%s\n", kt_secret_make(token));
        err         = kt_file_create(path, 0600, line, (size_t)length);
        if (!err)
            err = read_token_file(path, out, why);  // that of another process, if it was first
    }
    if (err && !*why)
        snprintf(why, KT_HTTP_TOKEN_WHY, "%.400s is not usable as HTTP token: check its permissions, or remove it",
                 path);
    return err;
}

const char *
kt_http_token_find(const kt_settings_t *settings, const char *state_dir, char out[KT_HTTP_TOKEN])
{
    char path[PATH_MAX];
    out[0] = '\0';
    if (is_token(settings->http_token))
        snprintf(out, KT_HTTP_TOKEN, "%s", settings->http_token);
    else if (!state_dir || !token_path(path, state_dir) || read_token_file(path, out, NULL))
        out[0] = '\0';
    return out;
}
