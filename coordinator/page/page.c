#include "coordinator/page/page.h"

#include <string.h>

#define HTML "text/html; charset=utf-8"
#define CSS "text/css; charset=utf-8"
#define JS "text/javascript; charset=utf-8"
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
