#include "tests/unit/node/model_folder.h"

#include "common/file.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char mo_folder[64];

void
mo_make(void)
{
    cr_assert_not_null(mkdtemp(strcpy(mo_folder, "/tmp/kt-modelsXXXXXX")));
}

void
mo_remove(void)
{
    DIR *folder = opendir(mo_folder);
    char path[512];
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        (void)snprintf(path, sizeof path, "%s/%s", mo_folder, entry->d_name);
        (void)unlink(path);
    }
    if (folder)
        closedir(folder);
    (void)rmdir(mo_folder);
}

void
mo_put_file(const char *name, const char *bytes, size_t length)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", mo_folder, name);
    cr_assert_eq(kt_file_replace(path, 0600, bytes, length), KT_OK);
}

void
mo_put_model(const char *name, const ktm_text_t *text)
{
    char       file[128];
    size_t     length;
    ktm_text_t named = *text;
    named.name       = name;
    uint8_t *bytes   = ktm_build(&named, &length);
    (void)snprintf(file, sizeof file, "%s.ktm", name);
    mo_put_file(file, (const char *)bytes, length);
    free(bytes);
}
