# What decodes the compressed pixels of DICOM files: DCMTK's JPEG, CharLS and OpenJPEG. Debian's packages of DCMTK and OpenJPEG want
# whole programs and libraries that are not needed here.
set(dicom_codecs_variables "")
foreach(library dcmjpeg dcmdata oflog ofstd charls openjp2)
  find_library(dicom_codecs_${library}_LIBRARY ${library})
  list(APPEND dicom_codecs_variables dicom_codecs_${library}_LIBRARY)
endforeach()
find_path(dicom_codecs_dcmtk_INCLUDE_DIR dcmtk/dcmjpeg/djdijg16.h)
find_path(dicom_codecs_charls_INCLUDE_DIR charls/charls_jpegls_decoder.h)
find_path(dicom_codecs_openjpeg_INCLUDE_DIR openjpeg.h PATH_SUFFIXES openjpeg-2.5 openjpeg-2.4)
list(APPEND dicom_codecs_variables dicom_codecs_dcmtk_INCLUDE_DIR dicom_codecs_charls_INCLUDE_DIR dicom_codecs_openjpeg_INCLUDE_DIR)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(dicom_codecs REQUIRED_VARS ${dicom_codecs_variables})
if(dicom_codecs_FOUND AND NOT TARGET dicom::codecs)
  add_library(dicom::codecs INTERFACE IMPORTED)
  set_target_properties(dicom::codecs PROPERTIES INTERFACE_LINK_LIBRARIES
    "${dicom_codecs_dcmjpeg_LIBRARY};${dicom_codecs_dcmdata_LIBRARY};${dicom_codecs_oflog_LIBRARY};${dicom_codecs_ofstd_LIBRARY};\
${dicom_codecs_charls_LIBRARY};${dicom_codecs_openjp2_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES
    "${dicom_codecs_dcmtk_INCLUDE_DIR};${dicom_codecs_charls_INCLUDE_DIR};${dicom_codecs_openjpeg_INCLUDE_DIR}")
endif()
mark_as_advanced(${dicom_codecs_variables})
