#include "serve/infer_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <numeric>
#include <string_view>
#include <utility>

#include "data/formats/stb.h"
#include "engine/base64.h"
#include "engine/json.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel::serve {
namespace {

constexpr int kDrawnSide = 1024;  // pixels of the longer side of what is drawn

/// A tensor of the answer: of one of the three kinds of elements.
struct OutputTensor {
    std::string name, datatype;
    std::vector<std::int64_t> shape;
    std::vector<float> numbers{};
    std::vector<std::int8_t> small{};
    std::vector<std::string> texts{};
    bool base64 = false;  ///< texts are bytes, which JSON cannot hold as they are
};

void refuse_other_parameters(const Parameters& parameters, std::initializer_list<std::string_view> known,
                             const std::string& of) {
    for (const auto& [name, value] : parameters)
        if (std::ranges::find(known, name) == known.end())
            throw InputError(
                fmt::format("{}: unknown parameter '{}': wanted {}", of, excerpt(name), fmt::join(known, ", ")));
}

OutputWish find_output(const std::vector<TensorInfo>& known, const InferOutput& output, bool binary) {
    const auto info = std::ranges::find(known, output.name, &TensorInfo::name);
    if (info == known.end()) {
        std::vector<std::string> names;
        for (const TensorInfo& one : known) names.push_back(one.name);
        throw InputError(
            fmt::format("the model has no output '{}': wanted {}", excerpt(output.name), fmt::join(names, ", ")));
    }
    refuse_other_parameters(output.parameters, {"binary_data", "classification", "label"}, "output " + output.name);
    OutputWish wish{*info, bool_parameter(output.parameters, "binary_data").value_or(binary), {}};
    wish.classification = whole_parameter(output.parameters, "classification");
    if (!wish.classification || *wish.classification == 0) return wish.classification.reset(), wish;
    if (output.name != "probabilities" || *wish.classification < 0)
        throw InputError("classification is of probabilities, and at least 0");
    return wish;
}

std::int64_t label_of(const ServedModel& model, const std::string& name) {
    const auto& labels = model.labels();
    const auto found = std::ranges::find(labels, name);
    if (found == labels.end()) throw InputError("the model has no label '" + excerpt(name) + "'");
    return found - labels.begin();
}

/// "0.871234:8:Pneumonia", the highest first, of one image.
void classify(std::span<const float> scores, const std::vector<std::string>& labels, std::size_t most,
              std::vector<std::string>& texts) {
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    for (std::size_t i = 0; i < most; ++i)
        texts.push_back(fmt::format("{:f}:{}:{}", scores[order[i]], order[i], labels[order[i]]));
}

std::string png_of(const Image& image) {
    const std::vector<std::uint8_t> file = encode_png(image);
    return {reinterpret_cast<const char*>(file.data()), file.size()};
}

OutputTensor tensor_of(const ServedModel& model, const OutputWish& wish, const Answer& answer,
                       const RequestImages& images) {
    const std::int64_t count = images.count();
    const std::size_t labels = model.labels().size();
    OutputTensor tensor{wish.tensor.name, wish.tensor.datatype, {count, std::ssize(model.labels())}};
    if (wish.classification) {
        const std::size_t most = std::min(labels, static_cast<std::size_t>(*wish.classification));
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
            classify(std::span(answer.scores.probabilities).subspan(i * labels, labels), model.labels(), most,
                     tensor.texts);
        tensor.datatype = "BYTES";
        tensor.shape = {count, static_cast<std::int64_t>(most)};
    } else if (wish.tensor.name == "probabilities") {
        tensor.numbers = answer.scores.probabilities;
    } else if (wish.tensor.name == "calls") {
        for (const std::optional<bool>& call : answer.scores.calls)
            tensor.small.push_back(!call ? std::int8_t{-1} : *call ? std::int8_t{1} : std::int8_t{0});
    } else if (wish.tensor.name == "heatmap") {
        for (const HeatGrid& grid : answer.heat)
            tensor.numbers.insert(tensor.numbers.end(), grid.values.begin(), grid.values.end());
        tensor.shape = {count, answer.heat.front().height, answer.heat.front().width};
    } else {
        for (std::int64_t i = 0; i < count; ++i)
            tensor.texts.push_back(png_of(
                overlay(images.shown(i, kDrawnSide), answer.heat[static_cast<std::size_t>(i)], ColorMap::inferno)));
        tensor.shape = {count};
        tensor.base64 = true;
    }
    return tensor;
}

Json data_of(const OutputTensor& tensor) {
    Json data = Json::array();
    for (const float value : tensor.numbers) data.push_back(double{value});
    for (const std::int8_t value : tensor.small) data.push_back(int{value});
    for (const std::string& text : tensor.texts) data.push_back(tensor.base64 ? to_base64(text) : text);
    return data;
}

/// Adds a tensor's bytes, little-endian as this machine's are; returns how many.
std::size_t append_bytes(const OutputTensor& tensor, std::string& bytes) {
    const std::size_t before = bytes.size();
    const auto add = [&](const auto& values) {
        bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0]));
    };
    if (!tensor.numbers.empty()) add(tensor.numbers);
    if (!tensor.small.empty()) add(tensor.small);
    for (const std::string& text : tensor.texts) {
        const auto length = static_cast<std::uint32_t>(text.size());
        add(std::array{length});
        bytes += text;
    }
    return bytes.size() - before;
}

}  // namespace

