# gpu_bench_sim: the benchmark of the CUDA kernels on the simulated device, where CTest runs it small, for its numbers alone.
# tests/gpu_bench: the same for a GPU, by `ops/bench gpu`; it needs nvcc and cuBLAS.
set(gpu_bench gpu_bench.c gpu_set.c gpu_cost.c gpu_copies.c gpu_figures.c
  ${CMAKE_SOURCE_DIR}/kernels/cuda/plan.c ${CMAKE_SOURCE_DIR}/kernels/cuda/runs.c)
file(GLOB kernels_cu CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/cuda/*.cu)

add_executable(gpu_bench_sim ${gpu_bench})
target_include_directories(gpu_bench_sim BEFORE PRIVATE ${CMAKE_SOURCE_DIR}/tests/cudasim/include)
kt_sim_sources(gpu_bench_sim ${kernels_cu} gpu_peer.cu gpu_ceilings.cu)
target_link_libraries(gpu_bench_sim PRIVATE kt_kernels kt_common stdc++)
set_target_properties(gpu_bench_sim PROPERTIES LINKER_LANGUAGE C)  # whose flags name the sanitizers
add_test(NAME gpu_bench COMMAND gpu_bench_sim --tiny)
add_test(NAME gpu_bench_json COMMAND gpu_bench_sim --tiny --json)
add_test(NAME gpu_bench_without_gpu COMMAND gpu_bench_sim)
set_tests_properties(gpu_bench gpu_bench_json gpu_bench_without_gpu PROPERTIES TIMEOUT 120 ENVIRONMENT KITHARA_SIM_ABORT=1)
set_tests_properties(gpu_bench_without_gpu PROPERTIES ENVIRONMENT KITHARA_SIM_DEVICES=0
  PASS_REGULAR_EXPRESSION "not run: no GPU\ngpu ratio=none\n$")

# gpu_node_bench: a node with a GPU on a virtual clock; the node's own queue and threads, without its library and device.
file(GLOB gpu_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/gpu/*.c)
list(FILTER gpu_sources EXCLUDE REGEX "/(columns|device|gpus|load|cqt_tables|warm_up)\\.c$")
add_library(kt_virtual_clock OBJECT gpu_node/virtual.c)
add_executable(gpu_node_bench gpu_node/node.c gpu_node/device.c ${gpu_sources}
    ${CMAKE_SOURCE_DIR}/kernels/audio/spectrum_facts.c)
target_compile_options(gpu_node_bench PRIVATE -DKT_VIRTUAL -include ${CMAKE_CURRENT_SOURCE_DIR}/gpu_node/virtual.h)
target_link_libraries(gpu_node_bench PRIVATE kt_virtual_clock kt_common m)
add_test(NAME gpu_node_bench COMMAND gpu_node_bench --check)
set_tests_properties(gpu_node_bench PROPERTIES TIMEOUT 300 COST 175)

if(NOT TARGET kithara-cuda)  # whose objects they are
  return()
endif()
get_filename_component(toolkit ${KT_NVCC} REALPATH)
get_filename_component(toolkit ${toolkit}/../.. ABSOLUTE)
find_library(KT_CUBLAS cublas PATHS ${toolkit}/lib64)
find_library(KT_CUFFT cufft PATHS ${toolkit}/lib64)
option(KT_GPU_PEERS "gpu_bench measures cuFFT and cuBLAS beside the kernels, and needs them to start" ON)
set(kernels_o)
foreach(source ${kernels_cu})
  get_filename_component(name ${source} NAME_WE)
  list(APPEND kernels_o ${CMAKE_BINARY_DIR}/kernels/cuda/kithara-cuda_${name}.o)
endforeach()
set_source_files_properties(${kernels_o} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
add_executable(gpu_bench ${gpu_bench} ${kernels_o})
add_dependencies(gpu_bench kithara-cuda)
kt_nvcc_sources(gpu_bench gpu_ceilings.cu)
target_include_directories(gpu_bench SYSTEM BEFORE PRIVATE ${toolkit}/include)
target_link_libraries(gpu_bench PRIVATE kt_kernels kt_common ${KT_CUDART} rt ${CMAKE_DL_LIBS} Threads::Threads stdc++)
if(KT_GPU_PEERS AND KT_CUBLAS AND KT_CUFFT)
  kt_nvcc_sources(gpu_bench gpu_peer.cu)
  target_link_libraries(gpu_bench PRIVATE ${KT_CUFFT} ${KT_CUBLAS})
else()
  message(STATUS "gpu_bench: without cuFFT and cuBLAS to measure against")
  target_sources(gpu_bench PRIVATE gpu_peer_none.c)
endif()
