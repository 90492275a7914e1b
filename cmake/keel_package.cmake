# keel::keel, what other programs link: one archive of all folders, the headers of the embedding API (cmake/public_headers.cmake),
# and the files by which CMake and pkg-config find them and what the archive needs.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(public_include ${PROJECT_BINARY_DIR}/include)
file(GLOB_RECURSE headers CONFIGURE_DEPENDS kernels/*.h engine/*.h graph/*.h models/*.h data/*.h distributed/*.h embed/*.h
  train/*.h)
add_custom_command(OUTPUT public_headers.stamp
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DDESTINATION=${public_include}
    -P ${PROJECT_SOURCE_DIR}/cmake/public_headers.cmake
  COMMAND ${CMAKE_COMMAND} -E touch public_headers.stamp
  DEPENDS ${headers} cmake/public_headers.cmake COMMENT "Public headers" VERBATIM)
add_custom_target(keel_headers ALL DEPENDS public_headers.stamp)

set(folders kernels engine graph models data distributed embed train)
list(TRANSFORM folders REPLACE "(.+)" "$<TARGET_OBJECTS:keel_\\1>" OUTPUT_VARIABLE objects)
add_library(keel_archive STATIC ${objects})
add_library(keel::keel ALIAS keel_archive)
add_dependencies(keel_archive keel_headers)
set_target_properties(keel_archive PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME keel EXPORT_NAME keel)
target_compile_features(keel_archive INTERFACE cxx_std_20)
target_include_directories(keel_archive INTERFACE
  $<BUILD_INTERFACE:${public_include}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# The OpenMP runtime that the archive was compiled for, whichever compiler links it; and without the flag that would switch on the
# pragmas of the program that embeds it.
add_library(keel::openmp INTERFACE IMPORTED GLOBAL)
set_target_properties(keel::openmp PROPERTIES INTERFACE_LINK_LIBRARIES "${OpenMP_CXX_LIBRARIES}")
foreach(library keel::openmp DNNL::dnnl TBB::tbb isal::isal JPEG::JPEG fmt::fmt xxhash::xxhash)
  target_link_libraries(keel_archive INTERFACE $<LINK_ONLY:${library}>)
endforeach()

if(NOT KEEL_INSTALL)
  return()
endif()
list(TRANSFORM OpenMP_CXX_LIBRARIES REPLACE "/[^/]*$" "" OUTPUT_VARIABLE openmp_hints)
list(REMOVE_DUPLICATES openmp_hints)
list(TRANSFORM openmp_hints PREPEND "-L" OUTPUT_VARIABLE openmp_flags)
foreach(name ${OpenMP_CXX_LIB_NAMES})
  list(APPEND openmp_flags -l${name})
endforeach()
list(JOIN openmp_flags " " openmp_flags)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/keel)
file(RELATIVE_PATH pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_package_config_file(cmake/keelConfig.cmake.in keelConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(keelConfigVersion.cmake COMPATIBILITY SameMinorVersion)
configure_file(cmake/keel.pc.in keel.pc @ONLY)

install(TARGETS keel_archive EXPORT keelTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${public_include}/keel DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT keelTargets NAMESPACE keel:: DESTINATION ${package})
install(FILES ${PROJECT_BINARY_DIR}/keelConfig.cmake ${PROJECT_BINARY_DIR}/keelConfigVersion.cmake cmake/Findisal.cmake
  cmake/FindxxHash.cmake DESTINATION ${package})
install(FILES ${PROJECT_BINARY_DIR}/keel.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
