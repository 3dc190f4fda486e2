#include "coordinator/sched/cost.h"

#include <criterion/criterion.h>
#include <string.h>

static uint32_t
cost(uint64_t bytes, const char *body)
{
    return kt_cost_ms(bytes, 0, body, strlen(body));
}

Test(cost, a_declared_duration_wins_over_the_size)
{
    cr_assert_eq(kt_cost_ms(1 << 30, 100, "", 0), 300);
}

Test(cost, the_same_size_is_less_sound_in_a_format_that_does_not_compress)
{
    uint32_t wav  = cost(20000000, "{\"file_path\": \"/m/a.WAV\"}");
    uint32_t flac = cost(20000000, "{\"file_path\":\"/m/a.flac\"}");
    uint32_t mp3  = cost(20000000, "{\"file_path\" : \"/m/b.c/a.mp3\", \"x\": \"y.wav\"}");
    cr_assert(wav < flac && flac < mp3, "%u %u %u", wav, flac, mp3);
}

Test(cost, a_film_takes_longer_than_its_sound)
{
    const char *film = "{\"file_path\":\"/m/a.mkv\"}";
    cr_assert_eq(kt_cost_ms(0, 100, film, strlen(film)), 6000);
    cr_assert_eq(cost(50000000, film), 6000);
    cr_assert_eq(cost(0, film), 14400);
}

Test(cost, what_is_not_known_counts_as_a_song)
{
    cr_assert_eq(cost(0, "{\"file_path\":\"/m/a.mp3\"}"), 720);
    cr_assert_eq(kt_cost_ms(0, -1, NULL, 0), 720);
}

Test(cost, odd_messages_are_taken_for_an_unknown_format)
{
    const char *odd[] = {"",
                         "{}",
                         "{\"file_path\"",
                         "{\"file_path\":\"/m/a",
                         "{\"file_path\":\"/m/a.\"}",
                         "{\"file_path\":\"/m.x/a\"}",
                         "{\"file_path\":\"a.muchtoolong\"}",
                         "{\"file_path\":\"a\\",
                         "{\"file_path\":\"a.mp\\"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        cr_assert_eq(cost(16000000, odd[i]), 3000, "%s", odd[i]);
}

Test(cost, it_has_bounds)
{
    cr_assert_eq(cost(1, "{\"file_path\":\"a.wav\"}"), 1);
    cr_assert_eq(kt_cost_ms(UINT64_MAX, 1e300, "", 0), 100000000);
}
