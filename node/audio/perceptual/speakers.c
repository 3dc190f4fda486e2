#include "node/audio/perceptual/speakers.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

// One letter per channel, in FFmpeg's order: F front or above, S side or back, L low frequencies. The first row
// with a number of channels is the default for it.
static const struct {
    const char *name, *speakers;
} layouts[] = {
    {"mono", "F"},
    {"stereo", "FF"},
    {"2.1", "FFL"},
    {"3.0", "FFF"},
    {"3.0(back)", "FFS"},
    {"4.0", "FFFS"},
    {"quad", "FFSS"},
    {"quad(side)", "FFSS"},
    {"3.1", "FFFL"},
    {"5.0", "FFFSS"},
    {"5.0(side)", "FFFSS"},
    {"4.1", "FFFLS"},
    {"5.1", "FFFLSS"},
    {"5.1(side)", "FFFLSS"},
    {"6.0", "FFFSSS"},
    {"6.0(front)", "FFFFSS"},
    {"hexagonal", "FFFSSS"},
    {"6.1", "FFFLSSS"},
    {"6.1(back)", "FFFLSSS"},
    {"6.1(front)", "FFLFFSS"},
    {"7.0", "FFFSSSS"},
    {"7.0(front)", "FFFFFSS"},
    {"7.1", "FFFLSSSS"},
    {"7.1(wide)", "FFFLSSFF"},
    {"7.1(wide-side)", "FFFLFFSS"},
    {"octagonal", "FFFSSSSS"},
};

// "3 channels (FL+FR+LFE)", with FFmpeg's names of speakers: BL, BC, SL, SDL, TBL ... False when it names another
// number of them.
static bool
read_speaker_names(const char *layout, uint32_t channels, double *weights)
{
    const char *at = layout ? strchr(layout, '(') : NULL;
    if (!at || !strstr(layout, " channels ("))
        return false;
    for (uint32_t c = 0; c < channels; c++) {
        size_t length = strcspn(++at, "+)");
        if (length == 0 || at[length] != (c + 1 < channels ? '+' : ')'))
            return false;
        bool back  = at[0] == 'B' || at[0] == 'S' || (length > 1 && at[0] == 'T' && at[1] == 'B');
        bool foot  = length > 2 && strncmp(at, "BF", 2) == 0;  // bottom front
        weights[c] = length >= 3 && strncmp(at, "LFE", 3) == 0 ? 0 : back && !foot ? 1.41 : 1;
        at += length;
    }
    return true;
}

void
kt_speaker_weights(const char *layout, uint32_t channels, double *weights)
{
    if (read_speaker_names(layout, channels, weights))
        return;
    const char *speakers = NULL;  // those of the layout, else the usual ones of so many channels
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        if (strlen(layouts[i].speakers) != channels)
            continue;
        bool same = layout && strcmp(layouts[i].name, layout) == 0;
        if (same || !speakers)
            speakers = layouts[i].speakers;
        if (same)
            break;
    }
    for (uint32_t c = 0; c < channels; c++)
        weights[c] = !speakers ? 1 : speakers[c] == 'L' ? 0 : speakers[c] == 'S' ? 1.41 : 1;
}
