# One imported target for each package; nothing else in the project asks for a package.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(ordo_package name module debian)
  pkg_check_modules(${name} QUIET IMPORTED_TARGET ${module})
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "${module} was not found: run tools/setup, or apt-get install ${debian}")
  endif()
  add_library(ordo_pkg::${name} ALIAS PkgConfig::${name})
  message(STATUS "package ${module} ${${name}_VERSION}")
endfunction()

ordo_package(uring liburing liburing-dev)
ordo_package(lmdb lmdb liblmdb-dev)
ordo_package(msgpack msgpack libmsgpack-dev)
ordo_package(inih inih libinih-dev)
ordo_package(jansson jansson libjansson-dev)
ordo_package(isal libisal libisal-dev)
ordo_package(zstd libzstd libzstd-dev)
ordo_package(xxhash libxxhash libxxhash-dev)
ordo_package(sodium libsodium libsodium-dev)
ordo_package(crypto libcrypto libssl-dev)

find_package(nng CONFIG QUIET) # ships a CMake config and no .pc file
if(NOT nng_FOUND)
  message(FATAL_ERROR "nng was not found: run tools/setup, or apt-get install libnng-dev")
endif()
add_library(ordo_pkg::nng ALIAS nng::nng)

pkg_check_modules(criterion QUIET IMPORTED_TARGET criterion) # the tests' only; a server needs none
pkg_check_modules(fuse QUIET IMPORTED_TARGET fuse3) # as well
if(fuse_FOUND)
  add_library(ordo_pkg::fuse ALIAS PkgConfig::fuse)
endif()
if(criterion_FOUND)
  add_library(ordo_pkg::criterion ALIAS PkgConfig::criterion)
endif()
