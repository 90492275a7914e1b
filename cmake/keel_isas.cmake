# The compiler's flags for each ISA of kernels/isa.h but scalar, which has none. Kernels in files called x_<isa>.cpp are compiled with them.
include_guard()

set(keel_isa_avx2 -mavx2 -mfma)
set(keel_isa_avx_vnni ${keel_isa_avx2} -mavxvnni)
set(keel_isa_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512)
set(keel_isa_avx512_vnni ${keel_isa_avx512} -mavx512vnni)
set(keel_isa_avx512_bf16 ${keel_isa_avx512_vnni} -mavx512bf16)
set(keel_isa_amx ${keel_isa_avx512_bf16} -mamx-tile -mamx-int8 -mamx-bf16)
set(keel_isas avx2 avx_vnni avx512 avx512_vnni avx512_bf16 amx)

# Adds to a library the sources of a folder whose names end in an ISA: objects of a target for each, NAME_<isa>, which have read the
# intrinsics once. keel_isa_objects: all of them.
function(keel_isa_variants library folder)
  set(keel_isa_objects "")
  foreach(isa IN LISTS keel_isas)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*_${isa}.cpp)
    add_library(${library}_${isa} OBJECT ${sources})
    keel_room_options(${library}_${isa})
    target_compile_options(${library}_${isa} PRIVATE ${keel_isa_${isa}})
    if(NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)  # read from such a header, the intrinsics' undefined registers are uninitialized variables to GCC
      target_compile_options(${library}_${isa} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized> $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
    endif()
    target_precompile_headers(${library}_${isa} PRIVATE <immintrin.h> ${keel_common_headers})
    list(APPEND keel_isa_objects $<TARGET_OBJECTS:${library}_${isa}>)
  endforeach()
  target_sources(${library} PRIVATE ${keel_isa_objects})
  set(keel_isa_objects ${keel_isa_objects} PARENT_SCOPE)
endfunction()
