// models.yml from its tree. Each map has a table of the keys that it may have.
#include "common/file.h"
#include "common/text.h"
#include "models/catalogue/catalogue_private.h"
#include "models/catalogue/yaml.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_DIMENSION = 1000000, MOST_SETTING = 10000000 };

typedef struct reader {
    kt_catalogue_t *catalogue;
    char           *why;
} reader_t;

typedef kt_err_t take_fn(reader_t *self, const kt_yaml_node_t *node, void *target);

// A key of a map, the kind of its value, and the function that takes the value.
typedef struct member {
    const char    *key;
    kt_yaml_kind_t kind;
    take_fn       *take;
} member_t;

// Explains the error of a node with its line.
#define FAIL(self, node, format, ...)                                                                                  \
    kt_text_explain((self)->why, KT_CATALOGUE_WHY, KT_ECATALOGUE, "models.yml line %zu: " format, (node)->line,        \
                    ##__VA_ARGS__)

static kt_err_t
expect(const reader_t *self, const kt_yaml_node_t *node, kt_yaml_kind_t kind)
{
    static const char *const KINDS[] = {"a text or number", "a list", "a map"};
    if (node->kind == kind)
        return KT_OK;
    return FAIL(self, node, "'%.60s' must be %s", node->key ? node->key : "the value", KINDS[kind]);
}

// An empty value stands for an empty map: "audio:" without anything below.
static bool
is_empty(const kt_yaml_node_t *node)
{
    return node->kind == KT_YAML_TEXT && (!*node->text || !strcmp(node->text, "{}"));
}

static kt_err_t
take_members(reader_t *self, const kt_yaml_node_t *map, const member_t *members, size_t n, void *target)
{
    if (is_empty(map))
        return KT_OK;
    kt_err_t err = expect(self, map, KT_YAML_MAP);
    for (const kt_yaml_node_t *node = map->first; node && !err; node = node->next) {
        size_t i = 0;
        while (i < n && strcmp(members[i].key, node->key))
            i++;
        if (i == n)
            return FAIL(self, node, "unknown key '%.60s'", node->key);
        err = members[i].kind == KT_YAML_MAP && is_empty(node) ? KT_OK : expect(self, node, members[i].kind);
        if (!err)
            err = members[i].take(self, node, target);
    }
    return err;
}

static kt_err_t
take_whole(reader_t *self, const kt_yaml_node_t *node, int64_t most, int64_t *out)
{
    if (node->kind != KT_YAML_TEXT || kt_text_to_i64(node->text, 1, most, out))
        return FAIL(self, node, "'%.60s' must be a whole number from 1 to %" PRId64, node->key ? node->key : "value",
                    most);
    return KT_OK;
}

static kt_err_t
take_wholes(reader_t *self, const kt_yaml_node_t *list, size_t least, size_t most, int64_t *out)
{
    if (list->count < least || list->count > most)
        return FAIL(self, list, "'%.60s' must have %zu to %zu numbers", list->key, least, most);
    kt_err_t err = KT_OK;
    for (const kt_yaml_node_t *node = list->first; node && !err; node = node->next)
        err = take_whole(self, node, MOST_DIMENSION, out++);
    return err;
}

// One version: of a model (the deployed one) or of its list.
typedef struct version_target {
    kt_catalogue_model_t  *model;  // NULL: of a list
    kt_catalogue_version_t version;
} version_target_t;

static kt_err_t
take_version(reader_t *self, const kt_yaml_node_t *node, void *target)
{
    version_target_t *to = target;
    if (!kt_catalogue_is_version(node->text))
        return FAIL(self, node, "version '%.60s' is not MAJOR.MINOR.PATCH", node->text);
    (void)kt_text_copy(to->version.version, sizeof to->version.version, node->text);
    return KT_OK;
}

static kt_err_t
take_path(reader_t *self, const kt_yaml_node_t *node, void *target)
{
    version_target_t *to = target;
    if (!kt_catalogue_is_path(node->text))
        return FAIL(self, node, "path '%.60s' must be relative, without '..', and at most 255 bytes", node->text);
    (void)kt_text_copy(to->version.path, sizeof to->version.path, node->text);
    return KT_OK;
}

static kt_err_t
take_sha256(reader_t *self, const kt_yaml_node_t *node, void *target)
{
    version_target_t *to = target;
    if (!kt_digest_read(&to->version.digest, node->text))
        return FAIL(self, node, "sha256 must have 64 hexadecimal digits");
    return KT_OK;
}

static kt_err_t
take_status(reader_t *self, const kt_yaml_node_t *node, void *target)
{
    static const kt_model_status_t ALLOWED[] = {KT_MODEL_REGISTERED, KT_MODEL_REPLACED, KT_MODEL_RETIRED};
    version_target_t              *to        = target;
    for (size_t i = 0; i < sizeof ALLOWED / sizeof *ALLOWED; i++)
        if (!strcmp(node->text, kt_model_status_name(ALLOWED[i]))) {
            to->version.status = ALLOWED[i];
            return KT_OK;
        }
    return FAIL(self, node, "status '%.60s' is not registered, replaced or retired", node->text);
}

static kt_err_t
take_shape(reader_t *self, const kt_yaml_node_t *node, void *target)
{
    kt_catalogue_model_t *model = ((version_target_t *)target)->model;
    model->rank                 = (int)node->count;
    return take_wholes(self, node, 1, sizeof model->input_shape / sizeof *model->input_shape, model->input_shape);
}

static kt_err_t
take_outputs(reader_t *self, const kt_yaml_node_t *node, void *target)
{
    kt_catalogue_model_t *model = ((version_target_t *)target)->model;
    if (model->outputs)
        return FAIL(self, node, "output_classes and output_dimensions mean the same: state one");
    return take_whole(self, node, MOST_DIMENSION, &model->outputs);
}

static kt_err_t
add_version(reader_t *self, const kt_yaml_node_t *node, kt_catalogue_model_t *model,
            const kt_catalogue_version_t *version)
{
    if (!*version->version || !*version->path)
        return FAIL(self, node, "a version needs `version` and `path`");
    if (model->n_versions == KT_CATALOGUE_VERSIONS)
        return FAIL(self, node, "more than %d versions", KT_CATALOGUE_VERSIONS);
    if (kt_catalogue_version(model, version->version))
        return FAIL(self, node, "version %s is there twice", version->version);
    model->versions[model->n_versions++] = *version;
    return KT_OK;
}

static kt_err_t
take_versions(reader_t *self, const kt_yaml_node_t *list, void *target)
{
    static const member_t MEMBERS[] = {{"version", KT_YAML_TEXT, take_version},
                                       {"path", KT_YAML_TEXT, take_path},
                                       {"sha256", KT_YAML_TEXT, take_sha256},
                                       {"status", KT_YAML_TEXT, take_status}};
    kt_err_t              err       = KT_OK;
    for (const kt_yaml_node_t *node = list->first; node && !err; node = node->next) {
        version_target_t one = {.version = {.status = KT_MODEL_REGISTERED}};
        err                  = take_members(self, node, MEMBERS, sizeof MEMBERS / sizeof *MEMBERS, &one);
        if (!err)
            err = add_version(self, node, ((version_target_t *)target)->model, &one.version);
    }
    return err;
}

static kt_err_t
take_model(reader_t *self, const kt_yaml_node_t *node, const char *type)
{
    static const member_t MEMBERS[] = {
        {"version", KT_YAML_TEXT, take_version},        {"path", KT_YAML_TEXT, take_path},
        {"sha256", KT_YAML_TEXT, take_sha256},          {"input_shape", KT_YAML_LIST, take_shape},
        {"output_classes", KT_YAML_TEXT, take_outputs}, {"output_dimensions", KT_YAML_TEXT, take_outputs},
        {"versions", KT_YAML_LIST, take_versions},
    };
    version_target_t target = {.version = {.status = KT_MODEL_DEPLOYED}};
    if (!kt_catalogue_is_name(node->key))
        return FAIL(self, node, "'%.60s' is not a name: lower-case letters, digits and _, at most 63", node->key);
    if (kt_catalogue_find(self->catalogue, node->key))
        return FAIL(self, node, "'%s' is there twice", node->key);
    kt_err_t err = kt_catalogue_add(self->catalogue, type, node->key, &target.model);
    if (err == KT_EFULL)
        return FAIL(self, node, "more than %d models", KT_CATALOGUE_MODELS);
    if (!err)
        err = expect(self, node, KT_YAML_MAP);
    if (!err)
        err = take_members(self, node, MEMBERS, sizeof MEMBERS / sizeof *MEMBERS, &target);
    bool deployed = *target.version.version || *target.version.path || !kt_digest_is_zero(&target.version.digest);
    if (!err && deployed) {
        err                    = add_version(self, node, target.model, &target.version);
        target.model->deployed = (int)target.model->n_versions - 1;
    } else if (!err && !target.model->n_versions && !node->count) {
        err = FAIL(self, node, "'%s' has no version", node->key);
    }
    return err;
}

static kt_err_t
take_type(reader_t *self, const kt_yaml_node_t *map, void *target)
{
    (void)target;
    kt_err_t err = KT_OK;
    for (const kt_yaml_node_t *node = map->first; node && !err; node = node->next)
        err = take_model(self, node, map->key);
    return err;
}

static kt_err_t
take_models(reader_t *self, const kt_yaml_node_t *map, void *target)
{
    static const member_t MEMBERS[] = {{"audio", KT_YAML_MAP, take_type}, {"video", KT_YAML_MAP, take_type}};
    return take_members(self, map, MEMBERS, sizeof MEMBERS / sizeof *MEMBERS, target);
}

static kt_err_t
take_extraction_audio(reader_t *self, const kt_yaml_node_t *map, void *target)
{
    (void)target;
    for (const kt_yaml_node_t *node = map->first; node; node = node->next) {
        size_t i = 0;
        while (i < KT_EXTRACTION_AUDIO && strcmp(KT_EXTRACTION[i].key, node->key))
            i++;
        if (i == KT_EXTRACTION_AUDIO)
            return FAIL(self, node, "unknown key '%.60s'", node->key);
        kt_err_t err = take_whole(self, node, MOST_SETTING, &self->catalogue->extraction.audio[i]);
        if (err)
            return err;
    }
    return KT_OK;
}

static kt_err_t
take_frame_rate(reader_t *self, const kt_yaml_node_t *node, void *target)
{
    (void)target;
    if (kt_text_to_f64(node->text, 1e-6, 1000, &self->catalogue->extraction.frame_sample_rate))
        return FAIL(self, node, "frame_sample_rate must be a number up to 1000");
    return KT_OK;
}

static kt_err_t
take_max_frames(reader_t *self, const kt_yaml_node_t *node, void *target)
{
    (void)target;
    return take_whole(self, node, MOST_SETTING, &self->catalogue->extraction.max_frames);
}

static kt_err_t
take_resize(reader_t *self, const kt_yaml_node_t *node, void *target)
{
    (void)target;
    return take_wholes(self, node, 2, 2, self->catalogue->extraction.resize);
}

static kt_err_t
take_extraction_video(reader_t *self, const kt_yaml_node_t *map, void *target)
{
    static const member_t MEMBERS[] = {{"frame_sample_rate", KT_YAML_TEXT, take_frame_rate},
                                       {"max_frames", KT_YAML_TEXT, take_max_frames},
                                       {"resize_resolution", KT_YAML_LIST, take_resize}};
    return take_members(self, map, MEMBERS, sizeof MEMBERS / sizeof *MEMBERS, target);
}

static kt_err_t
take_extraction(reader_t *self, const kt_yaml_node_t *map, void *target)
{
    static const member_t MEMBERS[] = {{"audio", KT_YAML_MAP, take_extraction_audio},
                                       {"video", KT_YAML_MAP, take_extraction_video}};
    return take_members(self, map, MEMBERS, sizeof MEMBERS / sizeof *MEMBERS, target);
}

kt_err_t
kt_catalogue_parse(kt_catalogue_t **self_p, const char *text, size_t length, char why[KT_CATALOGUE_WHY])
{
    static const member_t MEMBERS[] = {{"models", KT_YAML_MAP, take_models},
                                       {"feature_extraction", KT_YAML_MAP, take_extraction}};
    char                  yaml_why[KT_YAML_WHY];
    kt_yaml_t            *yaml   = NULL;
    reader_t              reader = {.why = why};
    why[0]                       = '\0';
    kt_err_t err                 = kt_yaml_parse(&yaml, text, length, yaml_why);
    if (err)
        return kt_text_explain(why, KT_CATALOGUE_WHY, err, "models.yml %.230s", yaml_why);
    err                        = kt_catalogue_new(&reader.catalogue);
    const kt_yaml_node_t *root = kt_yaml_root(yaml);
    if (!err && root)
        err = take_members(&reader, root, MEMBERS, sizeof MEMBERS / sizeof *MEMBERS, NULL);
    kt_yaml_destroy(&yaml);
    if (err)
        kt_catalogue_destroy(&reader.catalogue);
    else
        *self_p = reader.catalogue;
    return err;
}

// The bytes of models.yml; free them. KT_ECATALOGUE: larger than KT_CATALOGUE_BYTES, or not a regular file.
static kt_err_t
read_file(const char *path, char **bytes_p, size_t *length, char why[KT_CATALOGUE_WHY])
{
    struct stat facts;
    char       *bytes = NULL;
    kt_err_t    err   = KT_OK;
    int         fd    = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return kt_file_err_of_errno();
    if (fstat(fd, &facts))
        err = KT_EIO;
    else if (!S_ISREG(facts.st_mode) || facts.st_size > KT_CATALOGUE_BYTES)
        err = kt_text_explain(why, KT_CATALOGUE_WHY, KT_ECATALOGUE, "models.yml %s",
                              S_ISREG(facts.st_mode) ? "line 1: larger than 1 MB" : "is not a regular file");
    else if (!(bytes = malloc((size_t)facts.st_size + 1)))
        err = KT_ENOMEM;
    else if (pread(fd, bytes, (size_t)facts.st_size, 0) != facts.st_size)
        err = KT_EIO;
    close(fd);
    if (err) {
        free(bytes);
        return err;
    }
    *bytes_p = bytes;
    *length  = (size_t)facts.st_size;
    return KT_OK;
}

kt_err_t
kt_catalogue_read(kt_catalogue_t **self_p, const char *folder, char why[KT_CATALOGUE_WHY])
{
    char   path[PATH_MAX], *text = NULL;
    size_t length = 0;
    why[0]        = '\0';
    if (snprintf(path, sizeof path, "%s/models.yml", folder) >= (int)sizeof path)
        return KT_ENOFILE;
    kt_err_t err = read_file(path, &text, &length, why);
    if (err) {
        if (!*why)
            (void)kt_text_explain(why, KT_CATALOGUE_WHY, err, "%.200s: %s", path, kt_err_text(err));
        return err;
    }
    err = kt_catalogue_parse(self_p, text, length, why);
    free(text);
    return err;
}
