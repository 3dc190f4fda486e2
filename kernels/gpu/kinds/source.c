#include "kernels/gpu/source.h"

#include "kernels/gpu/kind.h"

_Static_assert(sizeof(kt_gpu_source_config_t) <= KT_GPU_CONFIG_BYTES, "config of pieces");
_Static_assert(sizeof(kt_gpu_source_args_t) <= KT_GPU_ARGS_BYTES, "args of pieces");

static void
describe_facts(const kt_source_opts_t *opts, kt_gpu_section_t *to)
{
    const uint32_t blocks                 = (uint32_t)KT_PIECE_BLOCKS * kt_piece_channels(opts->channels);
    const uint32_t places                 = kt_piece_spectra(opts->rate_hz);
    to[KT_GPU_SOURCE_BLOCKS].item_bytes   = blocks * (uint32_t)sizeof(kt_block_facts_t);
    to[KT_GPU_SOURCE_LOW_BAND].item_bytes = blocks * KT_BLOCK_GROUPS * (uint32_t)sizeof(float);
    to[KT_GPU_SOURCE_PRODUCTS].item_bytes = KT_PIECE_BLOCKS * (uint32_t)sizeof(double);
    to[KT_GPU_SOURCE_SPECTRA].item_bytes  = places * (uint32_t)sizeof(kt_spectrum_facts_t);
    to[KT_GPU_SOURCE_BANDS].item_bytes    = places * kt_piece_bands(opts->rate_hz) * (uint32_t)sizeof(float);
}

static void
source_describe(const void *work, kt_gpu_batch_t *out)
{
    const kt_gpu_source_t       *self   = work;
    const kt_source_opts_t      *opts   = self->opts;
    const kt_gpu_source_config_t config = {opts->rate_hz, opts->channels, opts->to_hz, (uint32_t)opts->format};
    kt_gpu_section_t            *to     = out->shape.section;
    memcpy(out->config, &config, sizeof config);
    out->shape.first_bytes = out->shape.next_bytes =
        kt_gpu_align(kt_gpu_source_stride(opts) * kt_source_frame_bytes(opts));
    to[KT_GPU_SOURCE_NOT_FINITE] = (kt_gpu_section_t){.item_bytes = sizeof(uint32_t), .is_zeroed = true};
    to[KT_GPU_SOURCE_PEAKS] =
        (kt_gpu_section_t){.item_bytes = opts->channels * (uint32_t)sizeof(kt_peaks_t), .is_zeroed = true};
    to[KT_GPU_SOURCE_ENERGY].item_bytes = kt_source_hops(opts->rate_hz) * opts->channels * (uint32_t)sizeof(double);
    to[KT_GPU_SOURCE_MONO].item_bytes   = kt_source_outputs(opts) * (uint32_t)sizeof(float);
    describe_facts(opts, to);
    out->wanted = 1U << KT_GPU_SOURCE_NOT_FINITE;
    out->wanted |= self->piece->peaks ? 1U << KT_GPU_SOURCE_PEAKS : 0;
    out->wanted |= self->piece->energy && opts->rate_hz >= KT_KWEIGHT_MIN_HZ ? 1U << KT_GPU_SOURCE_ENERGY : 0;
    out->wanted |= self->piece->mono ? 1U << KT_GPU_SOURCE_MONO : 0;
    out->wanted |= self->piece->facts ? 1U << KT_GPU_SOURCE_BLOCKS | 1U << KT_GPU_SOURCE_LOW_BAND : 0;
    out->wanted |= self->piece->facts && opts->channels > 1 ? 1U << KT_GPU_SOURCE_PRODUCTS : 0;
    out->wanted |= self->piece->facts && kt_gpu_source_frame(opts->rate_hz)
                       ? 1U << KT_GPU_SOURCE_SPECTRA | 1U << KT_GPU_SOURCE_BANDS
                       : 0;
}

static void
source_args(const void *work, size_t first, size_t items, void *args)
{
    const kt_source_piece_t   *piece = ((const kt_gpu_source_t *)work)->piece;
    const kt_gpu_source_args_t out   = {piece->first, piece->frames, piece->has};
    (void)first;
    (void)items;
    memcpy(args, &out, sizeof out);
}

