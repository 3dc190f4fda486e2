# What ops/test --soak runs: tests of the tree at a length for a night. Another configuration of CTest (`ctest -C soak -L soak`)
# keeps them out of every other run.
function(kt_soak name hours)
  math(EXPR seconds "3600 * ${hours}")
  add_test(NAME soak_${name} CONFIGURATIONS soak COMMAND ${ARGN})
  set_tests_properties(soak_${name} PROPERTIES LABELS soak TIMEOUT ${seconds} SKIP_RETURN_CODE 77 ENVIRONMENT
    "KITHARA_BIN=${CMAKE_BINARY_DIR}/bin;KITHARA_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
endfunction()

if(TARGET kithara-cuda-sim)
  kt_soak(cudasim 2 cudasim_test --seeds 200)
  kt_soak(kernel_check_cuda 6 kernel_check_cuda --seeds 200)
  kt_soak(golden_gpu 2 /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/golden/golden_gpu.py --whole
    --kithara $<TARGET_FILE:kithara> --work ${CMAKE_BINARY_DIR}/golden)
endif()
kt_soak(torture 3 /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/farm/torture.py --runs 20)
kt_soak(video_memory 2 /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/bench/video_memory.py)
