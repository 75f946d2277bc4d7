# find_package(ordo) gives ordo::ordo, the client library as a shared object.
include(${CMAKE_CURRENT_LIST_DIR}/ordoTargets.cmake)
