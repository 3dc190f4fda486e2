#include "common/clock.h"
#include "proto/wire.h"
#include "random_message.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static kt_buf_t        buf;
static kt_wire_arena_t arena;
static kt_msg_t        got;

static void
open_wire(void)
{
    kt_buf_init(&buf, 64 << 20);
}

static void
close_wire(void)
{
    kt_buf_fini(&buf);
    kt_wire_arena_fini(&arena);
}

TestSuite(wire, .init = open_wire, .fini = close_wire);

static kt_err_t
decode(const void *bytes, size_t n)
{
    char *copy = calloc(1, n ? n : 1);  // of just this size, so that the sanitizer detects a read past its end
    memcpy(copy, bytes, n);
    kt_err_t err = kt_wire_decode(copy, n, &arena, &got);
    free(copy);
    return err;
}

#define DECODE(...) decode((const uint8_t[]){__VA_ARGS__}, sizeof(const uint8_t[]){__VA_ARGS__})

static void
encode(const kt_msg_t *msg)
{
    kt_buf_clear(&buf);
    cr_assert_eq(kt_wire_encode(msg, &buf), KT_OK);
}

Test(wire, every_message_is_decoded_as_it_was_encoded)
{
    unsigned seed = 1;
    for (int round = 0; round < 200; round++)
        for (size_t i = 0; i < N_MESSAGE_TYPES; i++) {
            kt_msg_t msg = random_message(MESSAGE_TYPES[i], &seed, 6);
            encode(&msg);
            cr_assert_eq(kt_wire_decode(buf.bytes, buf.length, &arena, &got), KT_OK, "%s", kt_msg_name(msg.type));
            cr_assert(same_message(&msg, &got), "%s", kt_msg_name(msg.type));
        }
}

Test(wire, a_message_with_many_elements_is_decoded)
{
    static kt_wire_held_t held[8192];
    static kt_wire_ref_t  kept[8192];
    for (size_t i = 0; i < 8192; i++) {
        held[i] = (kt_wire_held_t){i, 1, 2, i & 1, kt_bytes_of("0123456789abcdef")};
        kept[i] = (kt_wire_ref_t){i << 40, 1};
    }
    kt_msg_t msg = {.type = KT_MSG_BEAT, .beat = {.seen_batch = 7, .held = {held, 8192}, .kept = {kept, 8192}}};
    encode(&msg);
    cr_assert_eq(kt_wire_decode(buf.bytes, buf.length, &arena, &got), KT_OK);
    cr_assert(same_message(&msg, &got));
}

Test(wire, every_cut_message_is_refused)
{
    unsigned seed = 2;
    for (int round = 0; round < 4; round++)
        for (size_t i = 0; i < N_MESSAGE_TYPES; i++) {
            kt_msg_t msg = random_message(MESSAGE_TYPES[i], &seed, 3);
            encode(&msg);
            for (size_t n = 0; n < buf.length; n += 1 + n / 300)
                cr_assert_eq(decode(buf.bytes, n), KT_EMESSAGE, "%s cut to %zu", kt_msg_name(msg.type), n);
        }
}

Test(wire, a_byte_after_the_message_is_refused)
{
    kt_msg_t msg = {.type = KT_MSG_WHO, .who = {1}};
    encode(&msg);
    kt_buf_add(&buf, "\xc0", 1);
    cr_assert_eq(decode(buf.bytes, buf.length), KT_EMESSAGE);
}

Test(wire, changed_bytes_never_read_past_the_end)
{
    unsigned seed = 3, decoded = 0;
    for (int round = 0; round < 100000;) {
        kt_msg_t msg = random_message(MESSAGE_TYPES[random_number(&seed) % N_MESSAGE_TYPES], &seed, 3);
        encode(&msg);
        if (buf.length > 4096)
            continue;
        for (int change = 0; change < 20; change++, round++) {
            size_t at = random_number(&seed) % buf.length;
            buf.bytes[at] ^= (char)(1 << random_number(&seed) % 8);
            decoded += decode(buf.bytes, buf.length) == KT_OK;
        }
    }
    cr_assert_gt(decoded, 0);
    cr_assert_lt(arena.capacity, 16 << 20);
}

Test(wire, noise_is_refused)
{
    unsigned seed = 4;
    char     noise[64];
    for (int round = 0; round < 100000; round++) {
        size_t n = random_number(&seed) % sizeof noise;
        for (size_t i = 0; i < n; i++)
            noise[i] = (char)random_number(&seed);
        cr_assert_neq(decode(noise, n), KT_ENOMEM);
    }
}

