# CUDA sources, two ways. With nvcc: for the GPU (KT_NVCC is the compiler, KT_CUDA_ARCHITECTURES the targets). Always: for
# the CPU's simulator in tests/cudasim, by the host's C++ compiler.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g")
set(CMAKE_CXX_FLAGS_ASAN "-O1 -g")
set(CMAKE_CXX_FLAGS_TSAN "-O1 -g")

find_program(KT_NVCC nvcc PATHS /usr/local/cuda/bin DOC "NVIDIA's compiler; without it only the simulator runs the kernels")
if(KT_NVCC)
  message(STATUS "CUDA compiler: ${KT_NVCC}")
else()
  message(STATUS "CUDA compiler: none (the kernels run in the simulator only)")
endif()
set(KT_CUDA_ARCHITECTURES "75;80;86;89;90;100;120" CACHE STRING "Compute capabilities, without the dot, that GPU code is compiled for; PTX for the last one")
set(KT_NVCC_FLAGS -std=c++17 -O3 -lineinfo --Werror all-warnings -Xcompiler=-Wall,-Wextra,-fPIC)

# What g++ is told for a .cu file: each access calls the simulator, and no pass joins, widens or drops accesses. As nvcc
# fuses a*b+c where it likes, a tolerance may not rest on either.
set(KT_SIM_FLAGS -Wall -Wextra -Werror -Wno-unknown-pragmas -x c++ -O1 -g -fPIC -fno-exceptions -fno-extern-tls-init
  -fsanitize=thread,bounds-strict -fno-tree-vectorize -fno-tree-loop-distribute-patterns -fno-store-merging
  -fno-stack-protector -ffp-contract=off)

# kt_sim_sources(TARGET FILE.cu...) -- puts CUDA sources into a target (a program, a library, a module to be loaded at run
# time), compiled for the simulator, which it links.
function(kt_sim_sources target)
  set(sources)
  foreach(source ${ARGN})
    get_filename_component(source ${source} ABSOLUTE)
    list(APPEND sources ${source})
  endforeach()
  add_library(${target}_sim OBJECT ${sources})
  set_source_files_properties(${sources} PROPERTIES LANGUAGE CXX)
  # For nothing but the simulated object: neither the C warnings nor the sanitizers of the rest.
  set_property(TARGET ${target}_sim PROPERTY COMPILE_OPTIONS ${KT_SIM_FLAGS})
  target_include_directories(${target}_sim BEFORE PRIVATE ${CMAKE_SOURCE_DIR}/tests/cudasim/include ${CMAKE_SOURCE_DIR})
  set(definitions ${CMAKE_CURRENT_BINARY_DIR}/${target}_dynamic_shared.cpp)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/cuda/*.h ${CMAKE_SOURCE_DIR}/kernels/cuda/*.cuh)
  add_custom_command(OUTPUT ${definitions}
    COMMAND ${CMAKE_SOURCE_DIR}/tests/cudasim/dynamic_shared.sh ${sources} ${headers} > ${definitions}
    DEPENDS ${sources} ${headers} ${CMAKE_SOURCE_DIR}/tests/cudasim/dynamic_shared.sh)
  add_library(${target}_dynamic OBJECT ${definitions})
  set_property(TARGET ${target}_dynamic PROPERTY COMPILE_OPTIONS -fPIC)
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_sim> $<TARGET_OBJECTS:${target}_dynamic>)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE" OR type STREQUAL "STATIC_LIBRARY")
    target_link_libraries(${target} PRIVATE kt_cudasim)
  else()  # all of the run-time, for those who look its functions up; and its own, whoever else has one
    target_link_libraries(${target} PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,kt_cudasim>)
    target_link_options(${target} PRIVATE -Wl,-Bsymbolic)
  endif()
endfunction()

# kt_nvcc_sources(TARGET FILE.cu...) -- the same for the GPU: one object a file with code for every architecture, and the
# compiler's report of registers and spills beside it (OBJECT.ptxas). Only where KT_NVCC is set.
function(kt_nvcc_sources target)
  set(codes)
  foreach(architecture ${KT_CUDA_ARCHITECTURES})
    list(APPEND codes -gencode=arch=compute_${architecture},code=sm_${architecture})
  endforeach()
  list(GET KT_CUDA_ARCHITECTURES -1 newest)
  list(APPEND codes -gencode=arch=compute_${newest},code=compute_${newest})
  foreach(source ${ARGN})
    get_filename_component(source ${source} ABSOLUTE)
    get_filename_component(name ${source} NAME_WE)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${target}_${name}.o)
    add_custom_command(OUTPUT ${object}
      COMMAND ${CMAKE_SOURCE_DIR}/cmake/nvcc_report.sh ${object}.ptxas ${KT_NVCC} ${KT_NVCC_FLAGS} ${codes}
              -Xptxas=-v -MD -MF ${object}.d -I${CMAKE_SOURCE_DIR} -c ${source} -o ${object}
      DEPENDS ${source} DEPFILE ${object}.d VERBATIM COMMENT "nvcc ${name}.cu")
    target_sources(${target} PRIVATE ${object})
  endforeach()
endfunction()
