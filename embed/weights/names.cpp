#include "embed/weights/names.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "kernels/immortal.h"

namespace keel {
namespace {

/// A name in the parts between its dots.
using Parts = std::vector<std::string>;

Parts parts_of(std::string_view name) {
    Parts parts(1);
    for (const char c : name)
        if (c == '.')
            parts.emplace_back();
        else
            parts.back() += c;
    return parts;
}

std::string joined(const Parts& parts) {
    std::string name;
    for (const std::string& part : parts) name += (name.empty() ? "" : ".") + part;
    return name;
}

/// A pattern is a name in which "#" stands for a number and "*" at the end for any rest; in the replacement "#1" to
/// "#3" are the numbers, "#1+" to "#3+" one more, and "*" is the rest.
struct Rule {
    const char *pattern, *replacement;
    bool flatten = false;  ///< a convolution over its whole map becomes a linear layer: the order is the same
};
struct Family {
    const char* name;
    const char* sign;  ///< a part of a name that only this family has
    std::vector<Rule> rules;
};

/// The table.
const std::vector<Family>& families() {
    static constinit Immortal<const std::vector<Family>> all;
    return all.get([] {
        return std::vector<Family>{
            {"torchvision's DenseNet before 0.3",
             "norm.1",
             {{"features.denseblock#.denselayer#.norm.#.*", "features.denseblock#1.denselayer#2.norm#3.*"},
              {"features.denseblock#.denselayer#.conv.#.*", "features.denseblock#1.denselayer#2.conv#3.*"},
              {"classifier.0.*", "classifier.*"}}},
            {"MONAI's DenseNet",
             "class_layers.out",
             {{"features.denseblock#.denselayer#.layers.*", "features.denseblock#1.denselayer#2.*"},
              {"class_layers.out.*", "classifier.*"}}},
            {"a CheXNet reproduction", "denseblock1.denselayer1", {{"classifier.0.*", "classifier.*"}}},
            {"HuggingFace's ResNet",
             "embedder.embedder",
             {{"resnet.*", "*"},
              {"embedder.embedder.convolution.*", "conv1.*"},
              {"embedder.embedder.normalization.*", "bn1.*"},
              {"encoder.stages.#.layers.#.shortcut.convolution.*", "layer#1+.#2.downsample.0.*"},
              {"encoder.stages.#.layers.#.shortcut.normalization.*", "layer#1+.#2.downsample.1.*"},
              {"encoder.stages.#.layers.#.layer.#.convolution.*", "layer#1+.#2.conv#3+.*"},
              {"encoder.stages.#.layers.#.layer.#.normalization.*", "layer#1+.#2.bn#3+.*"},
              {"classifier.1.*", "fc.*"}}},
            {"timm's VGG",
             "pre_logits.fc1",
             {{"pre_logits.fc1.*", "classifier.0.*", true},
              {"pre_logits.fc2.*", "classifier.3.*", true},
              {"head.fc.*", "classifier.6.*"}}},
        };
    });
}

/// What a part that may hold "#" matches: the number, or -1 for a part without; none where it does not match.
std::optional<int> matched(std::string_view pattern, std::string_view part) {
    const std::size_t mark = pattern.find('#');
    if (mark == std::string_view::npos) return pattern == part ? std::optional(-1) : std::nullopt;
    if (!part.starts_with(pattern.substr(0, mark))) return std::nullopt;
    int number = 0;
    const auto [end, error] = std::from_chars(part.data() + mark, part.data() + part.size(), number);
    if (error != std::errc() || end != part.data() + part.size()) return std::nullopt;
    return number;
}

std::string filled(std::string_view replacement, const std::vector<int>& numbers, const std::string& rest) {
    std::string name;
    for (std::size_t i = 0; i < replacement.size(); ++i) {
        if (replacement[i] == '*') {
            name += rest;
        } else if (replacement[i] == '#') {
            int number = numbers[static_cast<std::size_t>(replacement[++i] - '1')];
            if (i + 1 < replacement.size() && replacement[i + 1] == '+') {
                ++number;
                ++i;
            }
            name += std::to_string(number);
        } else {
            name += replacement[i];
        }
    }
    return name;
}

std::optional<std::string> applied(const Rule& rule, const Parts& name) {
    const Parts pattern = parts_of(rule.pattern);
    if (name.size() < pattern.size()) return std::nullopt;
    std::vector<int> numbers;
    for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
        const auto number = matched(pattern[i], name[i]);
        if (!number) return std::nullopt;
        if (*number >= 0) numbers.push_back(*number);
    }
    const auto rest = name.begin() + static_cast<std::ptrdiff_t>(pattern.size()) - 1;
    return filled(rule.replacement, numbers, joined({rest, name.end()}));
}

/// Takes off the part that all names begin with, "features" excepted, which is a model's own.
std::string drop_prefix(std::vector<NamedTensor>& weights) {
    std::string dropped;
    while (!weights.empty()) {
        const std::string prefix = weights.front().name.substr(0, weights.front().name.find('.') + 1);
        const bool common =
            !prefix.empty() && prefix != "features." && std::ranges::all_of(weights, [&](const NamedTensor& entry) {
                return entry.name.starts_with(prefix) && entry.name.size() > prefix.size();
            });
        if (!common) break;
        for (NamedTensor& entry : weights) entry.name.erase(0, prefix.size());
        dropped += prefix;
    }
    return dropped;
}

}  // namespace

std::string use_torchvision_names(std::vector<NamedTensor>& weights) {
    const std::string prefix = drop_prefix(weights);
    std::string done = prefix.empty() ? "" : "without the prefix " + prefix;
    for (const Family& family : families()) {
        if (std::ranges::none_of(
                weights, [&](const NamedTensor& entry) { return entry.name.find(family.sign) != std::string::npos; }))
            continue;
        bool changed = false;
        for (NamedTensor& entry : weights) {
            for (const Rule& rule : family.rules)
                if (auto renamed = applied(rule, parts_of(entry.name))) {
                    changed = true;
                    entry.name = std::move(*renamed);
                    if (rule.flatten && entry.tensor.rank() == 4) {
                        const std::int64_t filters = entry.tensor.dim(0);
                        entry.tensor = entry.tensor.contiguous().reshape({filters, entry.tensor.elements() / filters});
                    }
                }
        }
        if (changed) done += (done.empty() ? "" : ", ") + std::string("by the names of ") + family.name;
    }
    return done;
}

}  // namespace keel
