#include "node/run/npy.h"

#include "common/assert.h"
#include "common/file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// Magic, version and the header's length take 10 bytes; the whole is padded with blanks to a multiple of 64.
enum { PREFIX = 10, HEADER = 128 };

kt_err_t
kt_npy_write(const char *path, const float *rows, size_t frames, size_t width)
{
    if (width != 0 && frames > SIZE_MAX / sizeof *rows / width)
        return KT_EINVAL;
    char header[HEADER];
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (char)(HEADER - PREFIX);
    header[9] = 0;
    int n = snprintf(header + PREFIX, HEADER - PREFIX, "{'descr': '<f4', 'fortran_order': True, 'shape': (%zu, %zu), }",
                     width, frames);
    kt_assert(n > 0 && n < HEADER - PREFIX - 1);  // two numbers of at most 20 digits fit
    header[PREFIX + n] = ' ';
    header[HEADER - 1] = '\n';

    FILE *file = fopen(path, "wbe");
    if (!file)
        return kt_file_write_err_of_errno();
    bool written = fwrite(header, 1, sizeof header, file) == sizeof header &&
                   fwrite(rows, sizeof *rows, frames * width, file) == frames * width;
    int why = errno;
    if (fclose(file) != 0 && written) {
        written = false;
        why     = errno;
    }
    errno = why;
    return written ? KT_OK : kt_file_write_err_of_errno();
}
