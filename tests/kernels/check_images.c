#include "kernels/cuda/image.h"
#include "tests/kernels/check_cuda.h"

#include <stdlib.h>
#include <string.h>

// Noise with runs of one colour, so that the histogram has both.
static void
fill(uint8_t *rgb, size_t bytes, uint32_t seed)
{
    for (size_t i = 0; i < bytes; i++) {
        seed   = seed * 1664525U + 1013904223U;
        rgb[i] = i / 999 % 3 == 0 ? (uint8_t)(17 * (i / 999)) : (uint8_t)(seed >> 24);
    }
}

// Sums of integers: equal to the last bit.
static void
pictures_are_right(uint32_t width, uint32_t height, size_t n, bool has_before)
{
    const size_t      bytes = 3 * (size_t)width * height;
    uint8_t          *rgb   = calloc(n + 1, bytes);
    kt_image_stats_t *fast  = calloc(n, sizeof *fast), ref;
    if (!check(rgb && fast, "memory"))
        return;
    fill(rgb, (n + 1) * bytes, width + height);
    uint8_t          *before = has_before ? device_copy(rgb, bytes) : NULL, *now = device_copy(rgb + bytes, n * bytes);
    kt_image_stats_t *out = device_copy(fast, n * sizeof *fast);
    check(kt_cuda_images(now, before, n, width, height, out, NULL) == KT_OK, "images");
    device_read(fast, out, n * sizeof *fast);
    for (size_t i = 0; i < n; i++) {
        kt_image_stats_ref(rgb + (i + 1) * bytes, i > 0 || has_before ? rgb + i * bytes : NULL, width, height, &ref);
        check(memcmp(&ref, &fast[i], sizeof ref) == 0, "picture %zu of %zu, %u x %u: other sums", i, n, width, height);
    }
    device_free(before);
    device_free(now);
    device_free(out);
    free(rgb);
    free(fast);
}

void
check_images(bool all)
{
    pictures_are_right(67, 35, 2, true);
    if (!all)
        return;
    pictures_are_right(1, 1, 1, false);
    pictures_are_right(2, 3, 1, true);
    pictures_are_right(64, 32, 18, false);  // more than one block follows through time
    pictures_are_right(65, 33, 3, true);
    pictures_are_right(160, 90, 2, true);
    check(kt_cuda_images(NULL, NULL, 1, 0, 5, NULL, NULL) == KT_EINVAL, "a picture without width");
    check(kt_cuda_images(NULL, NULL, 1, 5, KT_IMAGE_MOST_SIDE + 1, NULL, NULL) == KT_EINVAL, "a picture too high");
    check(kt_cuda_images(NULL, NULL, 0, 5, 5, NULL, NULL) == KT_OK, "no picture");
}
