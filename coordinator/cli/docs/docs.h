// kt_docs -- pages made of the tables: man pages and completions. Pure functions of the tables.
#pragma once

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>

// A manual page in roff (man(7)): "kithara", "kithara-run" and so on, "kithara-coordinator", "kithara-node",
// "kithara-decode", "kithara.conf". False: there is no page of that name.
bool kt_docs_man(kt_buf_t *out, const char *page);
// The names of all pages with their sections, "kithara-run.1", one per line.
void kt_docs_man_names(kt_buf_t *out);

// An array of the columns of a result (proto/columns.h): name, type, path in the message, unit, meaning.
void kt_docs_columns(kt_buf_t *out);

// The completion of a shell: bash, zsh or fish. False: another one.
bool kt_docs_completion(kt_buf_t *out, const char *shell);
