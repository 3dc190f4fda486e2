// kt_access_check -- the state folder and the secrets in it, as a coordinator and a node find them at their start.
// Creates nothing. Any thread.
#pragma once

#include "common/check/checked.h"
#include "common/settings.h"

kt_checked_t kt_access_check_state(const kt_settings_t *settings, char text[KT_CHECKED_TEXT]);  // and its disk
kt_checked_t kt_access_check_keys(const kt_settings_t *settings, char text[KT_CHECKED_TEXT]);
