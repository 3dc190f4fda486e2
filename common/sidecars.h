// kt_sidecars -- names of files that accompany media: covers, checksums, databases of file managers. Any thread.
#pragma once

#include <stdbool.h>

bool kt_name_is_sidecar(const char *name);  // by its extension
