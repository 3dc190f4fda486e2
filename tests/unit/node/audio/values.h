// Numbers of a whole output message by their path, for tests of modules.
#pragma once

#include "common/json.h"
#include "proto/document.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

// "features.perceptual.loudness", "quality_metrics.true_peak"; NAN: null or not there.
static inline double
number_of(const char *text, const char *path)
{
    char    why[KT_JSON_WHY], part[64];
    json_t *document = NULL;
    double  number   = NAN;
    cr_assert_eq(kt_json_parse(text, strlen(text), KT_DOCUMENT_MAX_BYTES, &document, why), KT_OK, "%s", why);
    const json_t *at = document;
    for (size_t n; *path && at; path += n + (path[n] == '.')) {
        n = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        at = kt_json_get(at, part);
    }
    if (!at || !kt_json_number(at, &number))
        number = NAN;
    kt_json_free(&document);
    return number;
}