static bool
source_joins(const kt_gpu_batch_t *batch, const void *args)
{
    kt_gpu_source_config_t config;
    (void)args;
    memcpy(&config, batch->config, sizeof config);
    const kt_source_opts_t opts  = kt_gpu_source_opts(&config);
    const size_t           piece = (opts.channels + 1) * (size_t)kt_gpu_source_stride(&opts) * sizeof(float);
    return (batch->n_parts + 1) * piece <= KT_GPU_SOURCE_PLANES_MOST;
}

static void
source_share(const void *work, size_t first, size_t items, kt_gpu_share_t *out)
{
    const kt_gpu_source_t *self = work;
    (void)first;
    (void)items;
    if (self->kept)
        *out = (kt_gpu_share_t){
            .kept  = self->kept,
            .fills = true,
            .made  = true,
            .at    = (int64_t)((self->skip + kt_source_output(self->opts, self->piece->first)) * sizeof(float)),
            .end   = (int64_t)self->kept->bytes};
}

static const char *
source_pinned(const void *work, size_t first)
{
    const kt_gpu_source_t *self = work;
    (void)first;
    return self->pinned ? self->piece->pcm : NULL;
}

static void
source_copy_in(const void *work, size_t first, size_t items, void *to)
{
    const kt_gpu_source_t   *self  = work;
    const kt_source_piece_t *piece = self->piece;
    const size_t             n     = (size_t)piece->had + piece->frames + piece->has;
    (void)first;
    (void)items;
    memcpy(to, piece->pcm, n * kt_source_frame_bytes(self->opts));
}

static void
copy_facts(const kt_source_opts_t *opts, const kt_gpu_results_t *from, kt_piece_facts_t *facts)
{
    kt_gpu_section_t section[KT_GPU_SECTIONS];
    describe_facts(opts, section);
    const struct {
        uint32_t id;
        void    *to;
    } rows[] = {{KT_GPU_SOURCE_BLOCKS, facts->blocks},
                {KT_GPU_SOURCE_LOW_BAND, facts->low_band},
                {KT_GPU_SOURCE_PRODUCTS, facts->products},
                {KT_GPU_SOURCE_SPECTRA, facts->spectra},
                {KT_GPU_SOURCE_BANDS, facts->bands}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (from->wanted >> rows[i].id & 1)
            kt_gpu_results_copy(from, rows[i].id, section[rows[i].id].item_bytes, rows[i].to);
    facts->has_blocks  = true;
    facts->has_spectra = from->wanted >> KT_GPU_SOURCE_SPECTRA & 1;
}

static kt_err_t
source_copy_out(const void *work, size_t first, const kt_gpu_results_t *from)
{
    const kt_gpu_source_t  *self         = work;
    const kt_source_opts_t *opts         = self->opts;
    kt_source_piece_t      *piece        = self->piece;
    const size_t            energy_bytes = kt_source_hops(opts->rate_hz) * opts->channels * sizeof *piece->energy;
    (void)first;
    kt_gpu_results_copy(from, KT_GPU_SOURCE_NOT_FINITE, sizeof(uint32_t), &piece->not_finite);
    if (piece->peaks)
        kt_gpu_results_copy(from, KT_GPU_SOURCE_PEAKS, opts->channels * sizeof *piece->peaks, piece->peaks);
    if (from->wanted >> KT_GPU_SOURCE_ENERGY & 1)
        kt_gpu_results_copy(from, KT_GPU_SOURCE_ENERGY, energy_bytes, piece->energy);
    else if (piece->energy)
        memset(piece->energy, 0, energy_bytes);
    if (piece->mono)
        memcpy(piece->mono,
               from->bytes + from->layout->at[KT_GPU_SOURCE_MONO] +
                   (size_t)from->part->first * kt_source_outputs(opts) * sizeof(float),
               (size_t)(kt_source_output(opts, piece->first + piece->frames) - kt_source_output(opts, piece->first)) *
                   sizeof(float));
    if (piece->facts)
        copy_facts(opts, from, piece->facts);
    return KT_OK;
}

const kt_gpu_kind_t kt_gpu_source_kind = {.id            = KT_GPU_SOURCE,
                                          .name          = "source",
                                          .describe      = source_describe,
                                          .describe_part = source_args,
                                          .joins         = source_joins,
                                          .share         = source_share,
                                          .pinned        = source_pinned,
                                          .copy_in       = source_copy_in,
                                          .copy_out      = source_copy_out};
