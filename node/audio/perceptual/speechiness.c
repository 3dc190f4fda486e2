// Speechiness, 0 to 1: mean evidence of speech over windows of two seconds (voice.c), so it rises with the
// share of the time that is speech and with how far the speech is above music. Clear speech throughout reaches .75
// and above, speech for half of the time to about a half of that.
#include "node/audio/perceptual/perceptual.h"

double
kt_speechiness(const kt_descriptors_t *descriptors)
{
    return descriptors->speech;
}
