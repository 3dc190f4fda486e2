#include "coordinator/page/page.h"

#include <string.h>

#define HTML "text/html; charset=utf-8"
#define SVG "image/svg+xml"

static const kt_page_file_t FILES[] = {
#define KT_PAGE_FILE(name, kind, digest, text) {name, kind, "W/\"" digest "\"", text, sizeof text - 1},
#include "page_files.inc"
#undef KT_PAGE_FILE
};

size_t
kt_page_files(const kt_page_file_t **out)
{
    *out = FILES;
    return sizeof FILES / sizeof *FILES;
}

const kt_page_file_t *
kt_page_find(const char *name)
{
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        if (strcmp(FILES[i].name, name) == 0)
            return &FILES[i];
    return NULL;
}

const char *
kt_page_policy(void)
{
    return "default-src 'none'; script-src " KT_PAGE_SCRIPT "; style-src " KT_PAGE_STYLE "; img-src 'self'; "
           "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
           "require-trusted-types-for 'script'; trusted-types 'none'";
}
