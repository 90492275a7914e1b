// Rows of hostile input for the program. docs/troubleshooting.md explains every message in them.
#pragma once

#include <string>
#include <vector>

#include "tests/cli/run_keel.h"

namespace keel::test {

/// In `line`, @NAME is a file of the corpus (tests/fuzz/make_corpus.py), %NAME one of the scratch folder.
struct Row {
    Arguments line;
    int code;
    std::string message;  ///< on stderr, and in docs/troubleshooting.md word for word
};

inline Arguments predict(const std::string& image) { return {"predict", "--checkpoint", "%model", image}; }
inline Arguments load(const std::string& checkpoint) { return {"predict", "--checkpoint", checkpoint, "%image0.png"}; }
inline Arguments info(const std::string& spec) { return {"data", "info", spec}; }
inline Arguments config(const std::string& file) { return {"train", "--config", file}; }
inline Arguments set(const std::string& assignment) { return {"train", "--set", assignment}; }

/// tests/cli/hostile_images.cpp.
std::vector<Row> hostile_images();
std::vector<Row> hostile_dicom_images();

/// tests/cli/hostile_torch.cpp.
std::vector<Row> hostile_torch_files();

/// tests/cli/hostile_onnx.cpp.
std::vector<Row> hostile_onnx_files();

/// tests/cli/hostile_tune.cpp.
std::vector<Row> hostile_searches();

/// tests/cli/hostile_serve.cpp.
std::vector<Row> hostile_servers();

/// tests/cli/hostile_small_models.cpp.
std::vector<Row> hostile_small_models();

}  // namespace keel::test
