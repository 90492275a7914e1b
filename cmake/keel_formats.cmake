# Image formats whose library may be missing: then data/formats/NAME_missing.cpp stands in for what calls it.
option(KEEL_TIFF "Read TIFF where libtiff is found" ON)
option(KEEL_WEBP "Read WebP where libwebp is found" ON)
option(KEEL_GIF "Read GIF where giflib is found" ON)

set(keel_formats "")     # packages found, each with a target of its own name
set(keel_format_pcs "")  # what pkg-config calls them

# NAME is KEEL_NAME's; VERSION may be empty; the rest are the sources that call the library.
function(keel_format name package version pcs)
  string(TOLOWER ${name} stem)
  if(KEEL_${name})
    find_package(${package} ${version})
  endif()
  if(${package}_FOUND)
    set(keel_formats ${keel_formats} ${package} PARENT_SCOPE)
    set(keel_format_pcs "${keel_format_pcs} ${pcs}" PARENT_SCOPE)
    set(unused ${stem}_missing)
  else()
    set(unused ${ARGN})
  endif()
  foreach(source IN LISTS unused)
    set_source_files_properties(data/formats/${source}.cpp DIRECTORY ${PROJECT_SOURCE_DIR} PROPERTIES HEADER_FILE_ONLY ON)
  endforeach()
endfunction()

keel_format(TIFF TIFF 4.5 libtiff-4 tiff tiff_file)
keel_format(WEBP WebP "" "libwebpdemux libwebp" webp)
keel_format(GIF GIF "" libgif gif)
list(TRANSFORM keel_formats REPLACE "(.+)" "\\1::\\1" OUTPUT_VARIABLE keel_format_libraries)
