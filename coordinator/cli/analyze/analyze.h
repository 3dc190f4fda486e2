// kt_analyze -- shared by the files of `kithara analyze`: its options, the readable summary of one output message, the
// per-frame matrices. Private to cli/analyze.
#pragma once

#include "common/buf.h"
#include "common/json.h"
#include "coordinator/cli/analyze/out_names.h"
#include "coordinator/cli/cli.h"

#include <stdint.h>

typedef enum kt_analyze_format {
    KT_ANALYZE_SUMMARY,
    KT_ANALYZE_JSON,
    KT_ANALYZE_JSONL,
    KT_ANALYZE_CSV,
    KT_ANALYZE_SPOTIFY,
    KT_ANALYZE_ESSENTIA,
    KT_ANALYZE_EDL,
    KT_ANALYZE_OTIO,
} kt_analyze_format_t;

typedef struct kt_analyze_opts {
    kt_analyze_format_t format;
    uint32_t            options;  // kt_option_t bits
    const char         *pcm;      // "f32", or NULL
    uint32_t            rate_hz, channels;
    const char         *frames_dir;      // NULL: none
    const char         *thumbnails_dir;  // NULL: none
    const char         *click_path;      // NULL: none
    const char         *out_dir;         // of EDL and OTIO: one file each; NULL: standard output
    double              every_s;         // "-" only: seconds of sound from snapshot to snapshot; 0: none
    size_t              workers;
    bool                recursive, all;  // files may be folders, which are walked; all: as of kt_scan_opts_t
    char              **files;
    size_t              n_files;
    kt_out_names_t      names;  // of what is written beside the messages
} kt_analyze_opts_t;

// KT_EXIT_OK, or another code with a message.
int kt_analyze_options(kt_analyze_opts_t *out, kt_cli_t *cli, int argc, char **argv);

// The one file is "-": standard input, a stream.
int kt_analyze_live(const kt_cli_t *cli, const kt_analyze_opts_t *opts);

// Output messages on stdout, or as files of out_dir, in the requested format. One thread.
typedef struct kt_analyze_printer kt_analyze_printer_t;
KT_MUST_USE kt_err_t              kt_analyze_printer_new(kt_analyze_printer_t **self_p, const kt_cli_t *cli,
                                                         const kt_analyze_opts_t *opts, kt_analyze_format_t format);
void                              kt_analyze_printer_destroy(kt_analyze_printer_t **self_p);
kt_err_t                          kt_analyze_printer_end(kt_analyze_printer_t *self);  // after the last message
// One message. false: stop writing. A closed pipe (head, less) is not reported; any other
// error has been reported, and *failed is set.
bool kt_analyze_print(kt_analyze_printer_t *self, const char *text, size_t length, bool *failed);

// A readable block: the file, then one line per feature. Appends to out.
void kt_analyze_summary(const json_t *document, bool color, kt_buf_t *out);

// Writes STEM.FEATURE.npy for one file; a kt_frames_fn whose context this is.
typedef struct kt_analyze_frames {
    const char *stem;  // of kt_out_names; its folder is there
    size_t      written;
    kt_err_t    err;  // the first failure, and about what
    char        what[512];
} kt_analyze_frames_t;
void kt_analyze_frame(void *context, const char *feature, const float *rows, size_t frames, size_t width);
