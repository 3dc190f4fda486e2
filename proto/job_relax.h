// kt_job_relax -- input messages that strict JSON refuses over something that nobody reads: a byte order mark, and, in
// members that are not read, numbers beyond every type (2^64, 1e400, NaN), \u0000, halves of surrogate pairs, bytes
// that are no UTF-8, repeated names, and deep nesting. Such a member is carried as a text with the characters that
// came. What is read (kt_job_parse) must be correct; metadata is read only as an object. Pure; any thread.
#pragma once

#include "common/buf.h"
#include "proto/job.h"

// out: the message that is stored and parsed instead; empty if `text` is used as it is. message_id: of a message whose
// body has none (a broker's property); "": none. warning: which members are carried as text, left out because the
// message would be too long, repeated, or not read although they have the name of one that is, in a sentence; "": none.
// KT_EMESSAGE with why, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_job_relax(const char *text, size_t length, const char *message_id, kt_buf_t *out,
                                  char warning[KT_JOB_WHY], char why[KT_JOB_WHY]);

// Visits the elements of the list `member` of an object, each as the text that it is: only the brackets, commas and
// quotes around them must be right. visit returns false to end. No such list: none is visited. KT_EMESSAGE: no object,
// broken, two members of that name, or ended by visit.
typedef bool         kt_job_text_fn(void *context, const char *text, size_t length);
KT_MUST_USE kt_err_t kt_job_texts(const char *text, size_t length, const char *member, kt_job_text_fn *visit,
                                  void *context);

// A text or number of that name in a message that may be broken, cut or no object: at the top level, else anywhere.
// Made valid UTF-8 and cut to the capacity. False, and out is "": there is none.
bool kt_job_find_text(const char *text, size_t length, const char *name, char *out, size_t capacity);
