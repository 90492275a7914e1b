#include "models/registry.h"

#include <string>
#include <vector>

#include "kernels/immortal.h"
#include "models/families.h"

namespace keel {

std::span<const ModelEntry> model_registry() {
    static constinit Immortal<const std::vector<ModelEntry>> all;
    return all.get([] {
        std::vector<ModelEntry> entries;
        for (const auto family : kModelFamilies) entries.insert(entries.end(), family().begin(), family().end());
        return entries;
    });
}

const ModelEntry& find_model(const std::string& name) {
    std::string known;
    for (const ModelEntry& entry : model_registry()) {
        if (name == entry.name) return entry;
        known += (known.empty() ? "" : ", ") + std::string(entry.name);
    }
    throw UsageError("[models] there is no model '" + name + "', wanted one of " + known);
}

std::unique_ptr<nn::Module> make_blank_model(const std::string& name, const ModelOptions& options) {
    const ModelEntry& entry = find_model(name);
    if (options.classes < 1 || options.classes > 1'000'000 || options.channels < 1 || options.channels > 1024)
        throw UsageError("[models] wanted 1..1000000 classes and 1..1024 channels, got " +
                         std::to_string(options.classes) + " and " + std::to_string(options.channels));
    if (options.dropout >= 1)
        throw UsageError("[models] wanted dropout below 1, got " + std::to_string(options.dropout));
    return entry.make(options);
}

std::unique_ptr<nn::Module> make_model(const std::string& name, const ModelOptions& options, std::uint64_t seed) {
    auto model = make_blank_model(name, options);
    nn::initialize(*model, find_model(name).initialization, seed);
    return model;
}

}  // namespace keel
