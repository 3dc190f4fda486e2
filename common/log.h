// kt_log -- one line per event: time, level, stable id, key=value. Text or JSON by setting; the sink is a function, so
// that tests can check ids. Any thread; a line is one write. Blocks only in its sink (stderr).
//
//   kt_log_warn("NODE-LOST", "node=%s jobs=%d silent_ms=%lld", name, jobs, (long long)ms);
//   2026-01-31T12:00:00.123Z WARNING NODE-LOST node=gpu7 jobs=3 silent_ms=5012
//   {"time":"...","level":"WARNING","id":"NODE-LOST","msg":"a node is silent and counts as
//   lost","node":"gpu7","jobs":3, "silent_ms":5012}
//
// The level has the name of the setting; msg is the sentence of the id (log/ids.def). In JSON a value is a number where
// the format has a conversion of a number, and where the key ends in _us (times of stages, which have no format).
//
// A value that may contain blanks has double quotes in the format, text="%s", and the caller escapes it by
// kt_log_quote. A bare value, node=%s, is quoted and escaped where it has blanks, quotes or backslashes. Lines are
// sanitised to UTF-8 without control characters.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum kt_log_level { KT_LOG_DEBUG, KT_LOG_INFO, KT_LOG_WARN, KT_LOG_ERROR } kt_log_level_t;
typedef enum kt_log_format { KT_LOG_TEXT, KT_LOG_JSON } kt_log_format_t;

// fields: "key=value ...", without time and level.
typedef void kt_log_sink_fn(void *context, kt_log_level_t level, const char *id, const char *fields);

void kt_log_setup(kt_log_level_t least, kt_log_format_t format, const char *program);  // once, before threads start
void kt_log_set_sink(kt_log_sink_fn *sink, void *context);                             // NULL: back to stderr
bool kt_log_wants(kt_log_level_t level);

void kt_log_at(kt_log_level_t level, const char *id, const char *format, ...) __attribute__((format(printf, 3, 4)));

// The sentence of an id; the id where it has none. Constant.
const char *kt_log_sentence(const char *id);
// Escapes '"' and '\\' for a quoted value; truncates, but never within an escape. Returns out.
const char *kt_log_quote(char *out, size_t capacity, const char *text);

#define kt_log_debug(id, ...) (kt_log_wants(KT_LOG_DEBUG) ? kt_log_at(KT_LOG_DEBUG, id, __VA_ARGS__) : (void)0)
#define kt_log_info(id, ...) kt_log_at(KT_LOG_INFO, id, __VA_ARGS__)
#define kt_log_warn(id, ...) kt_log_at(KT_LOG_WARN, id, __VA_ARGS__)
#define kt_log_error(id, ...) kt_log_at(KT_LOG_ERROR, id, __VA_ARGS__)
