// The storages of a file of torch.save: numbers without dims, which the tensors of its pickle are views of.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "embed/weights/pickle.h"

namespace keel::torch {

using Bytes = std::vector<std::uint8_t>;

class Storages {
public:
    virtual ~Storages() = default;
    Storages() = default;
    Storages(const Storages&) = delete;
    Storages& operator=(const Storages&) = delete;

    /// Returns what was saved.
    virtual const PickleValue& object() const = 0;
    /// Returns the bytes of a storage, which stay as long as this does. Throws InputError where there is none.
    const Bytes& of(const std::string& key);
    /// Returns the bytes of all that were read.
    std::uint64_t bytes() const { return bytes_; }

private:
    virtual Bytes read(const std::string& key) = 0;

    std::map<std::string, std::unique_ptr<Bytes>> kept_;
    std::uint64_t bytes_ = 0;
};

/// Returns whether a file begins as torch.save's do, of either form.
bool is_file(const std::filesystem::path& path);

/// Opens a file of the zip form of PyTorch 1.6 and after, or of the stream before it. Throws InputError, without naming
/// the file, for what is neither or is damaged, IoError.
std::unique_ptr<Storages> open_storages(const std::filesystem::path& path);

}  // namespace keel::torch
