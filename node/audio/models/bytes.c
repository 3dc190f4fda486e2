// What the models of a stream take in memory, for admission.
#include "node/audio/models/models_private.h"

// Of one run with as many rows as a window or a block has; 0 where it cannot be known: then it does not run either.
static uint64_t
run_bytes(const kt_model_entry_t *entry)
{
    const kt_audio_input_t *input = kt_model_audio(entry->model);
    size_t                  rows = 1, arena = 0, packed = 0, width = 0;
    int64_t                 sizes[KT_FREE_DIMS] = {1};
    const kt_free_dim_t    *dims;
    if (input) {
        const kt_audio_blocks_t *blocks = kt_audio_input_blocks(input);
        rows                            = blocks->left + blocks->frames + blocks->right;
        width                           = kt_audio_input_width(input);
    }
    if (kt_graph_free(kt_model_graph(entry->model), &dims) == 2)
        sizes[1] = (int64_t)rows;
    if (kt_model_memory(entry->model, sizes, &arena, &packed))
        return 0;
    return arena + 5 * (uint64_t)rows * width * sizeof(float);  // the arena, the window's two lengths, input, rows
}

uint64_t
kt_audio_models_bytes(const kt_model_set_t *set, uint32_t options, double seconds)
{
    enum { BASE = 4 << 20, UNKNOWN_S = 4 * 3600, SERIES_BYTES_PER_S = 100 * 3 * 4 };
    kt_choice_t choice;
    size_t      run, output;
    uint64_t    bytes = BASE;
    if (!set || !(options & KT_OPTION_MODELS))
        return 0;
    kt_choice_of(set, options, &choice);
    if (options & KT_OPTION_MIR)
        (void)kt_choice_add_output(set, KT_MODELS_BEATS, &choice, &run, &output);
    for (size_t r = 0; r < choice.n_runs; r++) {
        const kt_model_entry_t *entry = choice.runs[r].entry;
        const kt_audio_input_t *input = kt_model_audio(entry->model);
        bytes += run_bytes(entry);
        if (input)
            bytes += KT_PATCHES_KEPT * (uint64_t)kt_audio_input_blocks(input)->frames * kt_audio_input_width(input) *
                     sizeof(float);
    }
    return bytes + (uint64_t)((seconds > 0 ? seconds : UNKNOWN_S) * 2 * SERIES_BYTES_PER_S);
}
