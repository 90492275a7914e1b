// Tensors whose data lie in files beside the model's (https://onnx.ai/onnx/repo-docs/ExternalData.html).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace keel::onnx {

/// Where the data of a tensor lie, as the model says it.
struct ExternalRange {
    std::string location{};
    std::uint64_t offset = 0;
    std::optional<std::uint64_t> length{};  ///< in bytes
};

class ExternalFile;

/// The files that a model's tensors may lie in: regular files in its folder or below it, none of which, and no folder
/// on the way to them, is a symbolic link.
class ExternalFiles {
public:
    /// Of an empty folder no file is read.
    explicit ExternalFiles(std::filesystem::path folder);
    ~ExternalFiles();

    /// Throws InputError unless the range is `size` bytes that the file has; memory for them may be made then.
    void check(const ExternalRange& range, std::uint64_t size);
    /// Fills `into` with the range's bytes, which were checked.
    void read(const ExternalRange& range, std::span<std::byte> into);

private:
    ExternalFile& open(const std::string& location);

    std::filesystem::path folder_;
    std::map<std::string, std::unique_ptr<ExternalFile>> files_;
};

}  // namespace keel::onnx
