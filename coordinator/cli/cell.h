// kt_cell -- texts of jobs, tags and models as rows show them: no text controls a terminal or is executed by a
// spreadsheet. Pure functions; any thread.
#pragma once

#include <stddef.h>
#include <stdio.h>

// The cell of a CSV. A text that a spreadsheet would take for a formula gets an apostrophe, as OWASP advises: one that
// begins, behind blanks, with = + - @ in ASCII or full width, or with a tab or line feed. Lines and tabs stay; other
// control characters become question marks. Truncates; always terminated.
void kt_cell_csv(const char *text, char *out, size_t capacity);
// JSON with control characters as \u escapes: they occur in texts alone, so that it means the same.
void kt_cell_json(FILE *out, const char *json, size_t length);