RequestWishes wishes_of(const ServedModel& model, const InferRequest& request) {
    const std::vector<TensorInfo> known = outputs_of(model);
    refuse_other_parameters(request.parameters, {"timeout", "binary_data_output", "label"}, "the request");
    if (std::ssize(request.outputs) > kMostOutputs)
        throw InputError(fmt::format("wanted at most {} outputs, got {}", kMostOutputs, request.outputs.size()));
    for (const InferInput& input : request.inputs) {
        refuse_other_parameters(input.parameters, {"binary_data_size", "layout", "content_type"},
                                "input " + excerpt(input.name));
        text_parameter(input.parameters, "content_type");  // other servers' hint, which says nothing new here
    }
    const bool binary = bool_parameter(request.parameters, "binary_data_output").value_or(false);
    RequestWishes wishes;
    std::optional<std::string> label = text_parameter(request.parameters, "label");
    if (label) label_of(model, *label);
    for (const InferOutput& output : request.outputs) {
        wishes.outputs.push_back(find_output(known, output, binary));
        const auto own = text_parameter(output.parameters, "label");
        if (own) label_of(model, *own);  // is one, whether the output is of a label or not
        const bool draws = output.name == "overlay";
        if (!draws && output.name != "heatmap") continue;
        wishes.draws = wishes.draws || draws;
        wishes.heat.emplace();
        if (own) label = own;
    }
    if (request.outputs.empty()) wishes.outputs.push_back({known.front(), binary, {}});
    if (wishes.heat && label) wishes.heat->label = label_of(model, *label);
    if (const auto timeout = whole_parameter(request.parameters, "timeout")) {
        if (*timeout < 0) throw InputError("timeout is at least 0, microseconds");
        constexpr std::int64_t kDay = 86'400'000'000;
        if (*timeout > 0) wishes.timeout = std::chrono::microseconds(std::min(*timeout, kDay));
    }
    return wishes;
}

HttpResponse infer_response(const ServedModel& model, const InferRequest& request, const RequestWishes& wishes,
                            const Answer& answer, const RequestImages& images) {
    require_answers(answer.scores.none, images.count(), "serve");
    Json outputs = Json::array();
    std::string bytes;
    bool binary = false;
    for (const OutputWish& wish : wishes.outputs) {
        const OutputTensor tensor = tensor_of(model, wish, answer, images);
        Json output{{"name", tensor.name}, {"datatype", tensor.datatype}, {"shape", tensor.shape}};
        if (wish.binary)
            output["parameters"] = {{"binary_data_size", append_bytes(tensor, bytes)}};
        else
            output["data"] = data_of(tensor);
        if (tensor.base64 && !wish.binary) output["parameters"] = {{"content_type", "base64"}};
        binary = binary || wish.binary;
        outputs.push_back(std::move(output));
    }
    Json json{{"model_name", model.source().name}, {"model_version", model.source().version}};
    if (!request.id.empty()) json["id"] = request.id;
    json["outputs"] = std::move(outputs);
    HttpResponse response{.body = valid_json_text(json)};
    if (binary) {
        response.type = "application/octet-stream";
        response.fields.emplace_back("Inference-Header-Content-Length", std::to_string(response.body.size()));
        response.body += bytes;
    }
    return response;
}

}  // namespace keel::serve
