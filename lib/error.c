#include "common/text.h"
#include "lib/parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

static _Thread_local char last_why[KT_LIB_WHY];

const char *
kithara_version(void)
{
    return TEXT(KITHARA_VERSION_MAJOR) "." TEXT(KITHARA_VERSION_MINOR) "." TEXT(KITHARA_VERSION_PATCH);
}

const char *
kithara_error_name(int error)
{
    return kt_err_name((kt_err_t)error);
}

const char *
kithara_error_text(int error)
{
    return kt_err_text((kt_err_t)error);
}

const char *
kithara_why(void)
{
    return last_why;
}

void
kithara_free(void *memory)
{
    free(memory);
}

kt_err_t
kt_lib_fail(kt_err_t err, const char *format, ...)
{
    char    text[KT_LIB_WHY] = "";
    va_list arguments;
    if (format) {
        va_start(arguments, format);
        int n = vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        if (n < 0)
            text[0] = '\0';
    }
    const char *shown = text[0] ? text : kt_err_text(err);
    kt_text_sanitize(last_why, sizeof last_why, shown, strlen(shown));
    return err;
}
