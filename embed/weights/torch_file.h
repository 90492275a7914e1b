// Files of PyTorch's torch.save: .pth, .pt, .bin, .ckpt. Of them tensors are taken and nothing else: no code that a
// file names is imported, called or run (embed/weights/pickle.h).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace keel {

struct TorchFile {
    std::vector<NamedTensor> tensors{};  ///< in the order of the file, in plain layout
    std::string taken_from{};            ///< where they lie: "state_dict", "model"; empty: they are all of the file
    std::vector<std::string> other{};    ///< keys beside that one that hold tensors as well
    bool key_is_of_names = false;        ///< the key asked for is none of the file's, but begins names of tensors
};

/// Returns whether a file begins as torch.save's do, of either form.
bool is_torch_file(const std::filesystem::path& path);

/// Reads a state dict, one that lies under a key of the file ("state_dict", "model", "net", ...: the first there is, or
/// `key`), or a whole module that was pickled. A key that the file has not may be what names of its tensors begin with.
/// Of the zip form of PyTorch 1.6 and after, and of the stream before it. F32, F64, U8, I8 and I32 are read as they
/// are, bool as u8, half and bfloat16 as f32, I16 and I64 as s32. Every tensor's dims, strides and offset are checked
/// against its storage, which is read once however many share it. Throws InputError that names the file and what is
/// wrong, IoError.
TorchFile read_torch_file(const std::filesystem::path& path, const std::string& key = {});

}  // namespace keel
