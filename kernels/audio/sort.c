#include "kernels/audio/sort.h"

#include <stdint.h>
#include <string.h>

enum { DIGIT_BITS = 11, DIGITS = 3, BUCKETS = 1 << DIGIT_BITS, SMALL = 48 };

// The bits of a float as a number of the same order: negative ones turned over, positive ones above them.
static uint32_t
sort_key(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits ^ ((0u - (bits >> 31)) | 0x80000000u);
}

static void
insertion_sort(float *values, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        float    value = values[i];
        uint32_t key   = sort_key(value);
        size_t   j     = i;
        for (; j > 0 && sort_key(values[j - 1]) > key; j--)
            values[j] = values[j - 1];
        values[j] = value;
    }
}

static size_t
digit_of(float value, int digit)
{
    return sort_key(value) >> (digit * DIGIT_BITS) & (BUCKETS - 1);
}

void
kt_sort_floats(float *values, float *scratch, size_t n)
{
    if (n <= SMALL) {
        insertion_sort(values, n);
        return;
    }
    uint32_t count[DIGITS][BUCKETS] = {0};
    for (size_t i = 0; i < n; i++)
        for (int d = 0; d < DIGITS; d++)
            count[d][digit_of(values[i], d)]++;
    float *from = values, *to = scratch;
    for (int d = 0; d < DIGITS; d++) {
        uint32_t place = 0;
        for (size_t b = 0; b < BUCKETS; b++) {
            uint32_t here = count[d][b];
            count[d][b]   = place;
            place += here;
        }
        for (size_t i = 0; i < n; i++)
            to[count[d][digit_of(from[i], d)]++] = from[i];
        float *swap = from;
        from        = to;
        to          = swap;
    }
    memcpy(values, scratch, n * sizeof *values);
}