Test(wire, a_claimed_size_costs_nothing)
{
    int64_t start_ms = kt_clock_ms();
    for (int i = 0; i < 10000; i++) {
        cr_assert_eq(DECODE(0xdd, 0x05, 0xf5, 0xe1, 0x00), KT_EMESSAGE);                    // an array of 100 million
        cr_assert_eq(DECODE(0x92, 0x02, 0xdd, 0x05, 0xf5, 0xe1, 0x00), KT_EMESSAGE);        // LIVE of so many workers
        cr_assert_eq(DECODE(0x92, 0x06, 0xdb, 0xff, 0xff, 0xff, 0xff, 'a'), KT_EMESSAGE);   // BYE with so long a reason
        cr_assert_eq(DECODE(0x93, 0x20, 0x01, 0xdf, 0xff, 0xff, 0xff, 0xff), KT_EMESSAGE);  // a map in an unknown field
        cr_assert_eq(DECODE(0x93, 0x20, 0x01, 0xc9, 0xff, 0xff, 0xff, 0xff), KT_EMESSAGE);  // an extension there
    }
    cr_assert_eq(arena.capacity, 0);
    cr_assert_lt(kt_clock_ms() - start_ms, 2000);
}

Test(wire, a_count_over_the_bound_is_refused_although_the_bytes_are_there)
{
    char bytes[3 + 3 + 300] = {(char)0x92, 2, (char)0xdc, 300 >> 8, 300 & 255};
    memset(bytes + 5, 0x90, sizeof bytes - 5);
    cr_assert_eq(decode(bytes, 5 + 300), KT_EMESSAGE);
    bytes[3] = 0, bytes[4] = 100;
    cr_assert_eq(decode(bytes, 5 + 100), KT_OK);
    cr_assert_eq(got.live.workers.n, 100);
}

Test(wire, a_known_field_of_the_wrong_type_is_refused)
{
    cr_assert_eq(DECODE(0x92, 0x20, 0xa1, '1'), KT_EMESSAGE);                        // text for a number
    cr_assert_eq(DECODE(0x92, 0x20, 0xff), KT_EMESSAGE);                             // -1 for an unsigned one
    cr_assert_eq(DECODE(0x92, 0x20, 0xd0, 0x80), KT_EMESSAGE);                       // -128
    cr_assert_eq(DECODE(0x92, 0x20, 0xca, 0, 0, 0, 0), KT_EMESSAGE);                 // 0.0
    cr_assert_eq(DECODE(0x92, 0x20, 0xc0), KT_EMESSAGE);                             // nil
    cr_assert_eq(DECODE(0x92, 0x06, 0x01), KT_EMESSAGE);                             // a number for a text
    cr_assert_eq(DECODE(0x92, 0x06, 0xc4, 0x01, 'a'), KT_EMESSAGE);                  // bytes for a text
    cr_assert_eq(DECODE(0x92, 0x26, 0x01), KT_EMESSAGE);                             // a number for a boolean
    cr_assert_eq(DECODE(0x92, 0x02, 0x01), KT_EMESSAGE);                             // a number for a list
    cr_assert_eq(DECODE(0x92, 0x02, 0x91, 0x01), KT_EMESSAGE);                       // a number for an element
    cr_assert_eq(DECODE(0x92, 0x27, 0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0), KT_EMESSAGE);  // 2^63 for a signed one
}

Test(wire, every_width_of_a_number_is_understood)
{
    cr_assert_eq(DECODE(0x92, 0x20, 0xcf, 0, 0, 0, 0, 0, 0, 0, 5), KT_OK);
    cr_assert_eq(got.who.wire, 5);
    cr_assert_eq(DECODE(0x92, 0x20, 0xd1, 0x01, 0x00), KT_OK);
    cr_assert_eq(got.who.wire, 256);
    cr_assert_eq(DECODE(0x92, 0x27, 0xd1, 0xff, 0xd8), KT_OK);
    cr_assert_eq(got.refuse.err, -40);
}

Test(wire, what_is_no_message_is_refused)
{
    cr_assert_eq(decode("", 0), KT_EMESSAGE);
    cr_assert_eq(DECODE(0x90), KT_EMESSAGE);              // no id
    cr_assert_eq(DECODE(0x01), KT_EMESSAGE);              // no array
    cr_assert_eq(DECODE(0x91, 0x7f), KT_EMESSAGE);        // unknown id
    cr_assert_eq(DECODE(0x91, 0xff), KT_EMESSAGE);        // negative id
    cr_assert_eq(DECODE(0x91, 0xcd, 1, 0), KT_EMESSAGE);  // the key of an item is no id
    cr_assert_eq(DECODE(0xc1), KT_EMESSAGE);              // a byte that MessagePack never uses
}

Test(wire, a_refused_message_leaves_the_old_one_untouched)
{
    cr_assert_eq(DECODE(0x92, 0x20, 0x05), KT_OK);
    cr_assert_eq(DECODE(0x92, 0x22, 0xa0), KT_EMESSAGE);
    cr_assert_eq(got.type, KT_MSG_WHO);
    cr_assert_eq(got.who.wire, 5);
}

Test(wire, a_newer_peers_fields_are_skipped)
{
    cr_assert_eq(DECODE(0x99, 0x20, 0x05, 0xc0, 0x93, 1, 2, 0x91, 0xc3, 0x82, 1, 0xa1, 'a', 2, 0x80, 0xcb, 0, 0, 0, 0,
                        0, 0, 0, 0, 0xd6, 1, 0, 0, 0, 0, 0xc4, 2, 9, 9, 0xe0),
                 KT_OK);
    cr_assert_eq(got.who.wire, 5);
    cr_assert_eq(DECODE(0x92, 0x23, 0x92, 0x93, 7, 1, 0xa1, 'x', 0x93, 8, 1, 0x90), KT_OK);  // in elements too
    cr_assert_eq(got.ack.items.n, 2);
    cr_assert_eq(got.ack.items.at[1].job, 8);
}

