// kt_page -- the web page at /, embedded at build time from files/ (cmake/page.cmake): one document with its style and
// script, and its icon. It holds no data, which it reads through the HTTP API. Constant; any thread.
#pragma once

#include <stddef.h>

typedef struct kt_page_file {
    const char *name;  // "icon.svg"
    const char *type;  // of the content, with charset
    const char *etag;  // weak: the bytes may be compressed
    const char *bytes;
    size_t      length;
} kt_page_file_t;

size_t                kt_page_files(const kt_page_file_t **out);  // all of them; returns the number
const kt_page_file_t *kt_page_find(const char *name);             // NULL: there is none
// Content-Security-Policy of the document: it runs and shows its own script and style alone, loads and sends nothing
// elsewhere, is in no frame of another page, and builds no markup from text (trusted types).
const char *kt_page_policy(void);
