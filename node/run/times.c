#include "node/run/times.h"

// Lists of seconds of the sound: times, or objects with begin and end.
static const kt_feature_t TIMES[] = {KT_FEATURE_MIR_beats, KT_FEATURE_MIR_downbeats, KT_FEATURE_MIR_onsets,
                                     KT_FEATURE_VOICE_segments};

// A kt_document_time_fn.
static double
time_of_file(const void *context, double time_s)
{
    const kt_media_counts_t *counts = context;
    double                   lost_s = 0;
    for (uint32_t i = 0; i < counts->gap_count && counts->gap[i].at_s <= time_s; i++)
        lost_s += counts->gap[i].lost_s;
    return time_s + lost_s;
}

void
kt_times_put_back(kt_document_t *document, const kt_media_counts_t *counts)
{
    for (size_t i = 0; i < sizeof TIMES / sizeof *TIMES && counts->gap_count > 0; i++)
        kt_document_map_times(document, TIMES[i], time_of_file, counts);
}
