# Warnings for our own targets, all of them errors. Tests drop the conversion warnings.
set(ORDO_WARNINGS
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wstrict-prototypes
    -Wmissing-prototypes -Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough -Wswitch-enum -Werror)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  list(APPEND ORDO_WARNINGS -Wlogical-op -Wduplicated-cond)
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    list(APPEND ORDO_WARNINGS -Wnull-dereference)
  endif()
else()
  list(APPEND ORDO_WARNINGS -Wthread-safety)
endif()
set(ORDO_TEST_WARNINGS ${ORDO_WARNINGS})
list(REMOVE_ITEM ORDO_TEST_WARNINGS -Wconversion -Wsign-conversion)
# criterion's Test() macros expand to functions without prototypes and to GNU attributes
list(APPEND ORDO_TEST_WARNINGS -Wno-missing-prototypes)
