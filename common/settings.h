// kt_settings -- every setting of Kithara, from one table (settings.def): environment variables override a file
// of NAME=value lines, which overrides the defaults. Read once at start, constant afterwards: any thread may read.
//
// An unknown ANALYZER_* name or a value out of range is KT_ESETTING, with a sentence that names the setting, the value
// and the permitted values.
#pragma once

#include "common/buf.h"
#include "common/err.h"
#include "common/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_settings {
// one member per row, named by the second column: int64_t, double, bool or const char * (never NULL, owned by self)
#define KT_INT(env, name, min, max, def, unit, meaning) int64_t name;
#define KT_SHARED KT_INT
#define KT_REAL(env, name, min, max, def, unit, meaning) double name;
#define KT_BOOL(env, name, def, meaning) bool name;
#define KT_TEXT(env, name, max_bytes, def, meaning) const char *name;
#define KT_SECRET(env, name, max_bytes, def, meaning) const char *name;
#define KT_ENUM(env, name, choices, def, meaning) const char *name;
#define KT_SHARED_ENUM KT_ENUM
#include "common/settings.def"
#undef KT_INT
#undef KT_SHARED
#undef KT_REAL
#undef KT_BOOL
#undef KT_TEXT
#undef KT_SECRET
#undef KT_ENUM
#undef KT_SHARED_ENUM
    kt_test_faults_t test_faults;  // test_fault, parsed
    void            *memory;       // private: holds the strings
} kt_settings_t;

enum { KT_SETTINGS_WHY = 512 };

// file: NULL reads no file unless ANALYZER_CONFIG names one. environment: a NULL-terminated array of NAME=value, as
// environ. On failure `why` names the setting, the error and the permitted values. KT_ESETTING, KT_ENOFILE, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_settings_load(kt_settings_t *self, const char *file, char *const *environment,
                                      char why[KT_SETTINGS_WHY]);
void                 kt_settings_fini(kt_settings_t *self);

// Sets one by its environment name, for --set and the shared settings of WELCOME. KT_ESETTING, KT_ENOMEM; self keeps
// its old value then. Does not check rules between settings: call kt_settings_check after the last one.
KT_MUST_USE kt_err_t kt_settings_set(kt_settings_t *self, const char *env, const char *value,
                                     char why[KT_SETTINGS_WHY]);

// The rules that go beyond one row (kt_settings_load has applied them): hop_length <= n_fft. KT_ESETTING.
KT_MUST_USE kt_err_t kt_settings_check(const kt_settings_t *self, char why[KT_SETTINGS_WHY]);

// What ANALYZER_WORKERS=auto stands for: one per core of this process's affinity mask, which containers and batch
// systems set, rather than of the host. At most what the setting permits.
size_t kt_settings_auto_workers(void);

// The state folder: ANALYZER_STATE_DIR, else $XDG_STATE_HOME/kithara, else ~/.local/state/kithara. Returns out, or NULL
// if it does not fit. Does not create the folder.
const char *kt_settings_state_dir(const kt_settings_t *self, char *out, size_t capacity);

// The folder of models: ANALYZER_MODEL_PATH; where that is /models and there is no such folder,
// $XDG_DATA_HOME/kithara/models, else ~/.local/share/kithara/models. As above.
const char *kt_settings_model_dir(const kt_settings_t *self, char *out, size_t capacity);

// Whether the settings file has a secret (a password in a URL, a token) and other users can read it: then *name is that
// setting. False where no file was read.
bool kt_settings_are_open(const kt_settings_t *self, const char **name);

// Prints NAME=value lines in table order, each with its origin as a comment; masks secrets and passwords in URLs. The
// output of --print-config: it can be read back as a file, in which a masked line is a comment.
void kt_settings_print(const kt_settings_t *self, kt_buf_t *out);
// The table for --help (plain) and for docs/settings.md (markdown).
void kt_settings_help(kt_buf_t *out, bool markdown);
