#include "engine/conv_tuning.h"

#include <fmt/format.h>
#include <memory>
#include <string>
#include <utility>

#include "engine/files.h"
#include "engine/json.h"
#include "engine/paths.h"
#include "engine/strict_json.h"
#include "kernels/cpu.h"
#include "kernels/error.h"
#include "kernels/onednn/library.h"
#include "kernels/parallel.h"

namespace keel {
namespace {

using kernels::Conv2dGeometry;
using kernels::ConvChoice;

constexpr std::uint64_t kLargestFile = 16 << 20;

/// What the measurements hold for.
Json conditions() {
    return {{"isa", active_isa().name}, {"threads", thread_count()}, {"onednn", kernels::convolution_library()}};
}

Json to_json(const ConvChoice& c) {
    const Conv2dGeometry& g = c.geometry;
    return {{"src", {g.n, g.ih, g.iw, g.ic}},
            {"weights", {g.oc, g.kh, g.kw}},
            {"stride", {g.stride_h, g.stride_w}},
            {"pad", {g.pad_h, g.pad_w}},
            {"dilation", {g.dilation_h, g.dilation_w}},
            {"kernels", c.own ? "own" : "onednn"},
            {"own_ms", c.own_ms},
            {"onednn_ms", c.onednn_ms},
            {"maps", name(c.type)}};
}

ConvChoice from_json(const Json& json) {
    const auto at = [&](const char* key, std::size_t i) { return whole_number<std::int64_t>(json.at(key).at(i)); };
    const auto small = [&](const char* key, std::size_t i) { return whole_number<int>(json.at(key).at(i)); };
    Conv2dGeometry g{at("src", 0),     at("src", 3),        at("src", 1),       at("src", 2),
                     at("weights", 0), small("weights", 1), small("weights", 2)};
    g.stride_h = small("stride", 0);
    g.stride_w = small("stride", 1);
    g.pad_h = small("pad", 0);
    g.pad_w = small("pad", 1);
    g.dilation_h = small("dilation", 0);
    g.dilation_w = small("dilation", 1);
    kernels::check_geometry(g);
    const auto kernels = json.at("kernels").get<std::string>();
    if (kernels != "own" && kernels != "onednn")
        throw InputError("kernels are \"own\" or \"onednn\", not \"" + kernels + "\"");
    const std::string maps = json.value("maps", "f32");  // older files have no others
    if (maps != "f32" && maps != "bf16") throw InputError("maps are \"f32\" or \"bf16\", not \"" + maps + "\"");
    return {g, kernels == "own", json.at("own_ms").get<double>(), json.at("onednn_ms").get<double>(),
            maps == "bf16" ? DType::bf16 : DType::f32};
}

}  // namespace

std::vector<ConvChoice> load_conv_choices(const std::filesystem::path& path) {
    const auto refuse = [&](const std::string& why) { return InputError("[tuning] " + path.string() + ": " + why); };
    const std::string text = read_file(path, kLargestFile);
    std::vector<ConvChoice> choices;
    try {
        const Json json = parse_json(text);
        const Json measured = json.at("conditions"), here = conditions();
        if (measured != here)
            throw InputError("measured under " + json_text(measured) + ", this process has " + json_text(here));
        for (const Json& choice : json.at("choices")) choices.push_back(from_json(choice));
    } catch (const Json::exception& error) {
        throw refuse(std::string("wanted the choices of convolution kernels, got ") + error.what());
    } catch (const Error& error) {
        throw refuse(error.what());
    }
    return choices;
}

void save_conv_choices(const std::filesystem::path& path, const std::vector<ConvChoice>& choices) {
    Json json{{"conditions", conditions()}, {"choices", Json::array()}};
    for (const ConvChoice& choice : choices) json["choices"].push_back(to_json(choice));
    write_file_atomically(path, json_text(json, 1) + "\n");
}

void tune_convolutions(const std::filesystem::path& path, std::function<void(const ConvChoice&)> report,
                       std::function<void(const std::string&)> warn) {
    auto choices = std::make_shared<std::vector<ConvChoice>>();
    if (is_there(path)) *choices = load_conv_choices(path);
    kernels::start_tuning(
        *choices, [path, choices, report = std::move(report), warn = std::move(warn)](const ConvChoice& choice) {
            choices->push_back(choice);
            if (report) report(choice);
            try {
                save_conv_choices(path, *choices);
            } catch (const IoError& error) {  // what is computed here has nothing to do with it
                if (warn) warn(fmt::format("{}; the choices wait in memory for the next one", error.what()));
            }
        });
}

}  // namespace keel
