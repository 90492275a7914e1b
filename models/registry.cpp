#include "models/registry.h"

#include <string>
#include <vector>

#include "kernels/immortal.h"
#include "models/channel_groups.h"
#include "models/families.h"

namespace keel {
namespace {

void require_widths(const ModelEntry& entry, const ModelOptions& options) {
    if (options.widths.empty()) return;
    ModelOptions whole = options;
    whole.widths.clear();
    std::map<std::string, std::int64_t> own;
    if (entry.groups != nullptr)
        for (const ChannelGroup& group : entry.groups(whole)) own.emplace(group.name, group.width);
    for (const auto& [name, width] : options.widths) {
        const auto found = own.find(name);
        if (found == own.end())
            throw UsageError("[models] " + std::string(entry.name) + " has no channels called '" + name.substr(0, 80) +
                             "' that may be fewer");
        if (width < 1 || width > found->second)
            throw UsageError("[models] " + std::string(entry.name) + " has 1 to " + std::to_string(found->second) +
                             " channels " + name + ", not " + std::to_string(width));
    }
}

}  // namespace

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
    require_widths(entry, options);
    return entry.make(options);
}

std::int64_t width_of(const ModelOptions& options, const std::string& group, std::int64_t own) {
    const auto found = options.widths.find(group);
    return found == options.widths.end() ? own : found->second;
}

void check_widths(const std::string& model, const ModelOptions& options) { require_widths(find_model(model), options); }

std::vector<ChannelGroup> channel_groups(const std::string& model, const ModelOptions& options) {
    const ModelEntry& entry = find_model(model);
    require_widths(entry, options);
    return entry.groups == nullptr ? std::vector<ChannelGroup>{} : entry.groups(options);
}

std::unique_ptr<nn::Module> make_model(const std::string& name, const ModelOptions& options, std::uint64_t seed) {
    auto model = make_blank_model(name, options);
    nn::initialize(*model, find_model(name).initialization, seed);
    return model;
}

}  // namespace keel
