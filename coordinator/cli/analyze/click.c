#include "coordinator/cli/analyze/click.h"

#include "common/file.h"

#include <endian.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { HEADER = 44, MOST_CHANNELS = 64, BLOCK = 4096 };

static const double MUSIC_GAIN = 0.7, CLICK_GAIN = 0.5, BEAT_HZ = 1000, DOWN_HZ = 3000, CLICK_S = 0.03, DECAY_S = 0.006;
static const double SAME_S = 1e-6;

static void
fail(kt_click_t *self, kt_err_t err, const char *why)
{
    if (self->err)
        return;
    self->err = err;
    self->why = why;
}

static int16_t
sample_of(double value)
{
    return (int16_t)lrint(fmax(-32768, fmin(32767, value * 32767)));
}

// The header of a RIFF file (WAVE, PCM of 16 bits).
static void
write_header(kt_click_t *self)
{
    const uint32_t bytes = (uint32_t)(self->frames * self->channels * sizeof(int16_t));
    uint8_t        head[HEADER];
    uint32_t       riff = htole32(bytes + HEADER - 8), size = htole32(16), rate = htole32(self->rate_hz);
    uint32_t       per_s = htole32(self->rate_hz * self->channels * 2), data = htole32(bytes);
    uint16_t       pcm = htole16(1), channels = htole16((uint16_t)self->channels);
    uint16_t       align = htole16((uint16_t)(2 * self->channels)), bits = htole16(16);
    memcpy(head, "RIFF", 4);
    memcpy(head + 4, &riff, 4);
    memcpy(head + 8, "WAVEfmt ", 8);
    memcpy(head + 16, &size, 4);
    memcpy(head + 20, &pcm, 2);
    memcpy(head + 22, &channels, 2);
    memcpy(head + 24, &rate, 4);
    memcpy(head + 28, &per_s, 4);
    memcpy(head + 32, &align, 2);
    memcpy(head + 34, &bits, 2);
    memcpy(head + 36, "data", 4);
    memcpy(head + 40, &data, 4);
    if (fseeko(self->file, 0, SEEK_SET) || fwrite(head, sizeof head, 1, self->file) != 1)
        fail(self, KT_EIO, "cannot be written");
}

void
kt_click_push(kt_click_t *self, const kt_media_info_t *media_info, const kt_chunk_t *chunk)
{
    if (chunk->track != KT_TRACK_AUDIO || self->err)
        return;
    if (!self->file) {
        self->rate_hz  = media_info->rate_hz;
        self->channels = media_info->channels;
        self->file     = fopen(self->path, "w+b");
        if (!self->file) {
            const kt_err_t err = kt_file_write_err_of_errno();
            return fail(self, err, kt_err_action(err));
        }
        write_header(self);
    }
    const size_t values = chunk->audio.frames * self->channels;
    self->frames += chunk->audio.frames;
    if (self->frames * self->channels * sizeof(int16_t) > UINT32_MAX - HEADER)
        return fail(self, KT_EIO, "longer than a WAV file can be");
    int16_t block[BLOCK];
    for (size_t at = 0, n; at < values; at += n) {
        n = values - at < BLOCK ? values - at : BLOCK;
        for (size_t i = 0; i < n; i++) {
            const float value = chunk->audio.pcm[at + i];
            block[i]          = (int16_t)htole16((uint16_t)sample_of(isfinite(value) ? MUSIC_GAIN * value : 0));
        }
        if (fwrite(block, sizeof *block, n, self->file) != n)
            return fail(self, KT_EIO, "cannot be written");
    }
}

// Adds a decaying tone to all channels of the file.
static void
add_click(kt_click_t *self, double second, double hz)
{
    int16_t        frame[MOST_CHANNELS];
    const uint64_t first = (uint64_t)llrint(second * self->rate_hz), length = (uint64_t)(CLICK_S * self->rate_hz);
    const size_t   size = self->channels * sizeof *frame;
    for (uint64_t i = 0; i < length && first + i < self->frames && !self->err; i++) {
        const off_t  at    = (off_t)(HEADER + (first + i) * size);
        const double t     = (double)i / self->rate_hz;
        const double click = CLICK_GAIN * exp(-t / DECAY_S) * sin(2 * M_PI * hz * t);
        if (fseeko(self->file, at, SEEK_SET) || fread(frame, size, 1, self->file) != 1)
            return fail(self, KT_EIO, "cannot be read back");
        for (uint32_t c = 0; c < self->channels; c++)
            frame[c] = (int16_t)htole16((uint16_t)sample_of((int16_t)le16toh((uint16_t)frame[c]) / 32767.0 + click));
        if (fseeko(self->file, at, SEEK_SET) || fwrite(frame, size, 1, self->file) != 1)
            return fail(self, KT_EIO, "cannot be written");
    }
}

static void
add_clicks(kt_click_t *self, const json_t *document)
{
    const json_t *mir   = kt_json_get(kt_json_get(document, "features"), "mir");
    const json_t *beats = kt_json_get(mir, "beats"), *downs = kt_json_get(mir, "downbeats");
    double        beat, down                                = -1;
    if (kt_json_count(beats) == 0)
        return fail(self, KT_ENOTFOUND, "there is no beat to click on");
    for (size_t i = 0, d = 0; i < kt_json_count(beats) && !self->err; i++) {
        if (!kt_json_number(kt_json_at(beats, i), &beat) || beat < 0)
            continue;
        while (down < beat - SAME_S && d < kt_json_count(downs))
            if (!kt_json_number(kt_json_at(downs, d++), &down))
                break;
        add_click(self, beat, fabs(down - beat) <= SAME_S ? DOWN_HZ : BEAT_HZ);
    }
}

void
kt_click_finish(kt_click_t *self, const json_t *document)
{
    if (!self->file)
        return fail(self, KT_ENOTFOUND, "there is no sound");
    if (document && self->channels <= MOST_CHANNELS && !self->err) {
        write_header(self);
        add_clicks(self, document);
    } else {
        fail(self, KT_ENOTFOUND, "the analysis failed");
    }
    if (fclose(self->file))
        fail(self, KT_EIO, "cannot be written");
    self->file = NULL;
    if (self->err)
        (void)unlink(self->path);
}
