// kt_summary -- what the files of the readable summary share. Private to cli/analyze.
#pragma once

#include "common/buf.h"
#include "common/json.h"
#include "proto/features.h"

#define KT_SUMMARY_BOLD "\033[1m"
#define KT_SUMMARY_DIM "\033[2m"
#define KT_SUMMARY_PLAIN "\033[0m"

enum { KT_SUMMARY_NAME = 26, KT_SUMMARY_WIDTH = 100 };  // columns of a name; of a line of words

// The group's object in an output message; NULL if it is missing.
const json_t *kt_summary_group(const json_t *document, kt_group_t group);
// Text from a file, without control characters.
void kt_summary_clean(kt_buf_t *out, const char *text);
// "1:02:03.45", "2:03.45" of seconds.
void kt_summary_clock(kt_buf_t *out, double seconds);

// The technical and visual lines of a file with video: one subject per line, lines without content are omitted.
void kt_summary_film(const json_t *document, bool color, kt_buf_t *out);
// Which features are null, once per reason.
void kt_summary_reasons(const json_t *document, bool color, kt_buf_t *out);
