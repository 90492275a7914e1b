#include "embed/model_part.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "embed/foreign_weights.h"
#include "embed/weights/names.h"
#include "engine/checkpoint.h"
#include "engine/ema.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr int kDeepest = 8;             // parts of a name that may stand before a model's own
constexpr std::size_t kMostParts = 64,  // beside one another, among which models are looked for
    kFewestTensors = 20;                // that a model has

constexpr const char* kXrvThresholds = "op_threshs";

std::string first_part(const std::string& name) { return name.substr(0, name.find('.')); }

/// Whether a part of a file is called what holds no model, though there may be layers in it.
bool called_a_loss(const std::string& part) {
    return part.starts_with("criterion") || part.starts_with("loss") || part.ends_with("_loss") ||
           part.find("metric") != std::string::npos;
}

/// Whether a part is called what holds a copy of the model.
bool called_a_copy(const std::string& part) {
    constexpr std::string_view kCopies[] = {"ema", "averag", "teacher", "shadow", "swa", "momentum", "target"};
    return std::ranges::any_of(kCopies, [&](std::string_view each) { return part.find(each) != std::string::npos; });
}

/// The first parts of names below which there are layers.
std::set<std::string> parts_with_layers(const std::vector<NamedTensor>& tensors) {
    std::set<std::string> parts;
    for (const NamedTensor& entry : tensors) {
        const std::string part = first_part(entry.name);
        if (is_layer(entry) && !called_a_loss(part)) parts.insert(part);
    }
    return parts;
}

void say(std::string& how, const std::string& more) {
    if (!more.empty()) how += (how.empty() ? "" : ", ") + more;
}

std::string listed(const std::vector<std::string>& names) {
    constexpr std::size_t kShown = 5;
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i > 0 ? ", " : "") + names[i];
    return names.size() > kShown ? fmt::format("{} and {} more", text, names.size() - kShown) : text;
}

struct Stripped {
    std::string prefix{};  // of all that is a layer, with what came before
    std::vector<NamedTensor> weights{}, aside{};
};

/// Sets aside what is below no part with layers, and takes off the part that is before all layers, as often as that
/// goes.
Stripped stripped(std::vector<NamedTensor> tensors, std::string prefix) {
    Stripped all{std::move(prefix), std::move(tensors), {}};
    for (int depth = 0; depth < kDeepest; ++depth) {
        const std::set<std::string> parts = parts_with_layers(all.weights);
        if (parts.empty()) break;
        // Not std::ranges' algorithm, which Clang 14 does not make of GCC's headers.
        const auto rest = std::stable_partition(all.weights.begin(), all.weights.end(), [&](const NamedTensor& entry) {
            return parts.contains(first_part(entry.name));
        });
        for (auto entry = rest; entry != all.weights.end(); ++entry)
            all.aside.push_back({all.prefix + entry->name, entry->tensor});
        all.weights.erase(rest, all.weights.end());
        const std::string only = *parts.begin() + ".";
        if (parts.size() > 1 || only == "features." || std::ranges::any_of(all.weights, [&](const NamedTensor& entry) {
                return entry.name.size() <= only.size();
            }))
            break;
        for (NamedTensor& entry : all.weights) entry.name.erase(0, only.size());
        all.prefix += only;
    }
    return all;
}

/// The tensors below a prefix as what a model is made of.
ModelPart part_of(const Stripped& all) {
    ModelPart part{all.weights, {}, {}, {}, {}};
    if (!all.prefix.empty()) part.how = "without the prefix " + all.prefix;
    say(part.how, use_torchvision_names(part.weights));
    // Names that begin with "ema." are none of a model to whoever reads checkpoints of Keel.
    if (std::ranges::none_of(part.weights, [](const NamedTensor& entry) { return is_ema_state(entry.name); }))
        part.spec = guess_spec(part.weights);
    for (const NamedTensor& entry : all.aside) part.left_out.push_back(entry.name);
    if (part.spec && part.spec->options.channels == 1 &&
        std::ranges::any_of(all.aside, [](const NamedTensor& each) { return each.name.ends_with(kXrvThresholds); })) {
        say(part.how, "torchxrayvision's pixels and labels by op_threshs");
        part.spec->mean = {0.5F};
        part.spec->std = {1.0F / 2048};
        part.spec->multi_label = true;
    }
    return part;
}

ModelPart find(const Stripped& all, int depth);

