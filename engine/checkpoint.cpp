#include "engine/checkpoint.h"

#include <algorithm>
#include <cmath>

#include "engine/ema.h"
#include "engine/optimizer.h"
#include "engine/patience.h"
#include "kernels/reduce/reduce.h"

namespace keel {
namespace {

constexpr const char* kFormatKey = "keel.format";
constexpr int kFormat = 1;

/// Names for a message: ten, then how many more there are.
std::string listed(const char* what, const std::vector<std::string>& names) {
    constexpr std::size_t kShown = 10;
    std::string text = std::string("; ") + what + " ";
    for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i > 0 ? ", " : "") + names[i];
    if (names.size() > kShown) text += " and " + std::to_string(names.size() - kShown) + " more";
    return names.empty() ? "" : text;
}

/// Throws InputError where a model would have to compute with NaN, infinity or the root of a negative variance.
void require_finite(const std::string& name, const Tensor& tensor, const std::string& source) {
    if (tensor.dtype() != DType::f32) return;
    const Tensor plain = tensor.contiguous();
    const auto values = plain.values<float>();
    const bool variance = name.ends_with("running_var");
    if (!variance && kernels::all_finite(plain.elements(), plain.data<float>())) return;
    for (const float value : values)
        if (!std::isfinite(value) || (variance && value < 0))
            throw InputError("[checkpoint] " + source + ": " + name + " holds " +
                             (std::isfinite(value) ? "a variance below 0" : "NaN or infinity") +
                             ": the weights are damaged, or of a run that had diverged");
}

bool convertible(const Tensor& from, const Tensor& to) {
    const auto floating = [](DType type) { return type == DType::f32 || type == DType::f64; };
    return from.dims() == to.dims() && (from.dtype() == to.dtype() || (floating(from.dtype()) && floating(to.dtype())));
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const CheckpointState& state) {
    patiently([&] {
        AtomicFile output(path);
        save_checkpoint(output, state);
        output.commit();
    });
}

void save_checkpoint(AtomicFile& output, const CheckpointState& state) {
    CheckpointState file = state;
    file.metadata[kFormatKey] = std::to_string(kFormat);
    write_safetensors(output, file);
}

CheckpointState load_checkpoint(const std::filesystem::path& path,
                                const std::function<bool(const std::string&)>& wanted) {
    return checked_checkpoint(read_safetensors(path, wanted), path);
}

bool is_checkpoint(const TensorFile& file) { return file.metadata.contains(kFormatKey); }

bool is_layer(const NamedTensor& entry) {
    const std::string last = entry.name.substr(entry.name.rfind('.') + 1);
    return (last == "weight" && entry.tensor.rank() >= 2) || last == "running_mean" || last == "running_var";
}

bool belongs_to_model(const std::string& name) {
    return !is_optimizer_state(name) && !is_ema_state(name) && !name.starts_with("loss.") &&
           !name.ends_with("num_batches_tracked");
}

CheckpointState checked_checkpoint(TensorFile state, const std::filesystem::path& path) {
    if (!is_checkpoint(state) || !state.metadata.contains(kDataHashKey))
        throw InputError("[checkpoint] " + path.string() + " is a safetensors file, but no checkpoint of Keel");
    if (state.metadata.at(kFormatKey) != std::to_string(kFormat))
        throw InputError("[checkpoint] " + path.string() + " has format " +
                         state.metadata.at(kFormatKey).substr(0, 40) + ", this program reads " +
                         std::to_string(kFormat));
    return state;
}

std::vector<std::string> load_into(const std::vector<NamedTensor>& state, const std::vector<NamedTensor>& tensors,
                                   const std::string& source, const LoadOptions& options) {
    const auto skippable = [&](const std::string& name) {
        return std::ranges::any_of(options.skippable,
                                   [&](const std::string& prefix) { return name.starts_with(prefix); });
    };
    std::map<std::string, Tensor> given;
    for (const auto& [name, tensor] : tensors)
        if (belongs_to_model(name)) given.emplace(name, tensor);

    std::vector<std::string> skipped, missing, misfits, left_over;
    std::vector<std::pair<Tensor, Tensor>> copies;  // from, to
    for (const auto& [name, wanted] : state) {
        const auto node = given.extract(name);
        if (!node.empty() && convertible(node.mapped(), wanted)) {
            copies.emplace_back(node.mapped().to(wanted.dtype()), wanted);
            require_finite(name, copies.back().first, source);  // as the model has it: f64 may be beyond f32
        } else if (skippable(name))
            skipped.push_back(name);
        else if (node.empty())
            missing.push_back(name);
        else
            misfits.push_back(name + " " + std::string(keel::name(node.mapped().dtype())) +
                              node.mapped().dims().text() + " (wanted " + std::string(keel::name(wanted.dtype())) +
                              wanted.dims().text() + ")");
    }
    const auto part_of_model = [&](const std::string& name) {
        const std::string part = name.substr(0, name.find('.')) + ".";
        return std::ranges::any_of(state, [&](const NamedTensor& entry) { return entry.name.starts_with(part); });
    };
    for (const auto& [name, tensor] : given)
        (skippable(name) || (options.skip_foreign && !part_of_model(name) && !is_layer({name, tensor})) ? skipped
                                                                                                        : left_over)
            .push_back(name);

    if (!missing.empty() || !misfits.empty() || !left_over.empty())
        throw InputError("[checkpoint] " + source + " does not fit the model" + listed("missing:", missing) +
                         listed("of other type or dims:", misfits) + listed("left over:", left_over));
    for (const auto& [from, to] : copies)
        if (options.share)
            to.share(from);
        else
            to.assign(from);
    return skipped;
}

}  // namespace keel
