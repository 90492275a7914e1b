# What speaks DICOM's protocol: DCMTK's dcmnet and what it stands on.
set(dicom_network_variables "")
foreach(library dcmnet dcmdata oflog ofstd)
  find_library(dicom_network_${library}_LIBRARY ${library})
  list(APPEND dicom_network_variables dicom_network_${library}_LIBRARY)
endforeach()
find_path(dicom_network_INCLUDE_DIR dcmtk/dcmnet/dimse.h)
list(APPEND dicom_network_variables dicom_network_INCLUDE_DIR)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(dicom_network REQUIRED_VARS ${dicom_network_variables})
if(dicom_network_FOUND AND NOT TARGET dicom::network)
  add_library(dicom::network INTERFACE IMPORTED)
  set_target_properties(dicom::network PROPERTIES INTERFACE_LINK_LIBRARIES
    "${dicom_network_dcmnet_LIBRARY};${dicom_network_dcmdata_LIBRARY};${dicom_network_oflog_LIBRARY};${dicom_network_ofstd_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${dicom_network_INCLUDE_DIR}")
endif()
mark_as_advanced(${dicom_network_variables})
