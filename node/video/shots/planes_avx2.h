// kt_shot_planes -- the loops over pixels of shots/picture.c that GCC 12 makes few vectors of, in AVX2. The same values
// as the plain code there. Pure; any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_SHOT_COLUMNS = 480 };  // of a plane, at most

// Means of factor x factor pixels of a plane, [height][width], times scale / 2^16 over their sum, rounded. false:
// nothing is done, because the processor has no AVX2, the picture is narrow or the factor is none of 2, 3 and 4.
bool kt_shot_reduce_avx2(const uint8_t *plane, size_t stride, uint32_t factor, uint32_t scale, uint32_t width,
                         uint32_t height, uint16_t *out);
// n values times factor / 256, rounded, plus neutral, within 0 to 255. false: as above; the factor is below 256.
bool kt_shot_normalise_avx2(const int16_t *in, size_t n, int factor, int neutral, uint8_t *out);
