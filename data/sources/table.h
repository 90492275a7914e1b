// The sources of data sets. A new source is a file that defines an open function, its name here and a row in the table.
#pragma once

#include <memory>
#include <string>

#include "data/dataset.h"

namespace keel {

/// Opens what a source's argument names, which exists. Throws UsageError, InputError or IoError.
using OpenSource = std::unique_ptr<Dataset>(const std::string& argument, const DatasetOptions& options);

OpenSource open_phantom, open_nih, open_csv, open_chexpert, open_mimic, open_padchest, open_vindr, open_rsna,
    open_medmnist, open_folder, open_cifar10, open_pack;

struct Source {
    const char* scheme;    ///< what stands before the colon
    const char* argument;  ///< and what after it
    OpenSource* open;
    const char* summary;  ///< what lies there
    bool tables = false;  ///< whether TableReading (data/dataset.h) means something to it
};

inline constexpr Source kSources[] = {
    {"phantom", "DIR", open_phantom, "a set written by `keel data synth`", true},
    {"nih", "DIR", open_nih, "NIH ChestX-ray14 as NIH publishes it", true},
    {"csv", "FILE", open_csv, "a table of images and labels", true},
    {"chexpert", "DIR", open_chexpert, "CheXpert as Stanford publishes it", true},
    {"mimic", "DIR", open_mimic, "MIMIC-CXR-JPG as PhysioNet publishes it", true},
    {"padchest", "DIR", open_padchest, "PadChest as BIMCV publishes it", true},
    {"vindr", "DIR", open_vindr, "VinDr-CXR, of PhysioNet or Kaggle", true},
    {"rsna", "DIR", open_rsna, "RSNA's Pneumonia Detection Challenge", true},
    {"medmnist", "FILE.npz", open_medmnist, "a MedMNIST v2 file"},
    {"folder", "DIR", open_folder, "ImageFolder"},
    {"cifar10", "DIR", open_cifar10, "CIFAR-10, binary version or ImageFolder"},
    {"pack", "DIR", open_pack, "a set written by `keel data pack`", true},
};

/// Returns the specifications there are, for people: "phantom:DIR, ... or pack:DIR".
std::string data_spec_help();

}  // namespace keel
