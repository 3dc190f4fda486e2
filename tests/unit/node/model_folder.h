// A temporary folder of model files that tests make.
#pragma once

#include "tests/unit/models/ktm_build.h"

extern char mo_folder[64];  // absolute

void mo_make(void);    // an empty folder
void mo_remove(void);  // with all files
void mo_put_file(const char *name, const char *bytes, size_t length);
void mo_put_model(const char *name, const ktm_text_t *text);  // NAME.ktm; the model gets this name
