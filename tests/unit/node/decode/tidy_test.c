// Descriptions of pictures that an untrusted child could send.
#include "node/decode/tidy.h"

#include <criterion/criterion.h>
#include <math.h>

static const kt_decode_picture_t GOOD = {.index        = 7,
                                         .time_s       = 1.5,
                                         .flags        = KT_FRAME_KEY | KT_FRAME_SAMPLED,
                                         .whole_factor = 1,
                                         .width        = 321,
                                         .height       = 181,
                                         .whole_width  = 1284,
                                         .whole_height = 724,
                                         .large_slot   = KT_RING_SLOTS + 1,
                                         .has_vectors  = 1,
                                         .vectors      = 3};

// The one before it.
static kt_decode_picture_t
before(void)
{
    kt_decode_picture_t p = GOOD;
    p.index--;
    p.time_s = 1.5;
    return p;
}

static bool
is_accepted(kt_decode_picture_t p)
{
    const kt_decode_picture_t last = before();
    return kt_tidy_picture_ok(&p, &last);
}

#define EXPECT_REFUSED(member, value)                                                                                  \
    do {                                                                                                               \
        kt_decode_picture_t p_ = GOOD;                                                                                 \
        p_.member              = value;                                                                                \
        cr_expect_not(is_accepted(p_), #member " = " #value);                                                          \
    } while (0)

Test(tidy, a_picture_that_follows_is_accepted)
{
    kt_decode_picture_t first = GOOD, plain = GOOD;
    first.index      = 0;
    plain.flags      = 0;
    plain.large_slot = UINT32_MAX;  // says nothing without the flag
    cr_expect(is_accepted(GOOD));
    cr_expect(is_accepted(plain));
    cr_expect(kt_tidy_picture_ok(&first, NULL));
    cr_expect_not(kt_tidy_picture_ok(&GOOD, NULL));
}

Test(tidy, pictures_out_of_order_or_of_another_size_are_refused)
{
    EXPECT_REFUSED(index, 8);
    EXPECT_REFUSED(index, 6);
    EXPECT_REFUSED(time_s, 1.4999);
    EXPECT_REFUSED(time_s, NAN);
    EXPECT_REFUSED(time_s, INFINITY);
    EXPECT_REFUSED(time_s, 1e10);
    EXPECT_REFUSED(width, 320);
    EXPECT_REFUSED(height, 182);
    EXPECT_REFUSED(width, 0);
    EXPECT_REFUSED(height, 0);
    EXPECT_REFUSED(width, KT_SMALL_MOST + 1);
    EXPECT_REFUSED(height, UINT32_MAX);
    EXPECT_REFUSED(flags, KT_FRAME_BETWEEN << 1);
    EXPECT_REFUSED(has_vectors, 0);
    EXPECT_REFUSED(has_vectors, 2);
    EXPECT_REFUSED(vectors, KT_VECTORS_MAX + 1);
    EXPECT_REFUSED(vectors, UINT32_MAX);
    EXPECT_REFUSED(slot, KT_RING_SLOTS);
}

Test(tidy, whole_pictures_beyond_their_slot_are_refused)
{
    EXPECT_REFUSED(whole_factor, 0);
    EXPECT_REFUSED(whole_factor, 5);
    EXPECT_REFUSED(whole_factor, 2);
    EXPECT_REFUSED(whole_width, 0);
    EXPECT_REFUSED(whole_width, KT_WHOLE_MOST + 1);
    EXPECT_REFUSED(whole_height, UINT32_MAX);
    EXPECT_REFUSED(large_slot, 0);
    EXPECT_REFUSED(large_slot, KT_RING_SLOTS - 1);
    EXPECT_REFUSED(large_slot, KT_RING_SLOTS + KT_LARGE_SLOTS);
}
