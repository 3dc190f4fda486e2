#include "node/run/npy.h"
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

TestSuite(npy, .init = fx_open_plain, .fini = fx_close);

Test(npy, rows_become_columns_without_moving_a_byte)
{
    float rows[6] = {1, 2, 3, 4, 5, 6};  // three frames of two
    char  bytes[512];
    cr_assert_eq(kt_npy_write(fx_path("a.npy"), rows, 3, 2), KT_OK);
    size_t length = fx_read("a.npy", bytes, sizeof bytes);
    cr_assert_eq(length, 128 + sizeof rows);
    cr_assert_eq(memcmp(bytes, "\x93NUMPY\x01\x00\x76\x00", 10), 0);
    cr_assert_eq(bytes[127], '\n');
    bytes[127] = '\0';
    cr_assert_not_null(strstr(bytes + 10, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }"));
    cr_assert_eq(memcmp(bytes + 128, rows, sizeof rows), 0);
}

Test(npy, an_empty_matrix_is_a_header)
{
    char  bytes[256];
    float none = 0;
    cr_assert_eq(kt_npy_write(fx_path("e.npy"), &none, 0, 7), KT_OK);
    cr_assert_eq(fx_read("e.npy", bytes, sizeof bytes), 128);
}

Test(npy, a_missing_folder_and_a_full_disk_are_errors)
{
    float one = 1;
    cr_assert_eq(kt_npy_write(fx_path("none/a.npy"), &one, 1, 1), KT_ENOFILE);
    cr_assert_eq(errno, ENOENT);
    cr_assert_eq(kt_npy_write("/dev/full", &one, 1, 1), KT_EDISK);
    cr_assert_eq(kt_npy_write(fx_path("b.npy"), &one, (size_t)-1, 16), KT_EINVAL);
}
