# keel::keel, what other programs link: one archive of all folders that need no MPI, the public headers (cmake/public_headers.txt),
# and the files by which CMake and pkg-config find them and what the archive needs. keel::distributed is a second archive, of
# distributed/mpi/, where MPI was found, and keel::tune a third one, of runs/ and tune/.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(public_include ${PROJECT_BINARY_DIR}/include)
file(GLOB_RECURSE headers CONFIGURE_DEPENDS kernels/*.h engine/*.h graph/*.h models/*.h data/*.h distributed/*.h embed/*.h
  train/*.h runs/*.h tune/*.h)
add_custom_command(OUTPUT public_headers.stamp
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DDESTINATION=${public_include}
    -P ${PROJECT_SOURCE_DIR}/cmake/public_headers.cmake
  COMMAND ${CMAKE_COMMAND} -E touch public_headers.stamp
  DEPENDS ${headers} cmake/public_headers.cmake cmake/public_headers.txt COMMENT "Public headers" VERBATIM)
add_custom_target(keel_headers ALL DEPENDS public_headers.stamp)

set(folders kernels engine graph models data distributed embed train)
list(TRANSFORM folders REPLACE "(.+)" "$<TARGET_OBJECTS:keel_\\1>" OUTPUT_VARIABLE objects)
add_library(keel_archive STATIC ${objects} ${keel_isa_objects})
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
set(keel_pc_optional "")
set(optional_libraries ${keel_format_libraries})
if(re2_FOUND)
  list(APPEND optional_libraries re2::re2)
  string(APPEND keel_pc_optional " re2")
endif()
foreach(library keel::openmp DNNL::dnnl isal::isal JPEG::JPEG fmt::fmt xxhash::xxhash ${optional_libraries})
  target_link_libraries(keel_archive INTERFACE $<LINK_ONLY:${library}>)
endforeach()
if(dicom_codecs_FOUND)
  target_link_libraries(keel_archive INTERFACE $<LINK_ONLY:dicom::codecs>)
endif()

if(MPI_C_FOUND)
  add_library(keel::mpi INTERFACE IMPORTED GLOBAL)
  set_target_properties(keel::mpi PROPERTIES INTERFACE_LINK_LIBRARIES MPI::MPI_C)
  add_library(keel_distributed_archive STATIC $<TARGET_OBJECTS:keel_mpi>)
  add_library(keel::distributed ALIAS keel_distributed_archive)
  # In a folder of its own: the file of the target keel_distributed, the room without MPI, has the same name.
  set_target_properties(keel_distributed_archive PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME keel_distributed
    EXPORT_NAME distributed ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/package)
  target_link_libraries(keel_distributed_archive INTERFACE keel_archive $<LINK_ONLY:keel::mpi>)
endif()

# Of runs/ not what a run's directory and its log are of: it alone wants spdlog. Its objects are one, or one for each source.
list(JOIN directory_sources "|/" of_directories)
string(REPLACE "." "\\." of_directories "/unity_directories_|/${of_directories}")
add_library(keel_tune_archive STATIC "$<FILTER:$<TARGET_OBJECTS:keel_runs>,EXCLUDE,${of_directories}>"
  $<TARGET_OBJECTS:keel_tune>)
add_library(keel::tune ALIAS keel_tune_archive)
set_target_properties(keel_tune_archive PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME keel_tune EXPORT_NAME tune
  ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/package)
target_link_libraries(keel_tune_archive INTERFACE keel_archive)
if(NOT KEEL_CLI AND NOT KEEL_INSTALL)  # a project that contains this one builds them where it links them
  set_target_properties(keel_runs keel_tune keel_tune_archive PROPERTIES EXCLUDE_FROM_ALL ON)
endif()

if(NOT KEEL_INSTALL)
  return()
endif()
# "-LFOLDER -lNAME" of libraries' files.
function(keel_link_flags result)
  set(flags "")
  foreach(file ${ARGN})
    get_filename_component(folder ${file} DIRECTORY)
    get_filename_component(name ${file} NAME_WE)
    string(REGEX REPLACE "^lib" "-l" name ${name})
    list(APPEND flags -L${folder} ${name})
  endforeach()
  list(REMOVE_DUPLICATES flags)
  list(JOIN flags " " flags)
  set(${result} "${flags}" PARENT_SCOPE)
endfunction()
keel_link_flags(openmp_flags ${OpenMP_CXX_LIBRARIES})
list(TRANSFORM OpenMP_CXX_LIBRARIES REPLACE "/[^/]*$" "" OUTPUT_VARIABLE openmp_hints)
list(REMOVE_DUPLICATES openmp_hints)
set(dnnl_flags -ldnnl)
if(dnnl_ROOT AND dnnl_LIBRARY)
  get_filename_component(folder ${dnnl_LIBRARY} DIRECTORY)
  set(dnnl_flags "-L${folder} -Wl,--disable-new-dtags,-rpath,${folder} -ldnnl")
endif()
set(dicom_flags "")
if(dicom_codecs_FOUND)
  set(dicom_flags "-ldcmjpeg -ldcmdata -loflog -lofstd -lcharls -lopenjp2")
endif()
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/keel)
file(RELATIVE_PATH pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_package_config_file(cmake/keelConfig.cmake.in keelConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(keelConfigVersion.cmake COMPATIBILITY SameMinorVersion)
configure_file(cmake/keel.pc.in keel.pc @ONLY)
configure_file(cmake/keel-tune.pc.in keel-tune.pc @ONLY)

install(TARGETS keel_archive EXPORT keelTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${public_include}/keel DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} REGEX "/distributed/mpi$" EXCLUDE)
install(EXPORT keelTargets NAMESPACE keel:: DESTINATION ${package})
install(FILES ${PROJECT_BINARY_DIR}/keelConfig.cmake ${PROJECT_BINARY_DIR}/keelConfigVersion.cmake cmake/Findisal.cmake
  cmake/Finddnnl.cmake cmake/FindWebP.cmake cmake/FindxxHash.cmake cmake/Finddicom_codecs.cmake cmake/Findre2.cmake DESTINATION ${package})
install(TARGETS keel_tune_archive EXPORT keelTuneTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT keelTuneTargets NAMESPACE keel:: DESTINATION ${package})
install(FILES ${PROJECT_BINARY_DIR}/keel.pc ${PROJECT_BINARY_DIR}/keel-tune.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

if(MPI_C_FOUND)
  keel_link_flags(mpi_flags ${MPI_C_LIBRARIES})
  configure_file(cmake/keel-distributed.pc.in keel-distributed.pc @ONLY)
  install(TARGETS keel_distributed_archive EXPORT keelDistributedTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${public_include}/keel/distributed/mpi DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/keel/distributed)
  install(EXPORT keelDistributedTargets NAMESPACE keel:: DESTINATION ${package})
  install(FILES ${PROJECT_BINARY_DIR}/keel-distributed.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