/// Models below parts of the names, or one beside them.
struct Candidates {
    std::vector<std::pair<std::string, ModelPart>> models{};  // by their prefixes
    std::vector<NamedTensor> rest{};                          // of no such model
};

Candidates candidates(const Stripped& all, int depth) {
    Candidates found;
    std::vector<std::string> order;
    std::map<std::string, std::vector<NamedTensor>> groups;
    for (const NamedTensor& entry : all.weights) {
        const std::string part = first_part(entry.name);
        auto& group = groups[part];
        if (group.empty()) order.push_back(part);
        group.push_back(entry);
    }
    for (const std::string& name : order) {
        const std::vector<NamedTensor>& group = groups[name];
        std::vector<NamedTensor> below;
        for (const NamedTensor& entry : group)
            if (entry.name.size() > name.size() + 1)
                below.push_back({entry.name.substr(name.size() + 1), entry.tensor});
        ModelPart part;
        if (order.size() <= kMostParts && below.size() == group.size() && below.size() >= kFewestTensors)
            part = find(stripped(std::move(below), all.prefix + name + "."), depth + 1);
        if (part.spec)
            found.models.emplace_back(all.prefix + name + ".", std::move(part));
        else
            found.rest.insert(found.rest.end(), group.begin(), group.end());
    }
    return found;
}

/// Of tensors that are no model together those of a part of them that are one.
ModelPart find_among(const Stripped& all, int depth) {
    Candidates found = candidates(all, depth);
    if (found.models.empty()) return {};
    if (!found.rest.empty()) {
        ModelPart beside = part_of({all.prefix, found.rest, all.aside});
        if (beside.spec) {
            for (const auto& [prefix, part] : found.models) {
                say(beside.how, fmt::format("and not {}, which is as whole", prefix));
                beside.left_out.push_back(prefix + "*");
            }
            return beside;
        }
    }
    auto taken = std::ranges::find_if(found.models, [](const auto& each) { return !called_a_copy(each.first); });
    if (taken == found.models.end()) taken = found.models.begin();
    ModelPart result = std::move(taken->second);
    if (!found.rest.empty()) {  // layers: what is none was set aside
        std::vector<std::string> layers;
        for (const NamedTensor& entry : found.rest) layers.push_back(all.prefix + entry.name);
        return {{},
                {},
                {},
                {},
                fmt::format("its tensors below {} are those of {}, and beside them there are layers that have no place "
                            "in it: {}; --key {} takes it without them",
                            taken->first, result.spec->name, listed(layers),
                            taken->first.substr(0, taken->first.size() - 1))};
    }
    for (const auto& [prefix, part] : found.models)
        if (prefix != taken->first) {
            say(result.how, fmt::format("and not {}, which is as whole", prefix));
            result.left_out.push_back(prefix + "*");
        }
    for (const NamedTensor& entry : all.aside) result.left_out.push_back(entry.name);
    return result;
}

ModelPart find(const Stripped& all, int depth) {
    ModelPart part = part_of(all);
    if (part.spec || depth >= kDeepest) return part;
    ModelPart within = find_among(all, depth);
    if (within.spec || !within.misfit.empty()) return within;
    if (depth > 0) return part;
    std::vector<NamedTensor> whole = part.weights;
    for (const NamedTensor& entry : all.aside)  // "fc.bias" alone holds no layer, and is what is left of one
        if (entry.name.starts_with(all.prefix)) whole.push_back({entry.name.substr(all.prefix.size()), entry.tensor});
    part.misfit = misfit_text(whole);
    return part;
}

}  // namespace

ModelPart find_model_part(std::vector<NamedTensor> tensors, const std::string& key) {
    if (key.empty()) return find(stripped(std::move(tensors), ""), 0);
    const std::string prefix = key + ".";
    std::vector<NamedTensor> below;
    std::vector<std::string> beside;
    for (const NamedTensor& entry : tensors)
        if (entry.name.size() > prefix.size() && entry.name.starts_with(prefix))
            below.push_back({entry.name.substr(prefix.size()), entry.tensor});
        else
            beside.push_back(entry.name);
    if (below.empty()) throw InputError(fmt::format("there is no key '{}', and no tensor is named {}*", key, prefix));
    ModelPart part = find(stripped(std::move(below), prefix), 0);
    part.left_out.insert(part.left_out.end(), beside.begin(), beside.end());
    return part;
}

}  // namespace keel
