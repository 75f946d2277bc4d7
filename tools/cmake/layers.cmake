# A layer is a static library that sees only the headers of the layers it links.
#
# ordo_layer(ordo_ring PREFIX ring SOURCES ring.c LINK ordo_base)
#   makes build/view/ordo_ring/ring -> this source folder, the only include folder of the layer, so
#   #include "ring/ring.h" compiles where ordo_ring is linked and nowhere else.
#   HEADERS a.h b.h offers only these files (a narrow door into a layer; no sources needed).
function(ordo_layer name)
  cmake_parse_arguments(arg "" "PREFIX" "SOURCES;LINK;PRIVATE_LINK;HEADERS" ${ARGN})
  set(view ${CMAKE_BINARY_DIR}/view/${name})
  file(MAKE_DIRECTORY ${view})
  if(arg_HEADERS)
    file(MAKE_DIRECTORY ${view}/${arg_PREFIX})
    foreach(header ${arg_HEADERS})
      file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${header} ${view}/${arg_PREFIX}/${header} SYMBOLIC)
    endforeach()
  else()
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${view}/${arg_PREFIX} SYMBOLIC)
  endif()
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    target_include_directories(${name} PUBLIC ${view})
    target_compile_options(${name} PRIVATE ${ORDO_WARNINGS})
    target_link_libraries(${name} PUBLIC ${arg_LINK} PRIVATE ${arg_PRIVATE_LINK})
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${view})
    target_link_libraries(${name} INTERFACE ${arg_LINK})
  endif()
endfunction()
