// ONNX models in files. The only part that knows protocol buffers.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "graph/onnx/model.h"

namespace keel::onnx {

/// Reads a model, with tensors that lie in other files where those are in the model's folder. Throws IoError that names
/// the file, or InputError that names file, node or tensor, and what is wrong: what is malformed, cut short, too large
/// (more than 2^31 bytes a message, 2^34 bytes of constants), a graph that is not sorted or has a cycle, two values of
/// one name, an external tensor outside of the folder or behind a link, a function of the model's own, types that
/// the standard does not have for constants.
Model read_file(const std::filesystem::path& path);

/// The same of bytes; `folder` is where external tensors may lie, empty: nowhere. `name` is for messages.
Model read(std::span<const std::byte> bytes, const std::string& name, const std::filesystem::path& folder = {});

/// Returns whether a file is an ONNX model by its beginning; its name does not count.
bool is_onnx_file(const std::filesystem::path& path);

/// Writes a model, to a temporary name first. Tensors are in the file itself. Throws UsageError for a model of more
/// than 2^31 - 1 bytes, IoError.
void write_file(const std::filesystem::path& path, const Model& model);

/// The same in memory.
std::string bytes_of(const Model& model);

}  // namespace keel::onnx
