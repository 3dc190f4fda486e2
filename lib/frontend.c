#include "common/json.h"
#include "common/text.h"
#include "lib/parts.h"
#include "models/input/blocks.h"

#include <stdlib.h>
#include <string.h>

struct kithara_frontend {
    kt_audio_input_t *input;
    kt_ktm_t         *file;  // NULL: of a text
};

enum { MAX_INPUT_BYTES = 64 << 10 };

static kt_err_t
parse_input(kithara_frontend_t *self, const char *text)
{
    json_t  *input = NULL;
    char     why[KT_KTM_WHY];
    kt_err_t err = kt_json_parse(text, strlen(text), MAX_INPUT_BYTES, &input, why);
    if (!err)
        err = kt_audio_input_parse(&self->input, input, why);
    kt_json_free(&input);
    return err ? kt_lib_fail(err, "input: %s", why) : KT_OK;
}

static kt_err_t
read_input(kithara_frontend_t *self, const char *path)
{
    char     why[KT_KTM_WHY];
    kt_err_t err = kt_ktm_open(&self->file, path, why);
    if (!err)
        err = kt_audio_input_new(&self->input, self->file, why);
    return err ? kt_lib_fail(err, "%s: %s", path, why) : KT_OK;
}

int
kithara_frontend_open(kithara_frontend_t **out, const char *input)
{
    kithara_frontend_t *self = calloc(1, sizeof *self);
    if (!self)
        return kt_lib_fail(KT_ENOMEM, NULL);
    kt_err_t err = input[0] == '{' ? parse_input(self, input) : read_input(self, input);
    if (err)
        goto fail;
    *out = self;
    return KITHARA_OK;
fail:
    kithara_frontend_close(&self);
    return err;
}

void
kithara_frontend_close(kithara_frontend_t **self_p)
{
    kithara_frontend_t *self = *self_p;
    if (!self)
        return;
    kt_audio_input_destroy(&self->input);
    kt_ktm_destroy(&self->file);
    free(self);
    *self_p = NULL;
}

uint32_t
kithara_frontend_rate(const kithara_frontend_t *self)
{
    return kt_audio_input_rate(self->input);
}

size_t
kithara_frontend_width(const kithara_frontend_t *self)
{
    return kt_audio_input_width(self->input);
}

size_t
kithara_frontend_block_rows(const kithara_frontend_t *self)
{
    const kt_audio_blocks_t *blocks = kt_audio_input_blocks(self->input);
    return blocks->tail == KT_TAIL_SHORT ? 0 : blocks->left + blocks->frames + blocks->right;
}

int
kithara_frontend_rows(kithara_frontend_t *self, const float *samples, size_t n, float **rows, size_t *n_rows)
{
    kt_audio_rows_t *stream = NULL;
    size_t           width  = kt_audio_input_width(self->input);
    float           *out    = NULL;
    kt_err_t         err    = kt_audio_rows_new(&stream, self->input, NULL);
    if (err)
        return kt_lib_fail(err, NULL);
    size_t first = kt_audio_rows_room(stream, n), done = 0;
    out = calloc(first * width + 1, sizeof *out);
    if (!out)
        goto no_memory;
    done        = kt_audio_rows_push(stream, samples, n, out);
    size_t rest = kt_audio_rows_room(stream, 0);
    float *all  = realloc(out, ((done + rest) * width + 1) * sizeof *out);
    if (!all)
        goto no_memory;
    done += kt_audio_rows_finish(stream, all + done * width);
    kt_audio_rows_destroy(&stream);
    *rows   = all;
    *n_rows = done;
    return KITHARA_OK;
no_memory:
    free(out);
    kt_audio_rows_destroy(&stream);
    return kt_lib_fail(KT_ENOMEM, NULL);
}

int
kithara_frontend_blocks(kithara_frontend_t *self, const float *rows, size_t n_rows, float **blocks, size_t *n_blocks)
{
    const kt_audio_blocks_t *cut   = kt_audio_input_blocks(self->input);
    size_t                   width = kt_audio_input_width(self->input), length = kithara_frontend_block_rows(self);
    size_t                   count = kt_block_count(cut, n_rows);
    if (length == 0)
        return kt_lib_fail(KT_EINVAL, "the model takes blocks of any length: use its rows");
    if (length * width > SIZE_MAX / sizeof(float) / (count + 1))
        return kt_lib_fail(KT_ENOMEM, NULL);
    float *ordered = malloc(length * width * sizeof *ordered);
    float *out     = malloc((count * length * width + 1) * sizeof *out);
    if (!ordered || !out) {
        free(ordered);
        free(out);
        return kt_lib_fail(KT_ENOMEM, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        kt_block_t block;
        if (!kt_block_at(cut, i, n_rows, true, &block)) {
            count = i;
            break;
        }
        kt_block_fill(self->input, &block, rows + block.first * width, ordered);
        kt_audio_input_place(self->input, ordered, length, out + i * length * width);
    }
    free(ordered);
    *blocks   = out;
    *n_blocks = count;
    return KITHARA_OK;
}
