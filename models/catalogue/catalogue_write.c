// models.yml as text. Every text is quoted, and none holds a quote, a backslash or a control character but a path,
// which is escaped.
#include "common/buf.h"
#include "common/file.h"
#include "common/text.h"
#include "models/catalogue/catalogue_private.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static void
write_quoted(kt_buf_t *out, const char *text)
{
    kt_buf_add(out, "\"", 1);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            kt_buf_add(out, "\\", 1);
        kt_buf_add(out, text, 1);
    }
    kt_buf_add(out, "\"", 1);
}

// version, path and sha256, each followed by `after`; between is written before all but the first.
static void
write_version(kt_buf_t *out, const kt_catalogue_version_t *version, const char *between)
{
    char hex[KT_DIGEST_HEX];
    kt_buf_fmt(out, "version: \"%s\"%spath: ", version->version, between);
    write_quoted(out, version->path);
    if (!kt_digest_is_zero(&version->digest))
        kt_buf_fmt(out, "%ssha256: \"%s\"", between, kt_digest_hex(&version->digest, hex));
}

static void
write_list(kt_buf_t *out, const int64_t *values, int n)
{
    for (int i = 0; i < n; i++)
        kt_buf_fmt(out, "%s%" PRId64, i ? ", " : "[", values[i]);
    kt_buf_str(out, "]\n");
}

static void
write_model(kt_buf_t *out, const kt_catalogue_model_t *model)
{
    kt_buf_fmt(out, "    %s:\n", model->name);
    if (model->deployed >= 0) {
        kt_buf_str(out, "      ");
        write_version(out, kt_catalogue_deployed(model), "\n      ");
        kt_buf_str(out, "\n");
    }
    if (model->rank) {
        kt_buf_str(out, "      input_shape: ");
        write_list(out, model->input_shape, model->rank);
    }
    if (model->outputs)
        kt_buf_fmt(out, "      output_classes: %" PRId64 "\n", model->outputs);
    size_t others = model->n_versions - (model->deployed >= 0);
    if (others || model->deployed < 0)
        kt_buf_str(out, others ? "      versions:\n" : "      versions: []\n");
    for (size_t i = 0; i < model->n_versions; i++) {
        const kt_catalogue_version_t *version = &model->versions[i];
        if (version->status == KT_MODEL_DEPLOYED)
            continue;
        kt_buf_str(out, "        - {");
        write_version(out, version, ", ");
        kt_buf_fmt(out, ", status: %s}\n", kt_model_status_name(version->status));
    }
}

static void
write_extraction(kt_buf_t *out, const kt_extraction_t *extraction)
{
    bool audio = false, video = extraction->frame_sample_rate > 0 || extraction->max_frames || extraction->resize[0];
    for (size_t i = 0; i < KT_EXTRACTION_AUDIO; i++)
        audio |= extraction->audio[i] != 0;
    if (!audio && !video)
        return;
    kt_buf_str(out, "feature_extraction:\n");
    if (audio)
        kt_buf_str(out, "  audio:\n");
    for (size_t i = 0; i < KT_EXTRACTION_AUDIO; i++)
        if (extraction->audio[i])
            kt_buf_fmt(out, "    %s: %" PRId64 "\n", KT_EXTRACTION[i].key, extraction->audio[i]);
    if (video)
        kt_buf_str(out, "  video:\n");
    if (extraction->frame_sample_rate > 0)
        kt_buf_fmt(out, "    frame_sample_rate: %.9g\n", extraction->frame_sample_rate);
    if (extraction->max_frames)
        kt_buf_fmt(out, "    max_frames: %" PRId64 "\n", extraction->max_frames);
    if (extraction->resize[0]) {
        kt_buf_str(out, "    resize_resolution: ");
        write_list(out, extraction->resize, 2);
    }
}

static void
write_type(const kt_catalogue_t *self, kt_buf_t *out, const char *type)
{
    bool first = true;
    for (size_t i = 0; i < self->n; i++) {
        if (strcmp(self->models[i]->type, type))
            continue;
        if (first)
            kt_buf_fmt(out, "  %s:\n", type);
        first = false;
        write_model(out, self->models[i]);
    }
}

void
kt_catalogue_print(const kt_catalogue_t *self, kt_buf_t *out)
{
    kt_buf_str(out, self->n ? "models:\n" : "models: {}\n");
    write_type(self, out, "audio");
    write_type(self, out, "video");
    write_extraction(out, &self->extraction);
}

kt_err_t
kt_catalogue_write(const kt_catalogue_t *self, const char *folder)
{
    char     path[PATH_MAX];
    kt_buf_t out;
    if (snprintf(path, sizeof path, "%s/models.yml", folder) >= (int)sizeof path)
        return KT_EINVAL;
    kt_buf_init(&out, KT_CATALOGUE_BYTES);
    kt_catalogue_print(self, &out);
    kt_err_t err = out.err ? out.err : kt_file_replace(path, 0644, out.bytes, out.length);
    kt_buf_fini(&out);
    return err;
}