Test(wire, an_unknown_field_may_be_deep_but_not_cut)
{
    char bytes[100003];
    memset(bytes, 0x91, sizeof bytes);
    bytes[0] = (char)0x93, bytes[1] = 0x20, bytes[2] = 1, bytes[sizeof bytes - 1] = 0;
    cr_assert_eq(decode(bytes, sizeof bytes), KT_OK);
    cr_assert_eq(decode(bytes, sizeof bytes - 1), KT_EMESSAGE);
}

Test(wire, an_older_peers_missing_fields_are_zero)
{
    kt_msg_t hello = {.type = KT_MSG_HELLO, .hello = {.wire = 1, .name = kt_bytes_of("a"), .slots = 4}};
    encode(&hello);
    cr_assert_eq(decode(buf.bytes, buf.length), KT_OK);
    cr_assert_eq(DECODE(0x93, 0x01, 0x02, 0x01), KT_OK);
    cr_assert_eq(got.hello.wire, 2);
    cr_assert_eq(got.hello.wire_least, 1);
    cr_assert_eq(got.hello.slots, 0);
    cr_assert_eq(got.hello.name.n, 0);
    cr_assert_eq(DECODE(0x91, 0x22), KT_OK);
    cr_assert_eq(got.batch.items.n, 0);
    cr_assert_eq(DECODE(0x93, 0x22, 1, 0x91, 0x91, 9), KT_OK);
    cr_assert_eq(got.batch.items.at[0].job, 9);
    cr_assert_eq(got.batch.items.at[0].body.n, 0);
}

Test(wire, a_field_over_its_bound_is_not_encoded)
{
    static char    long_text[200];
    kt_wire_work_t work        = {.body = {long_text, 262145}};
    kt_wire_work_t works[1001] = {0};
    kt_msg_t       bye         = {.type = KT_MSG_BYE, .bye = {.reason = {long_text, 129}}};
    kt_msg_t       batch       = {.type = KT_MSG_BATCH, .batch = {.items = {works, 1001}}};
    kt_msg_t       heavy       = {.type = KT_MSG_BATCH, .batch = {.items = {&work, 1}}};
    kt_msg_t       none        = {.type = (kt_msg_type_t)99};
    kt_buf_str(&buf, "before");
    cr_assert_eq(kt_wire_encode(&bye, &buf), KT_EINVAL);
    cr_assert_eq(kt_wire_encode(&batch, &buf), KT_EINVAL);
    cr_assert_eq(kt_wire_encode(&heavy, &buf), KT_EINVAL);
    cr_assert_eq(kt_wire_encode(&none, &buf), KT_EINVAL);
    cr_assert_eq(buf.length, 6);
    cr_assert_eq(kt_wire_work_bytes(&work), 0);
}

Test(wire, a_full_buffer_keeps_no_half_message)
{
    kt_buf_t small;
    kt_buf_init(&small, 20);
    kt_buf_str(&small, "0123456789");
    kt_msg_t msg = {.type = KT_MSG_BYE, .bye = {.reason = kt_bytes_of("a reason of some length")}};
    cr_assert_eq(kt_wire_encode(&msg, &small), KT_EFULL);
    cr_assert_str_eq(small.bytes, "0123456789");
    cr_assert_eq(small.length, 10);
    kt_buf_fini(&small);
}

Test(wire, sizes_are_upper_bounds_and_near)
{
    unsigned seed = 5;
    for (int round = 0; round < 300; round++) {
        kt_msg_t msg   = random_message(KT_MSG_BATCH, &seed, 4);
        size_t   bound = 32;
        for (size_t i = 0; i < msg.batch.items.n; i++)
            bound += kt_wire_work_bytes(&msg.batch.items.at[i]);
        encode(&msg);
        cr_assert_leq(buf.length, bound);
        cr_assert_leq(bound, buf.length + 32 + 400 * msg.batch.items.n);
    }
}

Test(wire, bytes_become_text_by_copying)
{
    char text[8];
    kt_bytes_copy(text, sizeof text, (kt_bytes_t){"abcdefghij", 10});
    cr_assert_str_eq(text, "abcdefg");
    kt_bytes_copy(text, sizeof text, (kt_bytes_t){"a\xff", 2});
    cr_assert_str_eq(text, "a\xef\xbf\xbd");
    kt_bytes_copy(text, sizeof text, (kt_bytes_t){NULL, 0});
    cr_assert_str_eq(text, "");
    cr_assert_eq(kt_bytes_of(NULL).n, 0);
}

Test(wire, messages_have_names)
{
    cr_assert_str_eq(kt_msg_name(KT_MSG_BATCH), "BATCH");
    cr_assert_str_eq(kt_msg_name((kt_msg_type_t)99), "?");
    cr_assert_str_eq(kt_msg_name((kt_msg_type_t)256), "?");
}
