// kt_settings_pass -- settings over a file descriptor, for a child process and for copies. Values of secrets and
// passwords in URLs are not passed (kt_settings_print masks them): the receiver has the defaults of those. Any thread.
#pragma once

#include "common/settings.h"

// *fd: a new memfd, close-on-exec, owned by the caller. KT_ENOMEM, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_settings_pass(const kt_settings_t *settings, int *fd);
// Reads what kt_settings_pass has written; fd stays open. kt_settings_fini(out) at the end. KT_ENOFILE (not open),
// KT_ESETTING, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_settings_take(kt_settings_t *out, int fd);
// Both in one. kt_settings_fini(out) at the end.
KT_MUST_USE kt_err_t kt_settings_copy(const kt_settings_t *settings, kt_settings_t *out);
