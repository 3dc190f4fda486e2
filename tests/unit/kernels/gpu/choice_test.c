// Which files a GPU takes.
#include "kernels/gpu/choice.h"

#include <criterion/criterion.h>
#include <math.h>

// Frames of four minutes; items that take half a microsecond each and keep a song waiting as long as the processor.
enum { SONG = 10336, ITEMS = 23 * SONG / KT_GPU_WAITS };

static kt_gpu_rate_t
measured(double us_per_item)
{
    kt_gpu_rate_t rate = KT_GPU_RATE_DEVICE;
    for (int i = 0; i < 100; i++)
        kt_gpu_rate_add(&rate, us_per_item * 4000, 4000);
    return rate;
}

Test(choice, a_device_without_a_queue_takes_every_file)
{
    const kt_gpu_rate_t    cpu    = KT_GPU_RATE_CPU;
    const kt_gpu_waiting_t none[] = {{.rate = measured(1e9)}, {.rate = {0}}};
    cr_assert(kt_gpu_choice(none, 2, &cpu, 1));
    cr_assert(kt_gpu_choice(none, 0, &cpu, 0));
}

Test(choice, the_limit_is_the_processors_time_for_the_file)
{
    const kt_gpu_rate_t cpu  = KT_GPU_RATE_CPU;  // 119 ms for a song
    kt_gpu_waiting_t    song = {.rate = measured(0.5)};
    song.items               = 0.99 * ITEMS;
    cr_assert(kt_gpu_choice(&song, 1, &cpu, SONG));
    song.items = 1.01 * ITEMS;
    cr_assert_not(kt_gpu_choice(&song, 1, &cpu, SONG));
    cr_assert(kt_gpu_choice(&song, 1, &cpu, 2 * SONG), "a longer file would take the processor longer");
}

Test(choice, configurations_are_summed_by_their_own_times)
{
    const kt_gpu_rate_t    cpu   = KT_GPU_RATE_CPU;
    const kt_gpu_waiting_t two[] = {{measured(0.5), ITEMS / 2}, {measured(0.05), 10 * ITEMS / 2 * 1.1}};
    cr_assert(kt_gpu_choice(two, 1, &cpu, SONG));
    cr_assert(kt_gpu_choice(two + 1, 1, &cpu, SONG));
    cr_assert_not(kt_gpu_choice(two, 2, &cpu, SONG));
}

Test(choice, a_slower_processor_leaves_more_to_the_device)
{
    kt_gpu_rate_t          cpu  = KT_GPU_RATE_CPU;
    const kt_gpu_waiting_t song = {measured(0.5), 3 * ITEMS};
    cr_assert_not(kt_gpu_choice(&song, 1, &cpu, SONG));
    for (int i = 0; i < 100; i++) {
        kt_gpu_rate_add(&cpu, 4 * 11.5 * SONG / 3, SONG);  // rows, chroma, constant-Q: one file
        kt_gpu_rate_add(&cpu, 4 * 11.5 * SONG / 3, 0);
        kt_gpu_rate_add(&cpu, 4 * 11.5 * SONG / 3, 0);
    }
    cr_assert(kt_gpu_choice(&song, 1, &cpu, SONG));
}

Test(choice, a_time_follows_the_last_items)
{
    kt_gpu_rate_t rate = measured(5);
    cr_assert_lt(fabs(rate.us / rate.items - 5), 0.05);
    kt_gpu_rate_add(&rate, 1e6, 300);  // one batch that hung for a second
    cr_assert_gt(rate.us / rate.items, 10);
    for (int i = 0; i < 200; i++)
        kt_gpu_rate_add(&rate, 0.1 * 4000, 4000);
    cr_assert_lt(fabs(rate.us / rate.items - 0.1), 0.05);
    cr_assert_leq(rate.items, 65536);
}
