#include "models/format/names.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { MANY = 5000 };

Test(names, each_name_has_its_index)
{
    static char text[MANY][24];
    kt_names_t  names;
    cr_assert_eq(kt_names_init(&names, MANY), KT_OK);
    for (int i = 0; i < MANY; i++) {
        snprintf(text[i], sizeof text[i], "name_%d", i);
        cr_assert_eq(kt_names_find(&names, text[i]), -1);
        cr_assert(kt_names_add(&names, text[i], i));
    }
    for (int i = 0; i < MANY; i++) {
        cr_assert_eq(kt_names_find(&names, text[i]), i);
        cr_assert_not(kt_names_add(&names, text[i], 0));
    }
    cr_assert_eq(kt_names_find(&names, "name"), -1);
    kt_names_fini(&names);
    kt_names_fini(&names);  // idempotent
}
