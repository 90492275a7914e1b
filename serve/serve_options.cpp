#include "serve/serve_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <sstream>
#include <type_traits>
#include <utility>

#include "engine/text.h"
#include "engine/toml.h"
#include "kernels/error.h"

namespace keel::serve {
namespace fs = std::filesystem;
namespace {

using O = ServeOptions;

using Value = std::variant<bool, std::int64_t, double, std::string>;

std::string text_of(const Value& value) {
    return std::visit([](const auto& v) { return fmt::format("{}", v); }, value);
}

const ServeOption& find_option(std::string_view key, const std::string& origin) {
    const auto& all = serve_options();
    const auto found = std::ranges::find(all, key, &ServeOption::key);
    if (found != all.end()) return *found;
    std::vector<std::string> keys{"model"};
    for (const ServeOption& option : all) keys.emplace_back(option.key);
    throw UsageError(
        fmt::format("[serve] {}: unknown key '{}'{}", origin, excerpt(key), suggestion(std::string(key), keys)));
}

std::string wanted(const ServeOption& option) {
    if (std::holds_alternative<bool O::*>(option.member)) return "true or false";
    if (std::holds_alternative<std::string O::*>(option.member)) return "a text";
    const bool whole = std::holds_alternative<std::int64_t O::*>(option.member);
    return fmt::format("a {} {} to {}", whole ? "whole number" : "number", option.low, option.high);
}

/// Puts a value into a member of its type; a whole number into one of fractions as well.
void set(ServeOptions& options, const ServeOption& option, const Value& value, const std::string& origin) {
    const auto in_range = [&](double v) { return v >= option.low && v <= option.high; };
    const bool done = std::visit(
        [&]<class T>(T O::*member) {
            if (const T* same = std::get_if<T>(&value)) {
                if constexpr (std::is_same_v<T, double> || std::is_same_v<T, std::int64_t>)
                    if (!in_range(static_cast<double>(*same))) return false;
                options.*member = *same;
                return true;
            }
            if constexpr (std::is_same_v<T, double>)
                if (const auto* whole = std::get_if<std::int64_t>(&value))
                    return in_range(static_cast<double>(*whole)) &&
                           (options.*member = static_cast<double>(*whole), true);
            return false;
        },
        option.member);
    if (!done)
        throw UsageError(fmt::format("[serve] {}: {} wants {}, got '{}'", origin, option.key, wanted(option),
                                     excerpt(text_of(value))));
}

template <class T>
std::optional<Value> number_in(const std::string& text) {
    T value{};
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value);
    return error == std::errc() && at == end ? std::optional<Value>(value) : std::nullopt;
}

/// Returns what a text stands for where a member of the option's type is wanted, or the text.
Value parsed(const ServeOption& option, const std::string& text) {
    if (std::holds_alternative<bool O::*>(option.member) && (text == "true" || text == "false")) return text == "true";
    if (std::holds_alternative<std::int64_t O::*>(option.member)) return number_in<std::int64_t>(text).value_or(text);
    if (std::holds_alternative<double O::*>(option.member)) return number_in<double>(text).value_or(text);
    return text;
}

Value value_of(const toml::node& node, const std::string& origin, std::string_view key) {
    if (const auto v = node.value_exact<bool>()) return *v;
    if (const auto v = node.value_exact<std::int64_t>()) return *v;
    if (const auto v = node.value_exact<double>()) return *v;
    if (const auto v = node.value_exact<std::string>()) return *v;
    throw UsageError(fmt::format("[serve] {}: {} is no text, number, true or false", origin, key));
}

std::string in_folder(const std::string& path, const std::string& folder) {
    return fs::path(path).is_absolute() || folder.empty() ? path : (fs::path(folder) / path).string();
}

std::string text_in(const toml::node& node, const std::string& origin, std::string_view key) {
    if (const auto text = node.value_exact<std::string>(); text && !text->empty()) return *text;
    throw UsageError(fmt::format("[serve] {}: {} of a model wants a text", origin, key));
}

ModelSource model_of(const toml::table& table, const ServeOptions& options, const std::string& origin,
                     const std::string& folder) {
    ModelSource model{
        .precision = options.precision, .calibrated = options.calibrated, .rule = options.operating_point};
    bool named = false;
    for (const auto& [key, node] : table) {
        const std::string_view name = key.str();
        if (name == "name")
            named = true, model.name = text_in(node, origin, name);
        else if (name == "version")
            model.version = text_in(node, origin, name);
        else if (name == "precision")
            model.precision = text_in(node, origin, name);
        else if (name == "operating_point")
            model.rule = text_in(node, origin, name);
        else if (name == "calibrated" && node.is_boolean())
            model.calibrated = node.value_or(false);
        else if (name == "file")
            model.files.push_back(in_folder(text_in(node, origin, name), folder));
        else if (const toml::array* files = node.as_array(); name == "files" && files != nullptr)
            for (const toml::node& file : *files) model.files.push_back(in_folder(text_in(file, origin, name), folder));
        else
            throw UsageError(fmt::format(
                "[serve] {}: a model has name, version, file or files, precision, calibrated and operating_point, not "
                "'{}'",
                origin, excerpt(name)));
    }
    if (model.files.empty()) throw UsageError("[serve] " + origin + ": a model has no file");
    if (!named) model.name = fs::path(model.files.front()).stem().string();
    check_model_name(model.name, "[serve] " + origin + ": a model");
    check_model_name(model.version, "[serve] " + origin + ": a version");
    return model;
}

}  // namespace

