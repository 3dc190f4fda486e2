// Shared-memory layout of one frame's rows, and of the scalar rows of up to 32 frames at once, and the threads that
// write each.
#pragma once

#include "kernels/cuda/rows.cuh"

// Where rows are made: the parts of the block's shared memory, found anew each time, because ten addresses kept in
// registers would cost a block in every multiprocessor.
struct kt_row_workspace {
    const kt_cuda_tables_t &plan;
    const kt_cuda_layout_t &at;
    const kt_cuda_rows_t   &out;
    float                   top[KT_CUDA_MAXIMA];  // largest mel, peak, valley that this thread has made

    template <typename T> __device__ __forceinline__ static T *part(uint32_t offset)
    {
        return (T *)(kt_shared + offset);
    }

    __device__ __forceinline__ float *magnitude(void) const
    {
        return part<float>(at.magnitude);
    }

    __device__ __forceinline__ double *partial(void) const
    {
        return part<double>(at.partial);
    }

    __device__ __forceinline__ kt_slot_t &slot(unsigned place) const
    {
        return part<kt_slot_t>(at.slot)[place];
    }

    __device__ __forceinline__ float *extremes(unsigned side, unsigned place) const
    {
        return part<float>(at.extreme) + (side * 32 + place) * KT_BANDS;
    }

    // The mel table is in global memory where it does not fit into shared memory.
    __device__ __forceinline__ const float *weight(void) const
    {
        return at.weight ? part<float>(at.weight) : plan.mel_weight;
    }

    __device__ __forceinline__ const uint32_t *band(void) const
    {
        return at.band ? part<uint32_t>(at.band) : plan.mel_band;
    }

    __device__ __forceinline__ void load_tables(const kt_thread &me) const
    {
        for (unsigned i = me.t; at.weight && i < plan.mel_weights; i += me.threads)
            part<float>(at.weight)[i] = plan.mel_weight[i];
        for (unsigned i = me.t; at.band && i < 2 * plan.n_mels; i += me.threads)
            part<uint32_t>(at.band)[i] = plan.mel_band[i];
    }

    // Task `task` of a warp: both sides of the seven bands, the widest first so that the warps share them evenly.
    __device__ __forceinline__ void contrast(unsigned task, unsigned place, unsigned lane)
    {
        const kt_contrast_band_t &b    = plan.contrast[KT_BANDS - 1 - task / 2];
        const bool                low  = task % 2;
        const float               mean = kt_extreme_mean(magnitude() + b.first, b.count, b.extremes, !low, lane);
        if (lane == 0)
            extremes(low, place)[KT_BANDS - 1 - task / 2] = mean;
        top[1] = fmaxf(top[1], low ? 0 : mean);
        top[2] = fmaxf(top[2], low ? mean : 0);
    }

    __device__ __forceinline__ void other(unsigned task, unsigned place, uint64_t row, float largest,
                                          unsigned lane) const
    {
        uint16_t *list = part<uint16_t>(at.list);
        if (task == 0 && out.row[KT_ROW_ROLLOFF])
            kt_rolloff(plan, magnitude(), lane, &slot(place).rolloff);
        if (task == 1 && out.peaks.peak)
            kt_peaks(plan, magnitude(), true, largest, list, row, out.peaks, lane);
        if (task == 2 && out.cqt_peaks.peak)
            kt_peaks(plan, magnitude(), false, largest, list + plan.list_room, row, out.cqt_peaks, lane);
    }

    __device__ __forceinline__ bool wants_contrast(void) const
    {
        return plan.has_contrast && (out.row[KT_ROW_PEAK] || out.row[KT_ROW_VALLEY]);
    }

    // A frame without numbers: NaN, and no peaks.
    __device__ __forceinline__ void without_numbers(unsigned place, uint64_t row, const kt_thread &me) const
    {
        const float nan = __uint_as_float(0x7fc00000U);
        for (unsigned i = me.t; wants_contrast() && i < 2 * KT_BANDS; i += me.threads)
            extremes(i / KT_BANDS, place)[i % KT_BANDS] = nan;
        for (unsigned i = me.t; out.row[KT_ROW_MEL] && i < plan.n_mels; i += me.threads)
            out.row[KT_ROW_MEL][row * plan.n_mels + i] = nan;
        if (me.t == 0 && out.peaks.peak)
            out.peaks.slice[row] = {0, 0};
        if (me.t == 0 && out.cqt_peaks.peak)
            out.cqt_peaks.slice[row] = {0, 0};
    }

