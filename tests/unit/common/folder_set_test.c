// The set of folders.
#include "common/folder_set.h"

#include <criterion/criterion.h>

Test(folder_set, it_holds_each_folder_once_and_no_more_than_allowed)
{
    kt_folder_set_t self = {0};
    bool            added;
    for (int turn = 0; turn < 2; turn++)
        for (ino_t i = 0; i < 1000; i++) {
            cr_assert_eq(kt_folder_set_add(&self, &(struct stat){.st_dev = i % 3, .st_ino = i}, 1000, &added), KT_OK);
            cr_assert_eq(added, turn == 0);
        }
    cr_assert_eq(kt_folder_set_add(&self, &(struct stat){.st_ino = 1000}, 1000, &added), KT_EFULL);
    cr_assert(!added);
    kt_folder_set_fini(&self);
    kt_folder_set_fini(&self);
}
