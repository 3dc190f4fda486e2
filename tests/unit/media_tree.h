// A folder of media for tests of walks: names in several folders, some not UTF-8, hidden ones, a picture, a link to the
// folder itself and a link to a file.
#pragma once

extern char mt_root[256];  // the folder, absolute

void mt_make(void);  // Criterion's init and fini
void mt_remove(void);
void mt_touch(const char *path, const char *text);  // a file below mt_root, with its folders
