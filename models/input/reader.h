// kt_reader -- members of a JSON object with their types and limits checked. The first error is kept, so that a chain
// of reads is checked once, at its end. One thread.
#pragma once

#include "common/json.h"
#include "models/format/ktm.h"

typedef struct kt_reader {
    const json_t *object;  // NULL: has no members
    const char   *where;   // "input.frame"
    char         *why;     // [KT_KTM_WHY]
    bool         *failed;
} kt_reader_t;

// An object that is a member; one that is not there, or is no object, has no members.
kt_reader_t kt_reader_member(const kt_reader_t *self, const char *key, const char *where);
// fallback NAN: the member is required. 0 after a failure.
double   kt_reader_number(const kt_reader_t *self, const char *key, double fallback, double low, double high);
uint32_t kt_reader_whole(const kt_reader_t *self, const char *key, double fallback, uint32_t low, uint32_t high);
bool     kt_reader_flag(const kt_reader_t *self, const char *key, bool fallback);
// Index of the text among `names`, whose end is NULL. fallback -1: required.
int         kt_reader_choice(const kt_reader_t *self, const char *key, int fallback, const char *const *names);
const char *kt_reader_text(const kt_reader_t *self, const char *key);  // NULL: not there
void        kt_reader_fail(const kt_reader_t *self, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
