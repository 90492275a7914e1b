#include "embed/weights/torch_file.h"

#include <algorithm>

#include <fmt/core.h>

#include "embed/weights/torch_storage.h"
#include "embed/weights/torch_view.h"
#include "kernels/error.h"

namespace keel {
namespace {

using namespace torch;
using Kind = PickleValue::Kind;

constexpr int kDeepestModule = 64;  // modules in modules
/// Tensors may share a storage, and half precision becomes single: a file cannot ask for much more memory than it has.
constexpr std::uint64_t kMostCopies = 64;

struct NamedView {
    std::string name;
    torch::View view;
};

/// What a dict, or a module with its parameters, buffers and modules, holds of tensors.
void collect(const PickleValue& value, const std::string& prefix, std::vector<NamedView>& found, int depth = 0) {
    if (depth > kDeepestModule) throw InputError("modules within modules without an end");
    const auto tensors_of = [&](const PickleValue& dict) {
        for (const auto& [key, each] : dict.entries) {
            if (!key->is_text()) continue;
            try {
                if (auto view = view_of(*each)) found.push_back({prefix + key->text, std::move(*view)});
            } catch (const InputError& error) {
                throw InputError(fmt::format("tensor {}: {}", prefix + key->text, error.what()));
            }
        }
    };
    const PickleValue* members = value.state;
    if (members != nullptr && members->kind == Kind::dict && members->find("_modules") != nullptr) {
        for (const char* kind : {"_parameters", "_buffers"})
            if (const PickleValue* dict = members->find(kind)) tensors_of(*dict);
        for (const auto& [name, module] : members->find("_modules")->entries)
            if (name->is_text()) collect(*module, prefix + name->text + ".", found, depth + 1);
        return;
    }
    tensors_of(value);
}

/// The views of a value, none where it holds no tensors.
std::vector<NamedView> views_in(const PickleValue& value) {
    std::vector<NamedView> found;
    collect(value, "", found);
    return found;
}

/// Under what keys training scripts and frameworks keep a model.
constexpr const char* kKeys[] = {"state_dict", "model_state_dict", "model",          "net",       "network", "module",
                                 "weights",    "state_dict_ema",   "ema_state_dict", "model_ema", "ema"};

std::vector<NamedView> views_of_key(const PickleValue& value, const std::string& key, TorchFile& file) {
    file.taken_from = key;
    std::vector<NamedView> views = views_in(value);
    if (views.empty()) throw InputError("there are no tensors under the key '" + key + "'");
    return views;
}

std::vector<NamedView> find_views(const PickleValue& root, TorchFile& file) {
    std::vector<NamedView> taken = views_in(root);
    if (!taken.empty()) return taken;
    for (const char* name : kKeys) {
        const PickleValue* value = root.find(name);
        if (value == nullptr) continue;
        std::vector<NamedView> views = views_in(*value);
        if (views.empty()) continue;
        if (taken.empty()) {
            taken = std::move(views);
            file.taken_from = name;
        } else {
            file.other.emplace_back(name);
        }
    }
    if (!taken.empty()) return taken;
    std::string there;
    for (const auto& [name, value] : root.entries)
        if (name->is_text() && there.size() < 200) there += (there.empty() ? "" : ", ") + name->text;
    throw InputError(there.empty() ? "there are no tensors in it"
                                   : "no tensors where training scripts keep them; the keys are " + there);
}

std::vector<NamedView> find_views(const PickleValue& root, const std::string& key, TorchFile& file) {
    if (key.empty()) return find_views(root, file);
    const PickleValue* value = root.find(key);
    if (value == nullptr && root.state != nullptr) value = root.state->find(key);
    if (value != nullptr) return views_of_key(*value, key, file);
    std::vector<NamedView> views = find_views(root, file);
    if (std::ranges::none_of(views, [&](const NamedView& each) { return each.name.starts_with(key + "."); }))
        throw InputError(fmt::format("there is no key '{}', and no tensor is named {}.*", key, key));
    file.key_is_of_names = true;
    return views;
}

}  // namespace

bool is_torch_file(const std::filesystem::path& path) { return is_file(path); }

TorchFile read_torch_file(const std::filesystem::path& path, const std::string& key) {
    try {
        TorchFile file;
        const auto storages = open_storages(path);
        std::uint64_t bytes = 0;
        for (const NamedView& each : find_views(storages->object(), key, file)) {
            try {
                file.tensors.push_back({each.name, tensor_of(each.view, *storages)});
                const Tensor& tensor = file.tensors.back().tensor;
                bytes += static_cast<std::uint64_t>(tensor.elements()) * size_of(tensor.dtype());
                if (bytes > kMostCopies * storages->bytes())
                    throw InputError(
                        fmt::format("tensors of more than {} times the bytes of their storages", kMostCopies));
            } catch (const InputError& error) {
                throw InputError(fmt::format("tensor {}: {}", each.name, error.what()));
            }
        }
        return file;
    } catch (const InputError& error) {
        throw InputError(fmt::format("[torch] {}, a file of PyTorch: {}", path.string(), error.what()));
    }
}

}  // namespace keel
