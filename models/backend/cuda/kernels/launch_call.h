// The launchers behind kt_cuda_device_ops.launch: each puts one kernel on the stream. The caller asks CUDA for errors.
#pragma once

#include "models/backend/cuda/kernels/kernels.h"

#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

void kt_launch_conv(const kt_conv_call_t *call, cudaStream_t stream);
void kt_launch_matmul(const kt_matmul_call_t *call, cudaStream_t stream);
void kt_launch_lstm(const kt_lstm_call_t *call, cudaStream_t stream);
void kt_launch_channel(const kt_channel_call_t *call, cudaStream_t stream);
void kt_launch_unary(const kt_unary_call_t *call, cudaStream_t stream);
void kt_launch_pair(const kt_pair_call_t *call, cudaStream_t stream);
void kt_launch_copy(const kt_copy_call_t *call, cudaStream_t stream);
void kt_launch_pad(const kt_pad_call_t *call, cudaStream_t stream);
void kt_launch_band(const kt_band_call_t *call, cudaStream_t stream);
void kt_launch_pool(const kt_pool_call_t *call, cudaStream_t stream);
void kt_launch_reduce(const kt_reduce_call_t *call, cudaStream_t stream);
void kt_launch_rows(const kt_rows_call_t *call, cudaStream_t stream);
void kt_launch_tags(const kt_tags_call_t *call, cudaStream_t stream);
void kt_launch_histogram(const kt_histogram_call_t *call, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
