#include "coordinator/sched/cost.h"

#include <string.h>
#include <strings.h>

// Measured over the packaged music: about 3 ms per second of audio, whatever the format.
static const double   MS_A_SECOND = 3, SONG_S = 240;
static const uint32_t MOST_MS = 100000000;

enum { EXTENSION = 8, OTHER_RATE = 16000 };

static const struct {
    const char *extension;
    unsigned    bytes_a_second;
} RATES[] = {
    {"wav", 176400}, {"aif", 176400}, {"aiff", 176400}, {"w64", 176400}, {"flac", 110000},
    {"ape", 100000}, {"wv", 110000},  {"alac", 110000}, {"mp3", 24000},  {"m4a", 32000},
    {"aac", 16000},  {"ogg", 20000},  {"oga", 20000},   {"opus", 14000}, {"wma", 16000},
    {"mp4", 250000}, {"mkv", 500000}, {"webm", 250000}, {"mov", 500000}, {"avi", 250000},
};

// The extension of the message's file_path, "" if not found; the message is scanned, not parsed.
static void
find_extension(const char *body, size_t bytes, char out[EXTENSION])
{
    static const char member[] = "\"file_path\"";
    const char       *at       = bytes ? memmem(body, bytes, member, sizeof member - 1) : NULL;
    const char       *end = body + bytes, *dot = NULL;
    out[0] = '\0';
    at     = at ? memchr(at + sizeof member - 1, '"', (size_t)(end - at) - sizeof member + 1) : NULL;
    for (at = at ? at + 1 : end; at < end && *at != '"'; at += *at == '\\' && at + 1 < end ? 2 : 1)
        dot = *at == '.' ? at + 1 : *at == '/' ? NULL : dot;
    if (!dot || at > end || at - dot <= 0 || at - dot >= EXTENSION)
        return;
    memcpy(out, dot, (size_t)(at - dot));
    out[at - dot] = '\0';
}

static double
bytes_a_second(const char *body, size_t bytes)
{
    char extension[EXTENSION];
    find_extension(body, bytes, extension);
    for (size_t i = 0; i < sizeof RATES / sizeof *RATES; i++)
        if (strcasecmp(RATES[i].extension, extension) == 0)
            return RATES[i].bytes_a_second;
    return OTHER_RATE;
}

uint32_t
kt_cost_ms(uint64_t declared_bytes, double declared_duration_s, const char *body, size_t body_bytes)
{
    double seconds = declared_duration_s;
    if (!(seconds > 0))
        seconds = declared_bytes ? (double)declared_bytes / bytes_a_second(body, body_bytes) : SONG_S;
    double ms = seconds * MS_A_SECOND;
    return ms < 1 ? 1 : ms > MOST_MS ? MOST_MS : (uint32_t)ms;
}
