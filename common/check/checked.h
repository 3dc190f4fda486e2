// kt_checked -- what a check of this machine or of its settings found, for `kithara doctor` and `kithara-coordinator
// --check`: a state and a text, which says what to do where something is wrong. A line of both programs is
//     SUBJECT STATE TEXT          subject and state without blanks, padded; no control characters
// Any thread.
#pragma once

#include <stdbool.h>

enum { KT_CHECKED_TEXT = 1024, KT_CHECKED_LINE = KT_CHECKED_TEXT + 64 };

// Only WRONG makes the exit code 1. The values of the first two are those of bool.
typedef enum kt_checked {
    KT_CHECKED_WRONG,
    KT_CHECKED_OK,
    KT_CHECKED_WARN,
    KT_CHECKED_NONE,  // no line
} kt_checked_t;

// Prints the line on standard output, at once; nothing of NONE.
void kt_checked_print(const char *subject, kt_checked_t state, const char *text);
// Whether the line is that subject's; its state and text. False leaves them.
bool kt_checked_read(const char *line, const char *subject, kt_checked_t *state, char text[KT_CHECKED_TEXT]);

// Whether the file system of a path has room for a ledger (1 GiB); the text says how much, and names it as `shown`.
bool kt_checked_has_room(const char *path, const char *shown, char text[KT_CHECKED_TEXT]);
