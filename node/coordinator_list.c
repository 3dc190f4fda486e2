#include "node/coordinator_list.h"

#include "common/curve.h"
#include "common/net/address.h"

#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 4400 };

static const char BLANKS[] = " \t\r\n,";

// The next word of *text, and advances *text past it; NULL at the end.
static const char *
next_list_word(const char **text, size_t *length)
{
    const char *word = *text + strspn(*text, BLANKS);
    *length          = strcspn(word, BLANKS);
    *text            = word + *length;
    return *length ? word : NULL;
}

// Returns the number of keys; 0 when a word is not a key or there are too many.
static size_t
parse_key_list(const char *text, char out[KT_COORDINATORS_MAX][KT_CURVE_TEXT])
{
    size_t n = 0, length;
    for (const char *at; (at = next_list_word(&text, &length));) {
        char word[KT_CURVE_HEX];
        if (length >= sizeof word || n == KT_COORDINATORS_MAX)
            return 0;
        memcpy(word, at, length);
        word[length] = '\0';
        if (!kt_curve_read_key(word, out[n++]))
            return 0;
    }
    return n;
}

// The keys in the file; 0: none.
static size_t
read_key_file(const char *path, char out[KT_COORDINATORS_MAX][KT_CURVE_TEXT])
{
    char   text[(KT_COORDINATORS_MAX + 1) * (KT_CURVE_HEX + 1)];
    size_t length;
    FILE  *file = fopen(path, "re");
    if (!file)
        return 0;
    length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    return strlen(text) == length ? parse_key_list(text, out) : 0;  // a NUL: no text
}

// From the setting, which is one or more keys or the path of a file of them; where it is empty, from the join token or
// the state folder.
static kt_err_t
list_read_keys(kt_coordinator_list_t *self, const kt_settings_t *settings, const char *state_dir,
               char why[KT_COORDINATORS_WHY])
{
    char        path[PATH_BYTES];
    kt_curve_t  token;
    const char *given = settings->coordinator_key;
    size_t      n     = parse_key_list(given, self->keys);
    if (*given)
        snprintf(path, sizeof path, "%s", given);
    else
        snprintf(path, sizeof path, "%s/keys/coordinator.public", state_dir);
    if (!*given && kt_join_token_read(settings->join_token, &token, self->keys[0]))
        n = 1;
    if (!n)
        n = read_key_file(path, self->keys);
    if (!n && !*given) {
        char joined[PATH_BYTES];
        snprintf(joined, sizeof joined, "%s/keys/joined.public", state_dir);
        n = read_key_file(joined, self->keys);
    }
    if (!n) {
        snprintf(why, KT_COORDINATORS_WHY,
                 "no coordinator's public key in %.300s: set ANALYZER_JOIN_TOKEN (kithara keys token new) or "
                 "ANALYZER_COORDINATOR_KEY, or start the coordinator once and copy its file there",
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
    const char *text = settings->coordinators;
    size_t      length;
    bool        fits = true;
    memset(out, 0, sizeof *out);
    for (const char *word; fits && (word = next_list_word(&text, &length));) {
        fits = out->n < KT_COORDINATORS_MAX && length < KT_COORDINATOR_ADDRESS;
        if (fits)
            snprintf(out->addresses[out->n++], KT_COORDINATOR_ADDRESS, "%.*s", (int)length, word);
    }
    for (size_t i = 0; i < out->n && fits; i++) {
        char wrong[KT_ADDRESS_WHY] = "";
        if (kt_address_check(out->addresses[i], false, wrong)) {
            snprintf(why, KT_COORDINATORS_WHY, "ANALYZER_COORDINATORS: %.200s: %s; write it as tcp://127.0.0.1:8711",
                     out->addresses[i], wrong);
            return KT_ESETTING;
        }
    }
    if (out->n && fits)
        return list_read_keys(out, settings, state_dir, why);
    snprintf(why, KT_COORDINATORS_WHY, "ANALYZER_COORDINATORS names 1 to %d addresses like tcp://127.0.0.1:8711",
             KT_COORDINATORS_MAX);
    return KT_ESETTING;
}
