// kt_ctc -- the text that a recogniser read: greedy decoding of connectionist temporal classification (Graves et al.
// 2006). Of each step the most probable class; repeated classes are one; class 0 is blank. Pure; any thread.
#pragma once

#include <stddef.h>

enum { KT_TEXT_BYTES = 256 };  // of one line, with NUL; longer ones are cut behind a whole character

typedef struct kt_reading {
    char   text[KT_TEXT_BYTES];  // UTF-8, without spaces at its ends
    float  confidence;           // mean probability of the kept steps; 0: nothing was read
    size_t letters;              // letters and digits of any script
} kt_reading_t;

// rows: [steps][classes] probabilities; names: [classes].
void kt_ctc_read(const float *rows, size_t steps, size_t classes, const char *const *names, kt_reading_t *out);
// Letters and digits of UTF-8 text. What is neither ASCII nor among the blocks of punctuation and symbols is a letter.
size_t kt_text_letters(const char *text);
// Edits (insertions, deletions, replacements of bytes) between two lines over the length of the longer one: 0 to 1.
float kt_text_difference(const char *a, const char *b);
