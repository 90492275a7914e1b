#include "serve/model_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "engine/paths.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel::serve {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kLongestName = 100;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// A run of digits or of others from `at` on.
std::string_view run_at(std::string_view text, std::size_t at) {
    std::size_t end = at;
    while (end < text.size() && is_digit(text[end]) == is_digit(text[at])) ++end;
    return text.substr(at, end - at);
}

std::string_view without_zeros(std::string_view digits) {
    return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
}

/// What a file may be whose name ends so.
bool may_be_model(const FolderEntry& entry) {
    const std::string extension = lower_case(fs::path(entry.name).extension().string());
    return entry.kind == PathKind::file && !entry.name.starts_with('.') &&
           (extension == ".safetensors" || extension == ".onnx" || extension == ".pt" || extension == ".pth");
}

std::vector<ModelSource> versions_in(const ModelSource& named) {
    const std::string& folder = named.files.front();
    std::vector<ModelSource> versions;
    for (const FolderEntry& entry : list_folder(folder)) {
        if (!may_be_model(entry)) continue;
        ModelSource version = named;
        version.version = fs::path(entry.name).stem().string();
        version.files = {(fs::path(folder) / entry.name).string()};
        check_model_name(version.version, "[serve] " + version.files.front() + ": a version");
        versions.push_back(std::move(version));
    }
    if (versions.empty())
        throw InputError("[serve] " + folder + " holds no model: wanted .safetensors, .onnx, .pt or .pth");
    return versions;
}

std::string described(const ModelSource& source) {
    return fmt::format("{} version {} ({})", source.name, source.version, fmt::join(source.files, ", "));
}

}  // namespace

void check_model_name(const std::string& name, const std::string& what) {
    const auto fits = [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
    };
    if (name.empty() || name.size() > kLongestName || name.front() == '.' || !std::ranges::all_of(name, fits))
        throw UsageError(
            fmt::format("{} is called by 1 to {} letters, digits, '.', '_' and '-', not beginning with '.'; got '{}'",
                        what, kLongestName, excerpt(name)));
}

ModelSource parse_model(const std::string& word) {
    ModelSource source;
    std::string files = word;
    const std::size_t equals = word.find('=');
    if (equals != std::string::npos && word.find('/') > equals) {
        source.name = word.substr(0, equals);
        files = word.substr(equals + 1);
        if (const std::size_t colon = source.name.find(':'); colon != std::string::npos) {
            source.version = source.name.substr(colon + 1);
            source.name.resize(colon);
            check_model_name(source.version, "[serve] '" + excerpt(word) + "': a version");
        }
        check_model_name(source.name, "[serve] '" + excerpt(word) + "': a model");
    }
    for (std::size_t at = 0; at <= files.size();) {
        const std::size_t comma = std::min(files.find(',', at), files.size());
        source.files.push_back(files.substr(at, comma - at));
        if (source.files.back().empty())
            throw UsageError("[serve] '" + excerpt(word) + "' names no file: wanted [NAME[:VERSION]=]FILE[,FILE...]");
        at = comma + 1;
    }
    if (source.name.empty()) {
        fs::path first = source.files.front();
        if (!first.has_filename()) first = first.parent_path();  // a folder with a slash at its end
        source.name = first.stem().string();
        check_model_name(source.name, "[serve] '" + excerpt(word) + "': a model");
    }
    return source;
}

std::vector<ModelSource> sources_of(const std::vector<ModelSource>& named) {
    std::vector<ModelSource> sources;
    std::set<std::pair<std::string, std::string>> taken;
    for (const ModelSource& one : named) {
        const bool folder = one.files.size() == 1 && is_folder(one.files.front());
        for (ModelSource& source : folder ? versions_in(one) : std::vector{one}) {
            if (!taken.emplace(source.name, source.version).second)
                throw UsageError("[serve] two models are " + source.name + " version " + source.version +
                                 ": wanted NAME=FILE or NAME:VERSION=FILE for one of them");
            sources.push_back(std::move(source));
        }
    }
    return sources;
}

bool version_before(const std::string& a, const std::string& b) {
    std::size_t i = 0, k = 0;
    while (i < a.size() && k < b.size()) {
        const std::string_view of_a = run_at(a, i), of_b = run_at(b, k);
        if (is_digit(of_a.front()) && is_digit(of_b.front())) {
            const std::string_view left = without_zeros(of_a), right = without_zeros(of_b);
            if (left.size() != right.size()) return left.size() < right.size();
            if (left != right) return left < right;
        } else if (of_a != of_b) {
            return of_a < of_b;
        }
        i += of_a.size();
        k += of_b.size();
    }
    if (i < a.size() || k < b.size()) return k < b.size();
    return a < b;  // 01 and 1 are two versions
}

ModelTable::ModelTable(const std::vector<ModelSource>& named, std::int64_t batch) : batch_(batch) {
    auto table = std::make_shared<Table>();
    for (const ModelSource& source : sources_of(named))
        table->try_emplace(source.name, version_before)
            .first->second.emplace(source.version, std::make_shared<const ServedModel>(source, batch_));
    table_ = std::move(table);
}

std::shared_ptr<const ModelTable::Table> ModelTable::table() const {
    const std::lock_guard lock(mutex_);
    return table_;
}

ModelTable::Model ModelTable::find(const std::string& name, const std::string& version) const {
    const auto table = this->table();
    const auto versions = table->find(name);
    if (versions == table->end()) return nullptr;
    if (version.empty()) return versions->second.rbegin()->second;
    const auto found = versions->second.find(version);
    return found == versions->second.end() ? nullptr : found->second;
}

std::vector<ModelTable::Model> ModelTable::all() const {
    const auto table = this->table();
    std::vector<Model> models;
    for (const auto& [name, versions] : *table)
        for (const auto& [version, model] : versions) models.push_back(model);
    return models;
}

ModelTable::Reload ModelTable::reload(const std::vector<ModelSource>& named) {
    Reload result;
    auto next = std::make_shared<Table>();
    for (const ModelSource& source : sources_of(named)) {
        Model model = find(source.name, source.version);
        const bool kept = model && model->source() == source && stamps_of(source.files) == model->stamps();
        try {
            if (!kept) {
                model = std::make_shared<const ServedModel>(source, batch_);
                result.done.push_back("loaded " + described(source));
            }
        } catch (const Error& error) {
            result.failed.push_back(fmt::format("{}: {}: {}", described(source),
                                                model ? "the one before stays" : "left out", error.what()));
        }
        if (model) next->try_emplace(source.name, version_before).first->second.emplace(source.version, model);
    }
    if (next->empty())
        throw InputError("[serve] no model is left: " + fmt::format("{}", fmt::join(result.failed, "; ")));
    for (const Model& model : all()) {
        const auto versions = next->find(model->source().name);
        if (versions == next->end() || !versions->second.contains(model->source().version))
            result.done.push_back("dropped " + described(model->source()));
    }
    const std::lock_guard lock(mutex_);
    table_ = std::move(next);
    return result;
}

bool ModelTable::changed(const std::vector<ModelSource>& named) const {
    const std::vector<ModelSource> sources = sources_of(named);
    if (sources.size() != all().size()) return true;
    return std::ranges::any_of(sources, [&](const ModelSource& source) {
        const Model model = find(source.name, source.version);
        return !model || model->source() != source || stamps_of(source.files) != model->stamps();
    });
}

}  // namespace keel::serve
