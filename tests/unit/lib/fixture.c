#include "tests/unit/lib/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char wav_path[64], model_path[64];

float *
lx_sound(uint32_t rate_hz, double seconds, size_t *frames)
{
    *frames      = (size_t)(rate_hz * seconds);
    float *sound = calloc(*frames * 2, sizeof *sound);
    cr_assert_not_null(sound);
    for (size_t i = 0; i < *frames; i++) {
        static const double NOTES_HZ[] = {220, 261.63, 329.63, 220};  // of A minor: one note alone has no key
        double t = (double)i / rate_hz, pulse = exp(-20 * fmod(t, 0.5)), tone = 0, hz = NOTES_HZ[(size_t)(2 * t) % 4];
        for (int harmonic = 1; harmonic <= 4; harmonic++)
            tone += sin(2 * M_PI * hz * harmonic * t) / harmonic;
        sound[2 * i]     = (float)(0.3 * tone * pulse);
        sound[2 * i + 1] = sound[2 * i] / 2;
    }
    return sound;
}

static void
remove_files(void)
{
    if (wav_path[0])
        unlink(wav_path);
    if (model_path[0])
        unlink(model_path);
}

static FILE *
open_temporary(char path[64], const char *pattern)
{
    strcpy(path, pattern);
    int   fd   = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
    cr_assert_not_null(file);
    atexit(remove_files);
    return file;
}

static void
put(FILE *file, uint32_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        fputc((int)(value >> 8 * i & 0xff), file);
}

const char *
lx_wav(const float *samples, size_t frames, uint32_t rate_hz)
{
    uint32_t bytes = (uint32_t)(frames * 2 * sizeof *samples);
    FILE    *file  = open_temporary(wav_path, "/tmp/kithara-lib-XXXXXX");
    fputs("RIFF", file);
    put(file, 36 + bytes, 4);
    fputs("WAVEfmt ", file);
    put(file, 16, 4);
    put(file, 3, 2);  // IEEE float
    put(file, 2, 2);
    put(file, rate_hz, 4);
    put(file, rate_hz * 8, 4);
    put(file, 8, 2);
    put(file, 32, 2);
    fputs("data", file);
    put(file, bytes, 4);
    cr_assert_eq(fwrite(samples, 8, frames, file), frames);
    cr_assert_eq(fclose(file), 0);
    return wav_path;
}

const char *
lx_model(const ktm_text_t *text)
{
    size_t   length;
    uint8_t *bytes = ktm_build(text, &length);
    FILE    *file  = open_temporary(model_path, "/tmp/kithara-ktm-XXXXXX");
    cr_assert_eq(fwrite(bytes, 1, length, file), length);
    cr_assert_eq(fclose(file), 0);
    free(bytes);
    return model_path;
}
