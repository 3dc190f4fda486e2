# The benchmark of `ops/bench dispatch`: tests/dispatch_bench bin/kithara-node
add_executable(dispatch_bench ${CMAKE_CURRENT_LIST_DIR}/dispatch_bench.c)
target_link_libraries(dispatch_bench PRIVATE kt_coordinator)
