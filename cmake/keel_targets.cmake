# One static library a room.
include_guard()
include(keel_isas)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND PROJECT_IS_TOP_LEVEL)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# Sums must not depend on whether the compiler fuses a multiply and an add: -ffp-contract=off, fused ones are written out.
add_library(keel_options INTERFACE)
target_compile_options(keel_options INTERFACE -ffp-contract=off -Wall -Wextra -Wshadow -Wconversion)
# GCC 12 sees an overlap in the standard library's operator+ of strings that cannot be (its bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(keel_options INTERFACE -Wno-restrict)
endif()
if(KEEL_WERROR)
  target_compile_options(keel_options INTERFACE -Werror)
endif()
if(KEEL_SANITIZE)
  target_compile_options(keel_options INTERFACE -fsanitize=${KEEL_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(keel_options INTERFACE -fsanitize=${KEEL_SANITIZE})
endif()

# What nearly every file of a room includes: reading it once is a quarter of what compiling a room takes. The preset `dev` does
# without, and finds what a file forgot to include.
set(keel_common_headers <algorithm> <array> <cmath> <cstdint> <filesystem> <functional> <map> <memory> <optional> <set> <span> <string>
  <vector>)

# A target's files are compiled many at a time: most of what one takes is reading the same headers and making the same templates.
# So names in unnamed namespaces must differ within a folder. The preset `dev` compiles each file by itself.
function(keel_compile_together target)
  if(NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 32)
  endif()
endfunction()

# The programs of a folder that nobody installs are linked by gold where it is there, in a third of the time.
function(keel_link_fast)
  find_program(KEEL_GOLD ld.gold)
  if(KEEL_GOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT KEEL_STATIC_TESTS)
    add_link_options(-fuse-ld=gold)
  endif()
endfunction()

# What every target of Keel's sources is compiled with.
function(keel_room_options target)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  target_compile_features(${target} PUBLIC cxx_std_20)
  # What a shared library that contains Keel does not export, it cannot lend to another copy in the process by mistake: Keel's
  # names, and templates of other libraries (oneDNN's, nlohmann's) that are compiled here. keel.h makes its functions visible.
  if(KEEL_HIDDEN)
    set_target_properties(${target} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  endif()
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:keel_options>)
endfunction()

# keel_NAME of the folder, whose last part NAME is; EXCLUDE: a folder in it that is a library of its own; HEADERS_OF: the
# library of the same compile options and definitions whose precompiled headers it takes; PLAIN: of files that include little;
# ISAS: of files of which some are for one ISA.
function(keel_library folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "PLAIN;ISAS" "EXCLUDE;HEADERS_OF" "")
  get_filename_component(name ${folder} NAME)
  set(target keel_${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  if(arg_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "/${folder}/${arg_EXCLUDE}/")
  endif()
  if(arg_ISAS)
    list(JOIN keel_isas "|" any_isa)
    list(FILTER sources EXCLUDE REGEX "_(${any_isa})\\.cpp$")
  endif()
  add_library(${target} STATIC ${sources})
  keel_room_options(${target})
  if(arg_HEADERS_OF)
    target_precompile_headers(${target} REUSE_FROM ${arg_HEADERS_OF})
  elseif(NOT arg_PLAIN)
    target_precompile_headers(${target} PRIVATE ${keel_common_headers})
  endif()
  if(arg_ISAS)
    keel_isa_variants(${target} ${folder})
    set(keel_isa_objects ${keel_isa_objects} PARENT_SCOPE)
  endif()
endfunction()
