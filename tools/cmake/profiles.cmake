# Build types. Included before project(): compiler flags initialised there are taken from these.
# Assertions are code of ours (base/assert.h) and stay on in every type; NDEBUG is never set.
set(ORDO_PROFILES Debug Release Asan Tsan Coverage Fuzz)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "One of ${ORDO_PROFILES}" FORCE)
endif()
if(NOT CMAKE_BUILD_TYPE IN_LIST ORDO_PROFILES)
  message(FATAL_ERROR "CMAKE_BUILD_TYPE=${CMAKE_BUILD_TYPE} is unknown: use one of ${ORDO_PROFILES}")
endif()

set(ordo_common "-g -fno-omit-frame-pointer -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=")
set(CMAKE_C_FLAGS_DEBUG "${ordo_common} -O0 -DORDO_DEBUG_CHECKS=1" CACHE STRING "" FORCE)
set(CMAKE_C_FLAGS_RELEASE "${ordo_common} -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2"
    CACHE STRING "" FORCE)
set(CMAKE_C_FLAGS_ASAN
    "${ordo_common} -O1 -DORDO_DEBUG_CHECKS=1 -fsanitize=address,undefined -fno-sanitize-recover=all"
    CACHE STRING "" FORCE)
set(CMAKE_C_FLAGS_TSAN "${ordo_common} -O1 -DORDO_DEBUG_CHECKS=1 -fsanitize=thread" CACHE STRING "" FORCE)
set(CMAKE_C_FLAGS_FUZZ # clang only; the targets of tests/fuzz add libFuzzer's main
    "${ordo_common} -O1 -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all"
    CACHE STRING "" FORCE)
set(CMAKE_C_FLAGS_COVERAGE "${ordo_common} -O0 -DORDO_DEBUG_CHECKS=1 --coverage" CACHE STRING "" FORCE)
set(CMAKE_EXE_LINKER_FLAGS_ASAN "-fsanitize=address,undefined" CACHE STRING "" FORCE)
set(CMAKE_EXE_LINKER_FLAGS_FUZZ "-fsanitize=address,undefined" CACHE STRING "" FORCE)
set(CMAKE_EXE_LINKER_FLAGS_TSAN "-fsanitize=thread" CACHE STRING "" FORCE)
set(CMAKE_EXE_LINKER_FLAGS_COVERAGE "--coverage" CACHE STRING "" FORCE)
set(CMAKE_SHARED_LINKER_FLAGS_ASAN "-fsanitize=address,undefined" CACHE STRING "" FORCE)
set(CMAKE_SHARED_LINKER_FLAGS_FUZZ "-fsanitize=address,undefined" CACHE STRING "" FORCE)
set(CMAKE_SHARED_LINKER_FLAGS_TSAN "-fsanitize=thread" CACHE STRING "" FORCE)
set(CMAKE_SHARED_LINKER_FLAGS_COVERAGE "--coverage" CACHE STRING "" FORCE)
