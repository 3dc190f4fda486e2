# kt_test(NAME FOLDER LIBS...) -- one Criterion program, test_NAME, from all *.c of a folder. CTest has one entry for each
# *_test.c, named NAME/path/of/the/file and labelled NAME, and the entry NAME/entries, which proves that no test is left out
# (tests/entries.py). CTest runs entries beside each other, so each runs its tests one after another.
# Without Criterion (libcriterion-dev) the tests are left out, and said so once. The thread sanitizer has a stand-in for it, which
# knows no filter: one entry, NAME.
pkg_check_modules(CRITERION IMPORTED_TARGET criterion)
if(NOT CRITERION_FOUND)
  message(STATUS "Criterion not found: unit tests are not built (ops/setup --tests installs it)")
endif()

function(kt_test name folder)
  if(NOT CRITERION_FOUND)
    return()
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.c)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE ${ARGN})
  target_compile_definitions(test_${name} PRIVATE KT_SOURCE_DIR="${CMAKE_SOURCE_DIR}" KT_BINARY_DIR="${CMAKE_BINARY_DIR}")
  set(environment "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/asan/suppressions.txt:print_suppressions=0"
    KITHARA_BIN=${CMAKE_BINARY_DIR}/bin KITHARA_DECODE=${CMAKE_BINARY_DIR}/bin/kithara-decode)
  if(CMAKE_BUILD_TYPE STREQUAL "tsan")
    foreach(source ${sources})  # the stand-in knows neither parameters nor redirection
      file(STRINGS ${source} more REGEX "criterion/(parameterized|redirect)\\.h")
      if(more)
        set_source_files_properties(${source} PROPERTIES HEADER_FILE_ONLY ON)
      endif()
    endforeach()
    target_include_directories(test_${name} BEFORE PRIVATE ${CMAKE_SOURCE_DIR}/tests/tsan)
    target_sources(test_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/tsan/runner.c)
    list(APPEND environment "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tsan/suppressions.txt:die_after_fork=0")
    add_test(NAME ${name} COMMAND test_${name})
    set(names ${name})
  else()
    target_link_libraries(test_${name} PRIVATE PkgConfig::CRITERION)
    set(names ${name}/entries)
    set(script ${CMAKE_SOURCE_DIR}/tests/entries.py)
    add_test(NAME ${name}/entries COMMAND /usr/bin/python3 ${script} ${CMAKE_CURRENT_SOURCE_DIR}/${folder} --check $<TARGET_FILE:test_${name}>)
    execute_process(COMMAND /usr/bin/python3 ${script} ${CMAKE_CURRENT_SOURCE_DIR}/${folder}
      OUTPUT_VARIABLE entries COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCHALL "[^\n]+" entries "${entries}")
    foreach(entry ${entries})  # name TAB filter
      string(REGEX REPLACE "\t.*" "" file "${entry}")
      string(REGEX REPLACE ".*\t" "" filter "${entry}")
      add_test(NAME ${name}/${file} COMMAND test_${name} --filter "${filter}" --jobs 1 --timeout 120)
      list(APPEND names ${name}/${file})
    endforeach()
  endif()
  set(timeout 600)
  if(CMAKE_BUILD_TYPE STREQUAL "tsan")
    set(timeout 1800)  # one entry holds all tests of the program
  endif()
  set_tests_properties(${names} PROPERTIES TIMEOUT ${timeout} LABELS ${name} ENVIRONMENT "${environment}")
endfunction()

# kt_script(NAME FILE [ARGUMENTS...]) -- a Python test that starts processes, run by Debian's Python, whose modules it needs;
# its label is its folder. Label "slow": left out by ops/test --quick.
function(kt_script name file)
  add_test(NAME ${name} COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/${file} ${ARGN})
  set_tests_properties(${name} PROPERTIES TIMEOUT 900 ENVIRONMENT
    "KITHARA_BIN=${CMAKE_BINARY_DIR}/bin;KITHARA_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
  get_filename_component(folder ${CMAKE_CURRENT_SOURCE_DIR}/${file} DIRECTORY)
  get_filename_component(folder ${folder} NAME)
  set_tests_properties(${name} PROPERTIES LABELS ${folder})
endfunction()

# kt_library(NAME LIBS...) -- one static library from all *.c of this folder but main.c. LIBS are the folders below it, as in
# ops/checks/walls.txt: a file that uses another folder does not link in this folder's own test program.
function(kt_library name)
  file(GLOB sources CONFIGURE_DEPENDS *.c)
  list(FILTER sources EXCLUDE REGEX "/main\\.c$")
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC ${ARGN})
endfunction()
