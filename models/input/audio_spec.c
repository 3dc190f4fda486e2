#include "models/input/audio_spec.h"

#include "models/input/reader.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_LENGTH = 16384, MOST_ROWS = 1 << 20, MOST_RATE = 768000 };

static const char *const KINDS[]   = {"audio", NULL};
static const char *const WINDOWS[] = {"hann", "hann_symmetric", "povey", NULL};
static const char *const SPECTRA[] = {"power", "magnitude", NULL};
static const char *const BANDS[]   = {"mel_slaney", "mel_kaldi", "log", NULL};
static const char *const LOGS[]    = {"log10", "ln", "db", NULL};
static const char *const LAYOUTS[] = {"N1TF", "NTF", "NTF1", "N1FT", "NFT", NULL};
static const char *const TAILS[]   = {"drop", "pad", "repeat", "short", NULL};

static void
read_frame(kt_audio_spec_t *out, const kt_reader_t *input)
{
    const kt_reader_t r = kt_reader_member(input, "frame", "input.frame");
    out->length         = kt_reader_whole(&r, "length", NAN, 2, MOST_LENGTH);
    out->hop            = kt_reader_whole(&r, "hop", NAN, 1, MOST_LENGTH);
    out->fft            = kt_reader_whole(&r, "fft", out->length, 2, MOST_LENGTH);
    out->window         = (kt_audio_window_t)kt_reader_choice(&r, "window", -1, WINDOWS);
    out->centre         = kt_reader_flag(&r, "centre", false);
    out->partial        = kt_reader_flag(&r, "partial", false);
    out->offset         = kt_reader_flag(&r, "offset", false);
    out->preemphasis    = kt_reader_number(&r, "preemphasis", 0, 0, 1);
    if (out->hop > out->length)
        kt_reader_fail(&r, "hop", "must be at most the length");
    if (out->fft < out->length || !kt_filterbank_fits(out->fft))
        kt_reader_fail(&r, "fft",
                       "%u must be at least the length, and a power of two from 256 to 16384 or a product "
                       "of two factors up to %d",
                       out->fft, KT_FILTERBANK_FACTOR);
}

static void
read_bands(kt_audio_spec_t *out, const kt_reader_t *input)
{
    const kt_reader_t r    = kt_reader_member(input, "bands", "input.bands");
    const double      half = out->rate_hz / 2.0;
    out->magnitude         = kt_reader_choice(input, "spectrum", -1, SPECTRA);
    out->half              = kt_reader_flag(input, "half", false);
    out->bands             = (kt_audio_bands_t)kt_reader_choice(&r, "kind", -1, BANDS);
    if (out->bands == KT_BANDS_LOG) {
        out->per_octave   = kt_reader_whole(&r, "per_octave", NAN, 1, 96);
        out->reference_hz = kt_reader_number(&r, "reference_hz", 440, 1, MOST_RATE);
        out->low_hz       = kt_reader_number(&r, "low_hz", NAN, 1, half);
        out->high_hz      = kt_reader_number(&r, "high_hz", NAN, 1, MOST_RATE);  // madmom's default lies above the half
    } else {
        out->count   = kt_reader_whole(&r, "count", NAN, 1, KT_FILTERBANK_BANDS);
        out->low_hz  = kt_reader_number(&r, "low_hz", 0, 0, half);
        out->high_hz = kt_reader_number(&r, "high_hz", half, 0, half);
    }
    if (out->high_hz <= out->low_hz)
        kt_reader_fail(&r, "high_hz", "must be above low_hz");
}

static void
read_log(kt_audio_spec_t *out, const kt_reader_t *input)
{
    const kt_reader_t r = kt_reader_member(input, "log", "input.log");
    out->log            = (kt_audio_log_t)kt_reader_choice(&r, "kind", -1, LOGS);
    out->log_scale      = 1;
    out->floor          = FLT_MIN;
    if (out->log == KT_LOG_LOG10) {
        out->log_scale  = kt_reader_number(&r, "scale", 1, 1e-12, 1e12);
        out->log_offset = kt_reader_number(&r, "offset", NAN, 1e-12, 1e12);
    } else
        out->floor = (float)kt_reader_number(&r, "floor", NAN, 1e-37, 1e12);
    if (out->log == KT_LOG_DB) {
        out->top_db   = kt_reader_number(&r, "top_db", 0, 0, 1000);
        out->relative = kt_reader_flag(&r, "relative", false);
    }
}

static void
read_blocks(kt_audio_spec_t *out, const kt_reader_t *input)
{
    const kt_reader_t r = kt_reader_member(input, "blocks", "input.blocks");
    out->blocks.frames  = kt_reader_whole(&r, "frames", NAN, 1, MOST_ROWS);
    out->blocks.hop     = kt_reader_whole(&r, "hop", (double)out->blocks.frames, 1, MOST_ROWS);
    out->blocks.left    = kt_reader_whole(&r, "left", 0, 0, MOST_ROWS);
    out->blocks.right   = kt_reader_whole(&r, "right", 0, 0, MOST_ROWS);
    out->blocks.tail    = (kt_tail_t)kt_reader_choice(&r, "tail", KT_TAIL_DROP, TAILS);
}

static void
read_states(kt_audio_spec_t *out, const kt_reader_t *input)
{
    const json_t *states = kt_json_get(input->object, "states");
    const size_t  count  = kt_json_count(states);
    if (count > KT_AUDIO_STATES)
        kt_reader_fail(input, "states", "more than %d", KT_AUDIO_STATES);
    for (size_t i = 0; i < count && !*input->failed; i++) {
        const json_t *pair = kt_json_at(states, i);
        if (kt_json_count(pair) == 2) {
            kt_json_plain(kt_json_at(pair, 0), out->states[i].input, KT_KTM_NAME);
            kt_json_plain(kt_json_at(pair, 1), out->states[i].output, KT_KTM_NAME);
        }
        if (!*out->states[i].input || !*out->states[i].output)
            kt_reader_fail(input, "states", "must be pairs of names");
    }
    out->n_states = count;
}

kt_err_t
kt_audio_spec_read(kt_audio_spec_t *out, const json_t *input, char why[KT_KTM_WHY])
{
    bool              failed = false;
    const kt_reader_t r      = {.object = input, .where = "input", .why = why, .failed = &failed};
    kt_audio_spec_t   spec   = {0};
    kt_reader_choice(&r, "kind", -1, KINDS);
    spec.rate_hz = kt_reader_whole(&r, "rate_hz", NAN, 1000, MOST_RATE);
    spec.scale   = kt_reader_number(&r, "scale", 1, 1e-6, 1e6);
    read_frame(&spec, &r);
    read_bands(&spec, &r);
    read_log(&spec, &r);
    spec.mean        = kt_reader_text(&r, "mean");
    spec.inverse_std = kt_reader_text(&r, "inverse_std");
    spec.difference  = kt_reader_flag(&r, "difference", false);
    spec.layout      = (kt_audio_layout_t)kt_reader_choice(&r, "layout", KT_LAYOUT_N1TF, LAYOUTS);
    if ((spec.top_db > 0 || spec.relative) && (spec.mean || spec.inverse_std || spec.difference))
        kt_reader_fail(&r, "log", "top_db and relative do not go with mean, inverse_std and difference");
    read_blocks(&spec, &r);
    read_states(&spec, &r);
    if (failed)
        return KT_EMODEL;
    *out = spec;
    return KT_OK;
}
