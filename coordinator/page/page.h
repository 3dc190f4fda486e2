// kt_page -- the files of the web page at /, embedded at build time from files/. They hold no data: the page reads it
// through the HTTP API. Constant; any thread.
#pragma once

#include <stddef.h>

// The page loads and sends nothing elsewhere, runs no script but its own files, is in no frame of another page, and
// builds no markup from text (trusted types).
#define KT_PAGE_POLICY                                                                                                 \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "   \
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

typedef struct kt_page_file {
    const char *name;  // "main.js"
    const char *type;  // of the content, with charset
    const char *etag;  // weak: the bytes may be compressed
    const char *bytes;
    size_t      length;
} kt_page_file_t;

size_t                kt_page_files(const kt_page_file_t **out);  // all of them; returns the number
const kt_page_file_t *kt_page_find(const char *name);             // NULL: there is none
