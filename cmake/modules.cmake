# certmill_module(NAME SOURCES ... LINK ...): the static library cm_NAME of a folder.
function(certmill_module name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
    add_library(cm_${name} STATIC ${ARG_SOURCES})
    target_link_libraries(cm_${name} PUBLIC ${ARG_LINK})
endfunction()

# certmill_left_out(NAME OUT): whether the toolchain says that a program or test (certmilld, unit.client.dns) cannot be
# linked or run with its libraries; then it also says why.
function(certmill_left_out name out)
    set(${out} OFF PARENT_SCOPE)
    if(CERTMILL_LEFT_OUT AND name MATCHES "^(${CERTMILL_LEFT_OUT})$")
        message(STATUS "left out: ${name}: ${CERTMILL_LEFT_OUT_WHY}")
        set(${out} ON PARENT_SCOPE)
    endif()
endfunction()

# certmill_program(NAME SOURCES ... LINK ...): a program in build/bin/.
function(certmill_program name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
    certmill_left_out(${name} left_out)
    if(left_out)
        return()
    endif()
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE ${ARG_LINK})
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()

# Every tests/unit/MODULE/test_X.c is the ctest `unit.MODULE.X`, linked to cm_MODULE.
function(certmill_unit_tests_of module)
    file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${module}/test_*.c)
    foreach(source ${tests})
        string(REGEX REPLACE ".*/test_(.*)\\.c$" "\\1" name ${source})
        certmill_left_out(unit.${module}.${name} left_out)
        if(left_out)
            continue()
        endif()
        add_executable(unit_${module}_${name} ${source})
        target_link_libraries(unit_${module}_${name} PRIVATE cm_${module} PkgConfig::cunit)
        add_test(NAME unit.${module}.${name} COMMAND unit_${module}_${name}
                 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests/unit/${module})
        set_tests_properties(unit.${module}.${name} PROPERTIES LABELS "unit;${module}" TIMEOUT 120)
    endforeach()
endfunction()

# Every tests/fuzz/MODULE/fuzz_X.c is the fuzz target fuzz_MODULE_X, run briefly over its kept corpus as `fuzz.MODULE.X`.
function(certmill_fuzz_targets_of module)
    file(GLOB targets CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/${module}/fuzz_*.c)
    foreach(source ${targets})
        string(REGEX REPLACE ".*/fuzz_(.*)\\.c$" "\\1" name ${source})
        add_executable(fuzz_${module}_${name} ${source})
        target_link_libraries(fuzz_${module}_${name} PRIVATE cm_${module})
        target_link_options(fuzz_${module}_${name} PRIVATE -fsanitize=fuzzer)
        add_test(NAME fuzz.${module}.${name}
                 COMMAND ${CMAKE_SOURCE_DIR}/tests/fuzz/run $<TARGET_FILE:fuzz_${module}_${name}>
                         ${CMAKE_SOURCE_DIR}/tests/fuzz/${module}/corpus_${name})
        set_tests_properties(fuzz.${module}.${name} PROPERTIES LABELS "fuzz;${module}" TIMEOUT 300)
    endforeach()
endfunction()
