# The version a binary reports: release, commit, and "dirty" for a changed tree.
find_package(Git QUIET)
set(ORDO_COMMIT unknown)
if(GIT_FOUND)
  # a commit configures again, so that a binary does not bear the name of the one before
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${CMAKE_SOURCE_DIR} rev-parse --path-format=absolute --git-path logs/HEAD
                  OUTPUT_VARIABLE head_log OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(EXISTS "${head_log}")
    set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${head_log})
  endif()
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${CMAKE_SOURCE_DIR} describe --always --dirty --abbrev=10
                  OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
                  RESULT_VARIABLE failed)
  if(failed EQUAL 0)
    set(ORDO_COMMIT ${described})
  endif()
endif()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/ordo_version.h CONTENT
"#ifndef ORDO_VERSION_H
#define ORDO_VERSION_H
#define ORDO_VERSION \"${PROJECT_VERSION}\"
#define ORDO_COMMIT \"${ORDO_COMMIT}\"
#define ORDO_BUILD_TYPE \"${CMAKE_BUILD_TYPE}\"
#define ORDO_COMPILER \"${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}\"
#endif
")
add_library(ordo_version INTERFACE)
target_include_directories(ordo_version INTERFACE ${CMAKE_BINARY_DIR}/generated)
