// kt_coordinator_check -- `kithara-coordinator --check`: whether a coordinator with these settings would start and
// work. Reads settings and keys, connects to database and broker, and prints one line per subject on standard output
// (common/check/checked.h). Listens nowhere, creates and declares nothing; every wait has a deadline. Main thread.
#pragma once

#include "common/settings.h"

#include <stdbool.h>

bool kt_coordinator_check(const kt_settings_t *settings);  // nothing is wrong
