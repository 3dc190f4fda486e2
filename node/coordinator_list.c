#include "node/coordinator_list.h"

#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 4400 };

static const char BLANKS[] = " \t\r\n,";

// The next word of *text, and advances *text past it; NULL at the end.
static const char *
next_word(const char **text, size_t *length)
{
    const char *word = *text + strspn(*text, BLANKS);
    *length          = strcspn(word, BLANKS);
    *text            = word + *length;
    return *length ? word : NULL;
}

// Returns the number of keys; 0 when a word is not a key or there are too many.
static size_t
read_keys(const char *text, char out[KT_COORDINATORS_MAX][KT_CURVE_TEXT])
{
    size_t n = 0, length;
    for (const char *at; (at = next_word(&text, &length));) {
        char word[KT_CURVE_TEXT];
        if (length >= sizeof word || n == KT_COORDINATORS_MAX)
            return 0;
        memcpy(word, at, length);
        word[length] = '\0';
        if (!kt_curve_is_key(word))
            return 0;
        memcpy(out[n++], word, sizeof word);
    }
    return n;
}

static size_t
read_key_file(const char *path, char out[KT_COORDINATORS_MAX][KT_CURVE_TEXT])
{
    char  text[(KT_COORDINATORS_MAX + 1) * (KT_CURVE_TEXT + 1)] = "";
    FILE *file                                                  = fopen(path, "re");
    if (!file)
        return 0;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    return read_keys(text, out);
}

static kt_err_t
read_addresses(kt_coordinator_list_t *self, const char *text, char why[KT_COORDINATORS_WHY])
{
    size_t length;
    bool   fits = true;
    for (const char *word; fits && (word = next_word(&text, &length));) {
        fits = self->n < KT_COORDINATORS_MAX && length < KT_COORDINATOR_ADDRESS;
        if (fits)
            snprintf(self->addresses[self->n++], KT_COORDINATOR_ADDRESS, "%.*s", (int)length, word);
    }
    if (self->n && fits)
        return KT_OK;
    snprintf(why, KT_COORDINATORS_WHY, "ANALYZER_COORDINATORS names 1 to %d addresses like tcp://127.0.0.1:8711",
             KT_COORDINATORS_MAX);
    return KT_ESETTING;
}

static kt_err_t
read_public_keys(kt_coordinator_list_t *self, const char *given, const char *state_dir, char why[KT_COORDINATORS_WHY])
{
    char   path[PATH_BYTES];
    size_t n = read_keys(given, self->keys);
    if (*given)
        snprintf(path, sizeof path, "%s", given);
    else
        snprintf(path, sizeof path, "%s/keys/coordinator.public", state_dir);
    if (!n)
        n = read_key_file(path, self->keys);
    if (!n) {
        snprintf(why, KT_COORDINATORS_WHY,
                 "no coordinator's public key in %.300s: start the coordinator once, copy its file there, or set "
                 "ANALYZER_COORDINATOR_KEY",
                 path);
        return KT_ENOFILE;
    }
    for (size_t i = 1; n == 1 && i < self->n; i++)
        memcpy(self->keys[i], self->keys[0], sizeof self->keys[i]);
    if (n == 1 || n == self->n)
        return KT_OK;
    snprintf(why, KT_COORDINATORS_WHY,
             "ANALYZER_COORDINATOR_KEY has %zu keys for %zu coordinators: give one for all, or one each", n, self->n);
    return KT_ESETTING;
}

kt_err_t
kt_coordinator_list_read(kt_coordinator_list_t *out, const kt_settings_t *settings, const char *state_dir,
                         char why[KT_COORDINATORS_WHY])
{
    memset(out, 0, sizeof *out);
    kt_err_t err = read_addresses(out, settings->coordinators, why);
    return err ? err : read_public_keys(out, settings->coordinator_key, state_dir, why);
}
