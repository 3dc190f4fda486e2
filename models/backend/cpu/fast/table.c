#include "models/backend/cpu/fast/fast_kernels.h"

const kt_cpu_fast_t KT_NAME(kt_cpu_fast) = {
#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)
    .name         = TEXT(KT_ISA),
    .lanes        = KT_LANES,
    .front_block  = 2 * KT_LANES,
    .lstm_block   = 8 * KT_LANES,
    .elementwise  = KT_NAME(kt_fast_elementwise),
    .reduce_max   = KT_NAME(kt_fast_reduce_max),
    .reduce_sum   = KT_NAME(kt_fast_reduce_sum),
    .softmax      = KT_NAME(kt_fast_softmax),
    .l2_normalise = KT_NAME(kt_fast_l2_normalise),
    .layer_norm   = KT_NAME(kt_fast_layer_norm),
    .pool         = KT_NAME(kt_fast_pool),
    .upsampled    = KT_NAME(kt_fast_upsampled),
    .time_conv    = KT_NAME(kt_fast_time_conv),
    .lstm         = KT_NAME(kt_fast_lstm),
    .front        = KT_NAME(kt_fast_front),
    .range        = KT_NAME(kt_fast_range),
    .quantise     = KT_NAME(kt_fast_quantise),
#if KT_LANES == 16
    .front_8bit = kt_fast_front_8bit_avx512,
#endif
};
