# stb is headers only and ships no CMake package; Debian installs it under stb/.
find_path(stb_INCLUDE_DIR stb/stb_image.h)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(stb REQUIRED_VARS stb_INCLUDE_DIR)
if(stb_FOUND AND NOT TARGET stb::stb)
  add_library(stb::stb INTERFACE IMPORTED)
  set_target_properties(stb::stb PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${stb_INCLUDE_DIR})
endif()
mark_as_advanced(stb_INCLUDE_DIR)
