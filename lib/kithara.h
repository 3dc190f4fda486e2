// libkithara -- Kithara in a program of one's own: analyse a file or samples into the document, compute the input rows
// of a model, run a model. C99 and C++. The library and the program kithara-decode, which decodes media in sandboxed
// child processes, belong together: it is found in the library's own folder, in ../bin, ../libexec or ../lib of it, or
// by KITHARA_DECODE (environment, or a setting of kithara_open).
//
// Results: 0 or a negative code, whose values never change (docs/errors.md); an out-pointer is untouched on failure
// unless its function says otherwise. Memory that a function gives is freed by kithara_free; handles have a function
// of their own, which takes the handle's address, accepts NULL in it and sets it to NULL.
// Threads: a kithara_t may be used by many threads at once; every other handle by one thread at a time.
// The library reads no environment variable but KITHARA_DECODE, writes no log unless asked, and installs no signal
// handler; it starts processes, so a host that reaps all children (waitpid(-1)) must not reap this one's.
#pragma once

#include <stddef.h>
#include <stdint.h>

// A change that breaks programs gets a new MAJOR and a new libkithara.so.MAJOR; new functions a new MINOR.
#define KITHARA_VERSION_MAJOR 1
#define KITHARA_VERSION_MINOR 0
#define KITHARA_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

#define KITHARA_API __attribute__((visibility("default")))

typedef struct kithara          kithara_t;           // settings, decoder, workers
typedef struct kithara_frontend kithara_frontend_t;  // samples to the input rows of a model
typedef struct kithara_model    kithara_model_t;     // a model file, ready to run

enum { KITHARA_OK = 0, KITHARA_FREE_DIMS = 4, KITHARA_RANK = 6 };

// "1.0.0": of the library that is loaded, which may be newer than this header.
KITHARA_API const char *kithara_version(void);
KITHARA_API const char *kithara_error_name(int error);  // "ENOFILE"
KITHARA_API const char *kithara_error_text(int error);  // "no such file"
// What the last failed call of this thread is about, one line; valid until the thread's next failure.
KITHARA_API const char *kithara_why(void);
KITHARA_API void        kithara_free(void *memory);  // NULL-safe

// level: 0 debug, 1 info, 2 warning, 3 error. Called by any thread, one at a time. For the whole process; NULL: no log.
typedef void     kithara_log_fn(void *context, int level, const char *id, const char *fields);
KITHARA_API void kithara_set_log(kithara_log_fn *log, void *context);

// settings: NULL, or NAME=value texts up to a NULL, with the names of docs/settings.md, and KITHARA_DECODE=path. Starts
// kithara-decode. Without ANALYZER_MEDIA_ROOTS every path may be opened. The models of ANALYZER_MODEL_PATH are used.
// ESETTING, ENOFILE (no kithara-decode), ENOMEM.
KITHARA_API int  kithara_open(kithara_t **out, const char *const *settings);
KITHARA_API void kithara_close(kithara_t **self_p);  // after its last call has returned

// options: the analysis_options of an input message as JSON text, {"extract_mir": false}; NULL: everything.
// *document: the output message, JSON text. A file that cannot be analysed gives an error and a document that says so;
// *document is NULL when there is none. Blocks until the file is done.
KITHARA_API int kithara_analyze_file(kithara_t *self, const char *path, const char *options, char **document);
// samples: interleaved, [frames][channels], about -1 to 1; 1 to 768000 Hz, 1 to 64 channels. The document has no path,
// and no size of a file.
KITHARA_API int kithara_analyze_samples(kithara_t *self, const float *samples, size_t frames, uint32_t rate_hz,
                                        uint32_t channels, const char *options, char **document);
// The mean of a file's channels at this rate, as the analysis has it: from start_s, at most duration_s (0: to the end).
// *n is 0, and no error, where the file ends before start_s.
KITHARA_API int kithara_read_mono(kithara_t *self, const char *path, uint32_t rate_hz, double start_s,
                                  double duration_s, float **samples, size_t *n);
// Resamples mono samples with the analysis's own resampler.
KITHARA_API int kithara_resample(const float *samples, size_t n, uint32_t from_hz, uint32_t to_hz, float **out,
                                 size_t *n_out);

// input: path of an audio model's file, or its "input" as JSON text (models/FORMAT.md; without mean and inverse_std,
// which are tensors of a file). ENOFILE, EMODEL, EMESSAGE, ENOMEM.
KITHARA_API int      kithara_frontend_open(kithara_frontend_t **out, const char *input);
KITHARA_API void     kithara_frontend_close(kithara_frontend_t **self_p);
KITHARA_API uint32_t kithara_frontend_rate(const kithara_frontend_t *self);        // Hz, of the samples
KITHARA_API size_t   kithara_frontend_width(const kithara_frontend_t *self);       // values of a row
KITHARA_API size_t   kithara_frontend_block_rows(const kithara_frontend_t *self);  // 0: blocks of any length
// All rows of a piece: mono samples in, [n_rows][width] out.
KITHARA_API int kithara_frontend_rows(kithara_frontend_t *self, const float *samples, size_t n, float **rows,
                                      size_t *n_rows);
// The cut of all rows into blocks of the model's length, [n_blocks][block_rows * width], each in the order of the
// graph's input. EINVAL: blocks of any length.
KITHARA_API int kithara_frontend_blocks(kithara_frontend_t *self, const float *rows, size_t n_rows, float **blocks,
                                        size_t *n_blocks);

// executor: "cpu", "cpu-int8", "ref" (plain C, slow); NULL: "cpu". ENOFILE, EMODEL, EMODELVERSION, EOPERATOR, ENOMEM.
KITHARA_API int  kithara_model_open(kithara_model_t **out, const char *path, const char *executor);
KITHARA_API void kithara_model_close(kithara_model_t **self_p);
// JSON text: the members of the file's header (models/FORMAT.md) without tensors and nodes; graph_inputs,
// graph_outputs, bytes, sha256.
KITHARA_API int    kithara_model_info(const kithara_model_t *self, char **info);
KITHARA_API size_t kithara_model_inputs(const kithara_model_t *self);
KITHARA_API size_t kithara_model_outputs(const kithara_model_t *self);
// sizes: of the free dimensions, N (items) first, then those of "free" in the file's order. The rank, or an error:
// EINVAL: a size outside its limits.
KITHARA_API int kithara_model_input_shape(const kithara_model_t *self, const int64_t sizes[KITHARA_FREE_DIMS],
                                          size_t index, int64_t dims[KITHARA_RANK]);
KITHARA_API int kithara_model_output_shape(const kithara_model_t *self, const int64_t sizes[KITHARA_FREE_DIMS],
                                           size_t index, int64_t dims[KITHARA_RANK]);
// inputs, outputs: one dense row-major float32 array each, in the graph's order, of the shapes above; the caller's.
KITHARA_API int kithara_model_run(kithara_model_t *self, const int64_t sizes[KITHARA_FREE_DIMS],
                                  const float *const *inputs, float *const *outputs);

#ifdef __cplusplus
}
#endif
