// A stream in pieces on the simulated device.
#include "kernels/gpu/source.h"
#include "tests/unit/kernels/gpu/gpu_sim.h"
#include "tests/unit/kernels/gpu/gpu_stream.h"

// Of each whole block: the processor leaves facts to who reads them.
static void
stream_has_facts(const stream_t *self)
{
    for (size_t i = 0, b = 0; i < STREAM_PIECES; i++) {
        cr_assert(self->facts[i]->has_blocks && self->facts[i]->has_spectra);
        cr_assert(self->facts[i]->spectra[0].sounds && self->facts[i]->bands[9] > 0);
        for (size_t k = 0; k < KT_PIECE_BLOCKS && (b + 1) * KT_BLOCK_SAMPLES <= STREAM_FRAMES; k++, b++)
            for (size_t c = 0; c < STREAM_CHANNELS; c++) {
                const kt_block_facts_t *facts = &self->facts[i]->blocks[k * STREAM_CHANNELS + c];
                const float            *x     = self->pcm + b * KT_BLOCK_SAMPLES * STREAM_CHANNELS + c;
                float                   high  = 0;
                for (size_t s = 0; s < KT_BLOCK_SAMPLES; s++)
                    high = fmaxf(high, x[s * STREAM_CHANNELS]);  // NaN is left out
                cr_assert_eq(facts->high, high, "block %zu, channel %zu", b, c);
                cr_assert_eq(facts->ends[1], x[(KT_BLOCK_SAMPLES - 1) * STREAM_CHANNELS]);
            }
    }
}

// The stream crosses the bus once, as it came: the first pass reads what its pieces left on the device.
static void
stream_crosses_once(const char *seed)
{
    kt_gpus_t *gpus = open_sim(seed, KT_GPU_DEFAULTS);
    stream_t   cpu, made;
    stream_run(&cpu, NULL);
    stream_run(&made, gpus);
    stream_same(&cpu, &made);
    stream_has_facts(&made);
    cr_assert(!cpu.facts[0]->has_blocks);
    const kt_gpus_info_t info = info_of(gpus);
    const size_t         room = kt_gpu_align(kt_gpu_source_stride(&stream_opts) * kt_source_frame_bytes(&stream_opts));
    cr_assert_eq(made.info.replaced, 0);
    cr_assert_eq(info.in_bytes, STREAM_PIECES * room);
    stream_free(&cpu);
    stream_free(&made);
    kt_gpus_close(&gpus);
    check_clean();
}

Test(gpu_sim_stream, a_stream_in_pieces_crosses_once_in_order)
{
    stream_crosses_once("0");
}

Test(gpu_sim_stream, a_stream_in_pieces_crosses_once_at_random)
{
    stream_crosses_once("6");
}

// Of one piece, as floats and as what they are.
Test(gpu_sim_stream, samples_of_16_bits_cross_as_such_and_give_the_same_bytes)
{
    enum { FRAMES = 30000, N = FRAMES * STREAM_CHANNELS };
    kt_gpus_t   *gpus   = open_sim("0", KT_GPU_DEFAULTS);
    kt_device_t *device = NULL;
    kt_plan_t   *plan   = NULL;
    float       *pcm    = calloc(N, sizeof *pcm);
    int16_t     *shorts = calloc(N, sizeof *shorts);
    uint64_t     in[2];
    kt_peaks_t   peaks[2][STREAM_CHANNELS];
    double      *energy[2];
    cr_assert_eq(kt_plan_new(&plan, &gpu_defaults), KT_OK);
    cr_assert_eq(kt_device_gpu(&device, gpus, NULL), KT_OK);
    for (size_t i = 0; i < N; i++)
        pcm[i] = (float)((int)(i * 7919 % 65536) - 32768) / 32768;
    cr_assert(kt_samples_are_s16(pcm, N));
    kt_samples_to_s16(pcm, N, shorts);
    for (size_t i = 0; i < 2; i++) {
        kt_source_opts_t  opts  = stream_opts;
        kt_device_job_t  *job   = NULL;
        kt_source_piece_t piece = {.pcm = i ? (void *)shorts : (void *)pcm, .frames = FRAMES, .peaks = peaks[i]};
        piece.energy = energy[i] = calloc(STREAM_CHANNELS * kt_source_hops(44100), sizeof(double));
        opts.to_hz               = 0;
        piece.format = opts.format = i == 0 ? KT_SAMPLES_F32 : KT_SAMPLES_S16;
        kt_device_begin_file(device, false);
        cr_assert(kt_device_takes_pieces(device, plan, &opts, 1, false));
        cr_assert_eq(kt_device_begin_piece(device, &opts, &piece, &job), KT_OK);
        cr_assert_eq(kt_device_end(device, &job), KT_OK);
        in[i] = info_of(gpus).in_bytes;
    }
    cr_assert_eq(in[0], 2 * (in[1] - in[0]));
    cr_assert_eq(memcmp(peaks[0], peaks[1], sizeof peaks[0]), 0);
    cr_assert_eq(memcmp(energy[0], energy[1], STREAM_CHANNELS * kt_source_hops(44100) * sizeof(double)), 0);
    free(energy[0]);
    free(energy[1]);
    free(shorts);
    free(pcm);
    kt_device_destroy(&device);
    kt_plan_destroy(&plan);
    kt_gpus_close(&gpus);
    check_clean();
}

Test(gpu_sim_stream, a_device_that_breaks_between_pieces_leaves_right_numbers)
{
    kt_gpus_t *gpus = open_sim("0", KT_GPU_DEFAULTS);
    stream_t   cpu, made;
    break_after("cudaLaunchKernel", 9);
    stream_run(&cpu, NULL);
    stream_run(&made, gpus);
    stream_same(&cpu, &made);
    cr_assert_eq(info_of(gpus).lost, 1);
    stream_free(&cpu);
    stream_free(&made);
    kt_gpus_close(&gpus);
}
