// kt_analyze -- what the files of `kithara analyze` share: its options, the readable summary of one output message, the
// per-frame matrices. Private to cmd_analyze.c and analyze_*.c.
#pragma once

#include "common/buf.h"
#include "common/json.h"
#include "coordinator/cli/cli.h"

#include <stdint.h>

typedef enum kt_analyze_format { KT_ANALYZE_SUMMARY, KT_ANALYZE_JSONL, KT_ANALYZE_CSV } kt_analyze_format_t;

typedef struct kt_analyze_opts {
    kt_analyze_format_t format;
    uint32_t            options;  // kt_option_t bits
    const char         *pcm;      // "f32", or NULL
    uint32_t            rate_hz, channels;
    const char         *frames_dir;  // NULL: none
    size_t              workers;
    char              **files;
    size_t              n_files;
} kt_analyze_opts_t;

// KT_EXIT_OK, or KT_EXIT_USAGE and said.
int kt_analyze_options(kt_analyze_opts_t *out, const kt_cli_t *cli, int argc, char **argv);

// A block for people: what the file is, then a line a feature. Appends to out.
void kt_analyze_summary(const json_t *document, bool color, kt_buf_t *out);

// Writes DIR/NAME.FEATURE.npy for one file; a kt_frames_fn whose context this is.
typedef struct kt_analyze_frames {
    const char *dir;
    const char *path;  // of the media file
    size_t      written;
    kt_err_t    err;  // the first failure, and about what
    char        what[512];
} kt_analyze_frames_t;
void kt_analyze_frame(void *context, const char *feature, const float *rows, size_t frames, size_t width);
