#include "models/input/reader.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
kt_reader_fail(const kt_reader_t *self, const char *key, const char *format, ...)
{
    if (*self->failed)
        return;
    *self->failed = true;
    const int at  = snprintf(self->why, KT_KTM_WHY, "%s.%s: ", self->where, key);
    va_list   list;
    va_start(list, format);
    if (at >= 0 && at < KT_KTM_WHY)
        vsnprintf(self->why + at, KT_KTM_WHY - (size_t)at, format, list);
    va_end(list);
}

kt_reader_t
kt_reader_member(const kt_reader_t *self, const char *key, const char *where)
{
    kt_reader_t out = *self;
    out.object      = kt_json_get(self->object, key);
    out.where       = where;
    return out;
}

double
kt_reader_number(const kt_reader_t *self, const char *key, double fallback, double low, double high)
{
    const json_t *value = kt_json_get(self->object, key);
    double        out   = fallback;
    if (!value && isnan(fallback))
        kt_reader_fail(self, key, "is missing");
    else if (value && (!kt_json_number(value, &out) || !(out >= low && out <= high)))
        kt_reader_fail(self, key, "must be a number from %g to %g", low, high);
    return *self->failed ? 0 : out;
}

uint32_t
kt_reader_whole(const kt_reader_t *self, const char *key, double fallback, uint32_t low, uint32_t high)
{
    const double out = kt_reader_number(self, key, fallback, low, high);
    if (out != floor(out))
        kt_reader_fail(self, key, "must be a whole number");
    return (uint32_t)out;
}

bool
kt_reader_flag(const kt_reader_t *self, const char *key, bool fallback)
{
    const bool out = kt_json_flag(self->object, key, fallback);
    if (kt_json_get(self->object, key) && out != kt_json_flag(self->object, key, !fallback))
        kt_reader_fail(self, key, "must be true or false");
    return out;
}

const char *
kt_reader_text(const kt_reader_t *self, const char *key)
{
    const char *out = kt_json_str(self->object, key, NULL);
    if (!out && kt_json_get(self->object, key))
        kt_reader_fail(self, key, "must be a text");
    return out;
}

int
kt_reader_choice(const kt_reader_t *self, const char *key, int fallback, const char *const *names)
{
    const char *text = kt_reader_text(self, key);
    for (int i = 0; text && names[i]; i++)
        if (strcmp(names[i], text) == 0)
            return i;
    if (text)
        kt_reader_fail(self, key, "'%.40s' is not known", text);
    else if (fallback < 0)
        kt_reader_fail(self, key, "is missing");
    return fallback < 0 ? 0 : fallback;
}
