#include "embed/foreign_weights.h"

#include <algorithm>
#include <limits>
#include <map>

#include <fmt/core.h>

#include "engine/checkpoint.h"
#include "models/channel_groups.h"

namespace keel {
namespace {

constexpr std::int64_t kSmallImages = 32, kImages = 224;  // pixels a side

using Shapes = std::map<std::string, Dims>;

Shapes shapes_of(const std::vector<NamedTensor>& tensors) {
    Shapes shapes;
    for (const auto& [name, tensor] : tensors)
        if (belongs_to_model(name)) shapes.emplace(name, tensor.dims());
    return shapes;
}

/// The channels of the images that the first convolution of `state` reads, by the weights; 0 where there are none.
std::int64_t channels_of(const std::vector<NamedTensor>& state, const Shapes& weights) {
    const auto stem = std::ranges::find_if(state, [](const NamedTensor& entry) { return entry.tensor.rank() == 4; });
    if (stem == state.end()) return 0;
    const auto found = weights.find(stem->name);
    return found != weights.end() && found->second.rank() == 4 ? found->second[1] : 0;
}

/// Whether the weights hold all tensors of a model, and no others.
bool fit(const Shapes& weights, const Shapes& model) {
    return weights.size() == model.size() && std::ranges::all_of(model, [&](const auto& each) {
               const auto found = weights.find(each.first);
               return found != weights.end() && found->second == each.second;
           });
}

/// The options of a model of `entry` that the weights fit; none where they do not. `pruned`: of fewer channels than the
/// architecture says.
std::optional<ModelOptions> options_that_fit(const ModelEntry& entry, bool small_stem, bool pruned,
                                             const Shapes& weights) {
    const auto classifier = weights.find(std::string(entry.classifier) + "weight");
    if (classifier == weights.end() || classifier->second.rank() != 2) return std::nullopt;
    ModelOptions options{.classes = classifier->second[0], .small_stem = small_stem};
    options.channels = channels_of(make_blank_model(entry.name, options)->state(), weights);
    if (options.channels < 1 || options.classes < 1) return std::nullopt;
    if (pruned) {
        const auto widths = widths_of(channel_groups(entry.name, options), weights);
        if (!widths || widths->empty()) return std::nullopt;
        options.widths = *widths;
    }
    const Shapes model = shapes_of(make_blank_model(entry.name, options)->state());
    return fit(weights, model) ? std::optional(options) : std::nullopt;
}

/// The name of others that begins and ends as much like this one as any, and shares a whole part at its end; empty
/// where none does.
std::string most_like(const std::string& name, const Shapes& others) {
    std::string best;
    std::size_t most = 0;
    for (const auto& [other, dims] : others) {
        const auto differ = std::mismatch(name.rbegin(), name.rend(), other.rbegin(), other.rend());
        const auto end = static_cast<std::size_t>(differ.first - name.rbegin());
        const auto begin = static_cast<std::size_t>(
            std::mismatch(name.begin(), name.end(), other.begin(), other.end()).first - name.begin());
        if (begin + end <= most || name.find('.', name.size() - end) == std::string::npos) continue;
        most = begin + end;
        best = other;
    }
    return best;
}

}  // namespace

std::optional<ModelSpec> guess_spec(const std::vector<NamedTensor>& weights) {
    const Shapes shapes = shapes_of(weights);
    for (const bool pruned : {false, true})
        for (const ModelEntry& entry : model_registry())
            for (const bool small_stem : {false, true}) {
                const auto options = options_that_fit(entry, small_stem, pruned, shapes);
                if (!options) continue;
                ModelSpec spec;
                spec.name = entry.name;
                spec.options = *options;
                spec.image_size = small_stem ? kSmallImages : kImages;
                default_normalization(spec);
                for (std::int64_t i = 0; i < options->classes; ++i) spec.label_names.push_back(std::to_string(i));
                spec.guessed = true;
                return spec;
            }
    return std::nullopt;
}

std::string guessed_text(const ModelSpec& spec) {
    ModelSpec usual{.options = spec.options};
    default_normalization(usual);
    const char* whose = spec.mean != usual.mean      ? "torchxrayvision's"
                        : spec.options.channels == 3 ? "ImageNet's"
                                                     : "Keel's";
    return fmt::format(
        "the weights{} do not say what they are of; guessed are {} by the names of the tensors, images of {} pixels in "
        "{} channel{} with {} normalization, {} classes that are called by their numbers and {}",
        spec.read_as.empty() ? "" : " (" + spec.read_as + ")", spec.name, spec.image_size, spec.options.channels,
        spec.options.channels == 1 ? "" : "s", whose, spec.options.classes,
        spec.multi_label ? "do not exclude one another" : "exclude one another");
}

void adopt_labels(ModelSpec& spec, const std::vector<std::string>& label_names, bool multi_label) {
    if (!spec.guessed || spec.label_names.size() != label_names.size()) return;
    spec.label_names = label_names;
    spec.multi_label = multi_label;
}

std::string misfit_text(const std::vector<NamedTensor>& weights) {
    const Shapes there = shapes_of(weights);
    const ModelEntry* nearest = nullptr;
    Shapes wanted;
    std::size_t shared = 0, least = std::numeric_limits<std::size_t>::max();  // names, and those of one side alone
    for (const ModelEntry& entry : model_registry()) {
        Shapes model = shapes_of(make_blank_model(entry.name, {})->state());
        const auto both = static_cast<std::size_t>(
            std::ranges::count_if(model, [&](const auto& each) { return there.contains(each.first); }));
        const std::size_t differ = model.size() + there.size() - 2 * both;
        if (differ >= least) continue;
        least = differ;
        shared = both;
        nearest = &entry;
        wanted = std::move(model);
    }
    if (nearest == nullptr || 2 * shared < wanted.size()) return "its tensors are of no model that Keel has";
    const auto listed = [](const Shapes& these, const Shapes& others, const char* verb) {
        std::string text;
        std::size_t count = 0;
        for (const auto& [name, dims] : these) {
            if (others.contains(name)) continue;
            if (++count > 3) continue;
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, dims.text());
            if (const std::string like = most_like(name, others); !like.empty())
                text += fmt::format(" ({} {})", verb, like);
        }
        return count > 3 ? fmt::format("{} and {} more", text, count - 3) : text;
    };
    std::string text = fmt::format("its tensors are nearest to those of {}", nearest->name);
    if (const std::string missing = listed(wanted, there, "there is"); !missing.empty())
        text += ", but without " + missing;
    if (const std::string extra = listed(there, wanted, "wanted is"); !extra.empty()) text += "; beside them " + extra;
    for (const auto& [name, dims] : wanted)
        if (const auto found = there.find(name);
            found != there.end() && found->second != dims && !name.starts_with(nearest->classifier))
            return text + fmt::format("; {} is {}, wanted {}", name, found->second.text(), dims.text());
    return text;
}

}  // namespace keel
