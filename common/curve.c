// The secret file decides: of several processes one creates it, and the public file is derived from it. A kill at any
// point therefore leaves a whole pair, or a secret file from which the next start derives the public one.
#include "common/curve.h"

#include "common/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { KEY_CHARACTERS = KT_CURVE_TEXT - 1, SUFFIX_BYTES = 40 };

bool
kt_curve_is_key(const char *text)
{
    static const char z85[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    return strspn(text, z85) == KEY_CHARACTERS && text[KEY_CHARACTERS] == '\0';
}

bool
kt_curve_bytes(const char *key, uint8_t out[KT_CURVE_BYTES])
{
    return kt_curve_is_key(key) && zmq_z85_decode(out, key);
}

void
kt_curve_text(const uint8_t bytes[KT_CURVE_BYTES], char out[KT_CURVE_TEXT])
{
    zmq_z85_encode(out, bytes, KT_CURVE_BYTES);
}

void
kt_curve_hex(const char *key, char out[KT_CURVE_HEX])
{
    uint8_t bytes[KT_CURVE_BYTES] = {0};
    (void)kt_curve_bytes(key, bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

bool
kt_curve_read_key(const char *text, char out[KT_CURVE_TEXT])
{
    uint8_t bytes[KT_CURVE_BYTES];
    if (kt_curve_is_key(text)) {
        memcpy(out, text, KT_CURVE_TEXT);
        return true;
    }
    if (strspn(text, "0123456789abcdefABCDEF") != KT_CURVE_HEX - 1 || text[KT_CURVE_HEX - 1])
        return false;
    for (size_t i = 0; i < sizeof bytes; i++) {
        char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
        bytes[i]       = (uint8_t)strtoul(digits, NULL, 16);
    }
    kt_curve_text(bytes, out);
    return true;
}

// The public key of a secret one, in Z85.
static bool
curve_public(const char *secret_key, char out[KT_CURVE_TEXT])
{
    return kt_curve_is_key(secret_key) && zmq_curve_public(out, secret_key) == 0;
}

kt_err_t
kt_curve_new(kt_curve_t *out)
{
    kt_curve_t made;
    if (zmq_curve_keypair(made.public_key, made.secret_key))
        return KT_ESYSTEM;
    *out = made;
    return KT_OK;
}

// One key and a line feed. secret: KT_EACCESS where others can read it. KT_ENOFILE, KT_EINVAL, KT_EACCESS, KT_EIO.
static kt_err_t
read_key(const char *path, bool secret, char key[KT_CURVE_TEXT])
{
    char text[KT_CURVE_TEXT + 8];
    int  fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return kt_file_err_of_errno();
    kt_err_t err    = secret ? kt_file_check_secret(fd, path, NULL, 0) : KT_OK;
    ssize_t  length = err ? 0 : read(fd, text, sizeof text - 1);
    close(fd);
    if (err)
        return err;
    if (length < 0)
        return KT_EIO;
    text[length]                 = '\0';
    text[strcspn(text, " \r\n")] = '\0';
    if (!kt_curve_is_key(text))
        return KT_EINVAL;
    memcpy(key, text, KT_CURVE_TEXT);
    return KT_OK;
}

// KT_OK also when another process creates the file first; its key is the one that is read back.
static kt_err_t
load_or_make_secret(const char *path, char key[KT_CURVE_TEXT])
{
    kt_curve_t made;
    char       line[KT_CURVE_TEXT + 1];
    kt_err_t   err = read_key(path, true, key);
    if (err != KT_ENOFILE)
        return err;
    err = kt_file_make_folders(path);
    if (!err)
        err = kt_curve_new(&made);
    if (err)
        return err;
    int length = snprintf(line, sizeof line, "%s\n", made.secret_key);
    err        = kt_file_create(path, 0600, line, (size_t)length);
    return err ? err : read_key(path, true, key);
}

kt_err_t
kt_curve_load_or_make(const char *path, kt_curve_t *out)
{
    char       secret_path[PATH_MAX], public_path[PATH_MAX], on_disk[KT_CURVE_TEXT], line[KT_CURVE_TEXT + 1];
    kt_curve_t pair;
    if (strlen(path) > PATH_MAX - SUFFIX_BYTES)
        return KT_EINVAL;
    snprintf(secret_path, sizeof secret_path, "%s.secret", path);
    snprintf(public_path, sizeof public_path, "%s.public", path);
    kt_err_t err = load_or_make_secret(secret_path, pair.secret_key);
    if (err)
        return err;
    if (zmq_curve_public(pair.public_key, pair.secret_key))
        return KT_EINVAL;
    err = read_key(public_path, false, on_disk);
    if (err == KT_ENOFILE) {
        int length = snprintf(line, sizeof line, "%s\n", pair.public_key);
        err        = kt_file_replace(public_path, 0644, line, (size_t)length);
    } else if (!err && strcmp(on_disk, pair.public_key) != 0) {
        err = KT_EINVAL;
    }
    if (!err)
        *out = pair;
    return err;
}

kt_err_t
kt_curve_read_secret(const char *path, kt_curve_t *out)
{
    kt_curve_t pair;
    kt_err_t   err = read_key(path, true, pair.secret_key);
    if (!err && zmq_curve_public(pair.public_key, pair.secret_key))
        err = KT_EINVAL;
    if (!err)
        *out = pair;
    return err;
}

static const char JOIN_PREFIX[] = "kithara-join-";

enum { HEX_DIGITS = KT_CURVE_HEX - 1 };

void
kt_join_token_write(const char *secret_key, const char *coordinator_key, char out[KT_JOIN_TOKEN])
{
    char secret[KT_CURVE_HEX], coordinator[KT_CURVE_HEX];
    kt_curve_hex(secret_key, secret);
    kt_curve_hex(coordinator_key, coordinator);
    snprintf(out, KT_JOIN_TOKEN, "%s%s-%s", JOIN_PREFIX, secret, coordinator);
}

bool
kt_join_token_read(const char *text, kt_curve_t *pair, char coordinator_key[KT_CURVE_TEXT])
{
    char secret[KT_CURVE_HEX];
    if (strncmp(text, JOIN_PREFIX, sizeof JOIN_PREFIX - 1) != 0)
        return false;
    text += sizeof JOIN_PREFIX - 1;
    if (strlen(text) != 2 * HEX_DIGITS + 1 || text[HEX_DIGITS] != '-')
        return false;
    snprintf(secret, sizeof secret, "%.*s", HEX_DIGITS, text);
    return kt_curve_read_key(secret, pair->secret_key) && kt_curve_read_key(text + HEX_DIGITS + 1, coordinator_key) &&
           curve_public(pair->secret_key, pair->public_key);
}
