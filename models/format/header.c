// The members of the header: which must be there, and their types.
#include "common/text.h"
#include "models/format/members.h"
#include "models/format/parse.h"

#include <string.h>

static const struct {
    const char    *name;
    kt_json_kind_t kind;
    bool           required;
} members[] = {
    {"name", KT_JSON_TEXT, true},        {"version", KT_JSON_TEXT, true},    {"licence", KT_JSON_TEXT, true},
    {"attribution", KT_JSON_TEXT, true}, {"source", KT_JSON_OBJECT, false},  {"input", KT_JSON_OBJECT, true},
    {"free", KT_JSON_OBJECT, false},     {"graph", KT_JSON_OBJECT, true},    {"tensors", KT_JSON_ARRAY, true},
    {"outputs", KT_JSON_ARRAY, true},    {"accuracy", KT_JSON_ARRAY, false}, {"notes", KT_JSON_TEXT, false},
};

static const char *const kinds[] = {
    [KT_JSON_TEXT] = "a text", [KT_JSON_ARRAY] = "an array", [KT_JSON_OBJECT] = "an object"};

static bool
is_model_name(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length < KT_KTM_NAME && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

// MAJOR.MINOR.PATCH, each of 1 to 9 digits.
static bool
is_version(const char *text)
{
    for (int part = 0; part < 3; part++) {
        size_t digits = strspn(text, "0123456789");
        if (digits < 1 || digits > 9 || text[digits] != (part < 2 ? '.' : '\0'))
            return false;
        text += digits + 1;
    }
    return true;
}

const char *
kt_members_unknown(const json_t *object, const char *const *known)
{
    const char *key;
    // Keys differ, so that an unknown one is found after as many as there are known ones.
    for (size_t i = 0; (key = kt_json_key(object, i)); i++) {
        size_t at = 0;
        while (known[at] && strcmp(known[at], key) != 0)
            at++;
        if (!known[at])
            return key;
    }
    return NULL;
}

const char *
kt_members_name(const json_t *value)
{
    const char *text = kt_json_string(value);
    return text && *text && strlen(text) < KT_KTM_NAME ? text : NULL;
}

static kt_err_t
check_source(const json_t *source, char why[KT_KTM_WHY])
{
    static const char *const known[] = {"package", "file", "sha256", NULL};
    const char              *unknown = kt_members_unknown(source, known);
    if (unknown)
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "source: unknown member %s", unknown);
    for (size_t i = 0; known[i]; i++)
        if (kt_json_get(source, known[i]) && !kt_json_string(kt_json_get(source, known[i])))
            return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "source.%s is not a text", known[i]);
    return KT_OK;
}

kt_err_t
kt_ktm_check_header(const json_t *header, char why[KT_KTM_WHY])
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        kt_json_kind_t kind = kt_json_kind(kt_json_get(header, members[i].name));
        if (kind != members[i].kind && (members[i].required || kind != KT_JSON_NONE))
            return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "header: %s %s %s", members[i].name,
                                   kind == KT_JSON_NONE ? "is missing; it is" : "is not", kinds[members[i].kind]);
    }
    if (!is_model_name(kt_json_str(header, "name", "")))
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL,
                               "name: 1 to 63 lower-case letters, digits and _ are expected");
    if (!is_version(kt_json_str(header, "version", "")))
        return kt_text_explain(why, KT_KTM_WHY, KT_EMODEL, "version: MAJOR.MINOR.PATCH is expected");
    const json_t *source = kt_json_get(header, "source");
    return source ? check_source(source, why) : KT_OK;
}
