#include "coordinator/sched/cost.h"

#include <string.h>
#include <strings.h>

static const double   SONG_S  = 240;
static const uint32_t MOST_MS = 100000000;

// A core's milliseconds per second of the file. Sound: measured over the packaged music, whatever the format. A film: a
// rough mean, as 25 pictures of 720p take 45 to 110 ms to decode (ops/bench video), and of smaller ones less.
enum { SOUND_MS = 3, FILM_MS = 60, EXTENSION = 8 };

typedef struct rate {
    const char *extension;
    uint32_t    bytes, ms;  // per second
} rate_t;

static const rate_t UNKNOWN = {"", 16000, SOUND_MS};
static const rate_t RATES[] = {
    {"wav", 176400, SOUND_MS},  {"aif", 176400, SOUND_MS}, {"aiff", 176400, SOUND_MS}, {"w64", 176400, SOUND_MS},
    {"flac", 110000, SOUND_MS}, {"ape", 100000, SOUND_MS}, {"wv", 110000, SOUND_MS},   {"alac", 110000, SOUND_MS},
    {"mp3", 24000, SOUND_MS},   {"m4a", 32000, SOUND_MS},  {"aac", 16000, SOUND_MS},   {"ogg", 20000, SOUND_MS},
    {"oga", 20000, SOUND_MS},   {"opus", 14000, SOUND_MS}, {"wma", 16000, SOUND_MS},   {"mp4", 250000, FILM_MS},
    {"m4v", 250000, FILM_MS},   {"mkv", 500000, FILM_MS},  {"webm", 250000, FILM_MS},  {"mov", 500000, FILM_MS},
    {"avi", 250000, FILM_MS},   {"mpg", 500000, FILM_MS},  {"mpeg", 500000, FILM_MS},  {"ts", 500000, FILM_MS},
    {"m2ts", 2000000, FILM_MS}, {"vob", 500000, FILM_MS},  {"ogv", 250000, FILM_MS},
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

static const rate_t *
rate_of(const char *body, size_t bytes)
{
    char extension[EXTENSION];
    find_extension(body, bytes, extension);
    for (size_t i = 0; i < sizeof RATES / sizeof *RATES; i++)
        if (strcasecmp(RATES[i].extension, extension) == 0)
            return &RATES[i];
    return &UNKNOWN;
}

uint32_t
kt_cost_ms(uint64_t declared_bytes, double declared_duration_s, const char *body, size_t body_bytes)
{
    const rate_t *rate    = rate_of(body, body_bytes);
    double        seconds = declared_duration_s;
    if (!(seconds > 0))
        seconds = declared_bytes ? (double)declared_bytes / rate->bytes : SONG_S;
    double ms = seconds * rate->ms;
    return ms < 1 ? 1 : ms > MOST_MS ? MOST_MS : (uint32_t)ms;
}