const std::vector<ServeOption>& serve_options() {
    static const std::vector<ServeOption> table{
        {"listen", &O::listen, "HOST:PORT", 0, 0, "Address of HTTP; port 0: any that is free"},
        {"max_batch", &O::max_batch, "N", 1, 4096, "Images computed at once"},
        {"max_delay_ms", &O::max_delay_ms, "X", 0, 10'000,
         "How long an image waits for company that is on its way, ms"},
        {"max_queue", &O::max_queue, "N", 1, 1'000'000, "Images that wait, and images of a request; more get 429"},
        {"deadline_ms", &O::deadline_ms, "X", 0, 3'600'000,
         "After which a request that says no timeout is given up, ms; 0: never"},
        {"workers", &O::workers, "N", 0, 1024, "Threads that decode; 0: a fourth of the compute threads"},
        {"io_threads", &O::io_threads, "N", 1, 64, "Threads that read and write"},
        {"max_body_mb", &O::max_body_mb, "N", 1, 65'536, "Largest body of a request, MiB"},
        {"max_held_mb", &O::max_held_mb, "N", 1, 1'048'576, "Bodies held at once, MiB; more get 503"},
        {"max_header_kb", &O::max_header_kb, "N", 1, 1024, "Largest line and fields of a request, KiB"},
        {"max_connections", &O::max_connections, "N", 1, 1'000'000, "Connections at once; more get 503"},
        {"max_megapixels", &O::max_megapixels, "X", 0.001, 100, "Largest image of a request, million pixels"},
        {"idle_seconds", &O::idle_seconds, "X", 0.1, 86'400, "A connection without a request ends after so long"},
        {"header_seconds", &O::header_seconds, "X", 0.1, 3600, "Time for the line and fields of a request"},
        {"body_seconds", &O::body_seconds, "X", 0.1, 3600,
         "Time for a body, and for taking an answer; each 64 KiB add a second"},
        {"drain_seconds", &O::drain_seconds, "X", 0, 86'400, "Time for requests under way when the server stops"},
        {"watch", &O::watch, "BOOL", 0, 0, "Load models whose files are replaced, without a signal"},
        {"precision", &O::precision, "f32|bf16|auto", 0, 0, "What models compute in"},
        {"calibrated", &O::calibrated, "BOOL", 0, 0, "Calibrated probabilities (keel threshold --calibrate)"},
        {"operating_point", &O::operating_point, "RULE", 0, 0,
         "What yes and no follow: youden, f1 or sensitivity; empty: what keel threshold chose"},
        {"token_file", &O::token_file, "FILE", 0, 0, "Requests bring its first line as bearer token; empty: none"},
        {"certificate", &O::certificate, "FILE", 0, 0, "TLS certificate and those above it, PEM; empty: no TLS"},
        {"key", &O::key, "FILE", 0, 0, "Key of the certificate, PEM"},
        {"access_log", &O::access_log, "FILE", 0, 0, "A line of JSON for each answer; -: stderr; empty: none"},
        {"dicom", &O::dicom, "AET:PORT", 0, 0,
         "Be a DICOM node of this title: take CR, DX and secondary captures and answer them; AET@ADDRESS:PORT: not on "
         "this machine alone"},
        {"dicom_peer", &O::dicom_peer, "AET@HOST:PORT", 0, 0, "Who gets the node's answers"},
        {"dicom_queue", &O::dicom_queue, "DIR", 0, 0, "Folder of what the node holds: images, answers, what failed"},
        {"dicom_model", &O::dicom_model, "NAME", 0, 0, "Model that answers the node's images; empty: the only one"},
        {"dicom_callers", &O::dicom_callers, "AET,...", 0, 0, "Titles that may send to the node; empty: any"},
        {"dicom_codes", &O::dicom_codes, "FILE.csv", 0, 0,
         "Codes of labels in reports: label, value, scheme, meaning; empty: SNOMED CT's of chest X-rays"},
        {"dicom_capture", &O::dicom_capture, "BOOL", 0, 0, "Answer with the heatmap as secondary capture, too"},
        {"dicom_marks", &O::dicom_marks, "BOOL", 0, 0, "Answer with a presentation state, too: the place, outlined"},
        {"dicom_waiting", &O::dicom_waiting, "N", 1, 10'000'000, "Images in the node's queue; more are refused"},
    };
    return table;
}

std::string flag_of(const ServeOption& option) {
    std::string flag = "--" + std::string(option.key);
    std::ranges::replace(flag, '_', '-');
    return flag;
}

std::string help_of(const ServeOption& option) {
    const O defaults;
    std::string text(option.help);
    if (option.high > 0) text += fmt::format(" [{} to {}]", option.low, option.high);
    const std::string usual =
        std::visit([&](auto member) { return fmt::format("{}", defaults.*member); }, option.member);
    return usual.empty() ? text : text + fmt::format(" [default {}]", usual);
}

void apply_serve_text(ServeOptions& options, const std::string& key, const std::string& text,
                      const std::string& origin) {
    const ServeOption& option = find_option(key, origin);
    set(options, option, parsed(option, text), origin);
}

void apply_serve_toml(ServeOptions& options, std::string_view text, const std::string& origin,
                      const std::string& folder) {
    toml::table root;
    try {
        root = parse_toml(text, origin);
    } catch (const toml::parse_error& error) {
        std::ostringstream where;
        where << error.source().begin;
        throw InputError(fmt::format("[serve] {} is no TOML: {} ({})", origin, error.description(), where.str()));
    }
    for (const auto& [key, node] : root) {
        if (key.str() == "model") continue;
        const ServeOption& option = find_option(key.str(), origin);
        set(options, option, value_of(node, origin, key.str()), origin);
    }
    for (std::string O::*path :
         {&O::token_file, &O::certificate, &O::key, &O::access_log, &O::dicom_queue, &O::dicom_codes})
        if (!(options.*path).empty() && options.*path != "-") options.*path = in_folder(options.*path, folder);
    const toml::node* const models = root.get("model");
    if (models == nullptr) return;
    const toml::array* const all = models->as_array();
    if (all == nullptr) throw UsageError("[serve] " + origin + ": models are tables [[model]]");
    for (const toml::node& node : *all) {
        const toml::table* const table = node.as_table();
        if (table == nullptr) throw UsageError("[serve] " + origin + ": models are tables [[model]]");
        options.models.push_back(model_of(*table, options, origin, folder));
    }
}

void check_serve_options(const ServeOptions& options) {
    if (options.certificate.empty() != options.key.empty())
        throw UsageError("[serve] TLS wants --certificate and --key, got one of them");
    if (options.max_batch > options.max_queue)
        throw UsageError(
            fmt::format("[serve] a batch of {} images never fills: {} may wait", options.max_batch, options.max_queue));
    precision_of(options.precision);
    for (const ModelSource& model : options.models) precision_of(model.precision);
    const bool node = !options.dicom.empty();
    if (node && (options.dicom_peer.empty() || options.dicom_queue.empty()))
        throw UsageError("[serve] --dicom wants --dicom-peer, who gets the answers, and --dicom-queue, a folder");
    if (!node &&
        !(options.dicom_peer + options.dicom_queue + options.dicom_model + options.dicom_callers + options.dicom_codes)
             .empty())
        throw UsageError("[serve] --dicom-peer, --dicom-queue and the like want --dicom AET:PORT");
}

}  // namespace keel::serve
