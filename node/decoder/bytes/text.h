// kt_sniff_text -- whether the beginning of a file is text, and whether that is a playlist or manifest. Pure; any
// thread.
#pragma once

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

// KT_OK: no text. KT_EPLAYLIST, KT_ETEXT.
KT_MUST_USE kt_err_t kt_sniff_text(const uint8_t *head, size_t length);
