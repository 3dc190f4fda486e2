// Slots of pictures, without a file.
#include "node/decoder/counts/slots.h"

#include <criterion/criterion.h>

static kt_slots_t self;

// Packets first to last go to a decoder that holds this many pictures; a picture that it gives out is `expected`.
static void
through_decoder(int64_t first, int64_t last, uint32_t held)
{
    for (int64_t i = first; i < last; i++) {
        kt_slots_packet(&self, i);
        if (i - first >= held)
            cr_expect_eq(kt_slots_picture(&self, held), i - held, "%ld", (long)i);
    }
    kt_slots_end(&self);
    for (int64_t i = last - held; i < last; i++)
        cr_expect_eq(kt_slots_picture(&self, held), i, "%ld", (long)i);
}

Test(slots, pictures_take_those_of_the_packets_in_order)
{
    for (uint32_t held = 0; held <= 16; held++) {
        kt_slots_begin(&self);
        through_decoder(0, 100, held);
        kt_slots_begin(&self);
        through_decoder(500, 520, held);
    }
}

Test(slots, a_packet_that_gives_no_picture_leaves_its_slot_empty)
{
    kt_slots_begin(&self);
    for (int64_t i = 0; i < 20; i++) {
        kt_slots_packet(&self, i);
        if (i >= 2 && i != 7)  // damaged
            cr_expect_eq(kt_slots_picture(&self, 2), i - 2);
    }
}

Test(slots, what_lies_before_the_first_packet_is_the_first_slot)
{
    kt_slots_begin(&self);
    cr_expect_eq(kt_slots_picture(&self, 1), KT_SLOTS_NONE);
    kt_slots_packet(&self, 7);
    cr_expect_eq(kt_slots_picture(&self, 3), 7);
    cr_expect_eq(kt_slots_picture(&self, UINT32_MAX), 7);
}
