# The compiler's flags for each ISA of kernels/isa.h but scalar, which has none. Sources called x_<isa>.cpp are compiled with them.
include_guard()

set(keel_isa_avx2 -mavx2 -mfma)
set(keel_isa_avx_vnni ${keel_isa_avx2} -mavxvnni)
set(keel_isa_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512)
set(keel_isa_avx512_vnni ${keel_isa_avx512} -mavx512vnni)
set(keel_isa_avx512_bf16 ${keel_isa_avx512_vnni} -mavx512bf16)
set(keel_isa_amx ${keel_isa_avx512_bf16} -mamx-tile -mamx-int8 -mamx-bf16)
set(keel_isas avx2 avx_vnni avx512 avx512_vnni avx512_bf16 amx)

# Gives a source the flags of the ISA that its name ends in, if it does.
function(keel_isa_flags source)
  foreach(isa IN LISTS keel_isas)
    if(source MATCHES "_${isa}\\.cpp$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${keel_isa_${isa}}" SKIP_PRECOMPILE_HEADERS ON)
    endif()
  endforeach()
endfunction()
