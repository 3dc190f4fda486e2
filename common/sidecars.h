// Sidecar files: covers, checksums, databases of file managers. Any thread.
#pragma once

#include <stdbool.h>

bool kt_name_is_companion(const char *name);  // by its extension