    // By all threads, between two barriers: the frame's sums to its slot, rows that need each bin.
    __device__ __forceinline__ void frame(unsigned place, uint64_t row, bool spectral, const kt_thread &me)
    {
        const kt_totals total(partial(), me.lane, me.warps);
        const bool      valid   = total.of(KT_SUM_POWER) <= 3.402823466e38 && !isnan(total.of(KT_SUM_MAGNITUDE));
        const float     largest = (float)total.of(KT_SUMS);
        if (me.t < KT_SUMS)
            slot(place).sum[me.t] = total.mine;
        if (me.t == 0)
            slot(place).valid = valid;
        if (!spectral)
            return;
        if (!valid) {
            without_numbers(place, row, me);
            return;
        }
        for (unsigned task = me.warp; wants_contrast() && task < 2 * KT_BANDS; task += me.warps)
            contrast(task, place, me.lane);
        for (unsigned task = me.warp; task < 3; task += me.warps)
            other(task, place, row, largest, me.lane);
        if (out.row[KT_ROW_MEL])
            top[0] =
                fmaxf(top[0], kt_mel(plan, band(), weight(), magnitude(), out.row[KT_ROW_MEL] + row * plan.n_mels, me));
    }

    // One lane per frame: the divisions and roots of 32 frames cost what those of one would. Rows `row` .. + count.
    __device__ __forceinline__ void scalars(unsigned count, uint64_t row, unsigned lane) const
    {
        if (lane >= count)
            return;
        const kt_slot_t &s   = slot(lane);
        const double     nan = __longlong_as_double(0x7ff8000000000000LL), m0 = s.sum[KT_SUM_MAGNITUDE];
        const double     norm = m0 < 1.17549435e-38 ? 1 : m0, centre = s.sum[KT_SUM_FIRST] / norm;
        const double spread = (s.sum[KT_SUM_SECOND] - 2 * centre * s.sum[KT_SUM_FIRST] + centre * centre * m0) / norm;
        row += lane;
        if (out.row[KT_ROW_CENTROID])
            out.row[KT_ROW_CENTROID][row] = (float)(s.valid ? centre * plan.bin_hz : nan);
        if (out.row[KT_ROW_BANDWIDTH])
            out.row[KT_ROW_BANDWIDTH][row] = (float)(s.valid ? (spread > 0 ? sqrt(spread) : 0) * plan.bin_hz : nan);
        if (out.row[KT_ROW_ROLLOFF])
            out.row[KT_ROW_ROLLOFF][row] = s.valid ? s.rolloff : (float)nan;
        if (out.row[KT_ROW_FLATNESS])
            out.row[KT_ROW_FLATNESS][row] =
                (float)(s.valid ? exp2(s.sum[KT_SUM_LOG2] / plan.bins) / (s.sum[KT_SUM_POWER] / plan.bins) : nan);
        if (out.row[KT_ROW_RMS])
            out.row[KT_ROW_RMS][row] = (float)sqrt(s.sum[KT_SUM_SQUARES] / plan.n_fft);
        if (out.row[KT_ROW_ZCR])
            out.row[KT_ROW_ZCR][row] = (float)s.sum[KT_SUM_CROSSINGS] / (float)plan.n_fft;
    }

    // By all threads, after a barrier: the rows of the `count` frames in the slots, neighbours side by side.
    __device__ __forceinline__ void flush(unsigned count, uint64_t row, const kt_thread &me) const
    {
        if (me.warp == 0)
            scalars(count, row, me.lane);
        for (unsigned side = 0; side < 2; side++) {
            float *to = out.row[side ? KT_ROW_VALLEY : KT_ROW_PEAK];
            for (unsigned i = me.t; plan.has_contrast && to && i < count * KT_BANDS; i += me.threads)
                to[row * KT_BANDS + i] = extremes(side, 0)[i];
        }
    }

    // After the last frame: adds the run's maxima to those of its segment.
    __device__ __forceinline__ void write_maxima(uint32_t segment, const kt_thread &me) const
    {
#pragma unroll
        for (unsigned i = 0; i < KT_CUDA_MAXIMA; i++) {
            const float most = kt_warp_max(top[i]);
            if (out.maxima && me.lane == 0 && most > 0)
                atomicMax(out.maxima + (uint64_t)segment * KT_CUDA_MAXIMA + i, __float_as_uint(most));
        }
    }
};

__device__ __forceinline__ bool
kt_wants_spectrum(const kt_cuda_rows_t &out)
{
    bool any = out.peaks.peak || out.cqt_peaks.peak;
    for (int r = 0; r < KT_ROWS; r++)
        any = any || (out.row[r] && r != KT_ROW_RMS && r != KT_ROW_ZCR);
    return any;
}

__device__ __forceinline__ bool
kt_wants_wave(const kt_cuda_rows_t &out)
{
    return out.row[KT_ROW_RMS] || out.row[KT_ROW_ZCR];
}
