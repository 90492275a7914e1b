// The channels of a model that may be fewer: which tensors hold them, widths in checkpoints, what is refused.
#include "models/channel_groups.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "engine/autograd.h"
#include "engine/json.h"
#include "kernels/error.h"
#include "models/model_spec.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

constexpr std::int64_t kClasses = 5, kImageChannels = 2;

std::map<std::string, Dims> dims_of(const std::string& model, const ModelOptions& options) {
    std::map<std::string, Dims> dims;
    for (const auto& [name, tensor] : make_blank_model(model, options)->state()) dims.emplace(name, tensor.dims());
    return dims;
}

/// How many groups hold each row and each column of the tensors.
std::map<std::string, std::array<std::vector<int>, 2>> counted(const std::vector<ChannelGroup>& groups,
                                                               const std::map<std::string, Dims>& dims) {
    std::map<std::string, std::array<std::vector<int>, 2>> counts;
    for (const auto& [name, extents] : dims)
        for (int dim = 0; dim < std::min(extents.rank(), 2); ++dim)
            counts[name][static_cast<std::size_t>(dim)].resize(static_cast<std::size_t>(extents[dim]));
    for (const ChannelGroup& group : groups)
        for (const std::vector<ChannelSlice>* slices : {&group.gates, &group.others})
            for (const ChannelSlice& slice : *slices)
                for (std::int64_t i = 0; i < group.width * slice.repeat; ++i)
                    ++counts.at(slice.tensor)[static_cast<std::size_t>(slice.dim)].at(
                        static_cast<std::size_t>(slice.begin + i));
    return counts;
}

ModelOptions halved(const std::string& model) {
    ModelOptions options{.classes = kClasses, .channels = kImageChannels};
    std::map<std::string, std::int64_t> widths;
    for (const ChannelGroup& group : channel_groups(model, options)) widths[group.name] = (group.width + 1) / 2;
    options.widths = widths;
    return options;
}

ModelSpec spec_of(const std::string& model, const ModelOptions& options) {
    ModelSpec spec{.name = model, .options = options};
    for (std::int64_t i = 0; i < options.classes; ++i) spec.label_names.push_back(std::to_string(i));
    default_normalization(spec);
    return spec;
}

/// The metadata of a resnet20 that says these widths.
std::map<std::string, std::string> saying(const Json& widths) {
    std::map<std::string, std::string> metadata;
    write_spec(spec_of("resnet20", {.classes = 3, .channels = 1}), metadata);
    Json json = parse_json(metadata.at("keel.model"));
    json["widths"] = widths;
    metadata["keel.model"] = json_text(json);
    return metadata;
}

}  // namespace

TEST_CASE("every row and column of a model is of one group, but images, classes and biases of classes",
          "[channel_groups]") {
    for (const ModelEntry& entry : model_registry()) {
        const ModelOptions options{.classes = kClasses, .channels = kImageChannels};
        const auto groups = channel_groups(entry.name, options);
        REQUIRE(!groups.empty());
        const auto dims = dims_of(entry.name, options);
        const std::string classifier = entry.classifier;
        for (const auto& [name, counts] : counted(groups, dims))
            for (std::size_t dim = 0; dim < 2; ++dim) {
                const bool of_classes = name.starts_with(classifier) && dim == 0;
                const bool of_images = dim == 1 && dims.at(name).rank() == 4 && dims.at(name)[1] == kImageChannels;
                INFO(entry.name << " " << name << " dim " << dim);
                CHECK(std::ranges::all_of(counts[dim], [&](int n) { return n == (of_classes || of_images ? 0 : 1); }));
            }
    }
}

TEST_CASE("groups have names of their own, gates, and a maker whose rows they are", "[channel_groups]") {
    for (const ModelEntry& entry : model_registry()) {
        const ModelOptions options{.classes = kClasses, .channels = kImageChannels};
        const auto dims = dims_of(entry.name, options);
        std::map<std::string, int> names;
        for (const ChannelGroup& group : channel_groups(entry.name, options)) {
            INFO(entry.name << " " << group.name);
            CHECK(++names[group.name] == 1);
            CHECK(!group.gates.empty());
            CHECK(dims.at(group.maker())[0] == group.width);
        }
    }
}

TEST_CASE("widths shrink the dims of each tensor that holds the channels, and are read off weights",
          "[channel_groups]") {
    for (const ModelEntry& entry : model_registry()) {
        const ModelOptions whole{.classes = kClasses, .channels = kImageChannels}, narrow = halved(entry.name);
        const auto groups = channel_groups(entry.name, narrow);
        const auto dims = dims_of(entry.name, narrow);
        for (const ChannelGroup& group : groups) CHECK(group.width == narrow.widths.at(group.name));
        for (const auto& [name, counts] : counted(groups, dims))  // counts at dims that are not there would throw
            for (std::size_t dim = 0; dim < 2; ++dim)
                CHECK(std::ranges::all_of(counts[dim], [](int n) { return n <= 1; }));
        CHECK(widths_of(channel_groups(entry.name, whole), dims) == narrow.widths);
        CHECK(widths_of(channel_groups(entry.name, whole), dims_of(entry.name, whole))->empty());
        CHECK(!widths_of(groups, dims_of(entry.name, whole)));  // wider than the groups may be
    }
}

TEST_CASE("a model of narrower groups runs and has gradients", "[channel_groups]") {
    for (const char* name : {"resnet20", "resnet50", "densenet121"}) {
        ModelOptions options = halved(name);
        options.small_stem = true;
        const auto model = make_model(name, options, 1);
        const Tensor images = Tensor::full({2, 16, 16, kImageChannels}, 0.5);
        const Tensor logits = (*model)(images);
        CHECK(logits.dims() == Dims{2, kClasses});
        backward(logits, Tensor::full(logits.dims(), 1));
        for (const NamedTensor& parameter : model->parameters()) CHECK(parameter.tensor.grad().defined());
    }
}

TEST_CASE("widths that no pruning leaves are refused", "[channel_groups]") {
    ModelOptions options{.classes = 3, .channels = 1};
    const auto refuse = [&](const std::string& group, std::int64_t width, const std::string& why) {
        options.widths = {{group, width}};
        CHECK_THROWS_WITH(make_blank_model("resnet20", options), contains(why));
        CHECK_THROWS_AS(channel_groups("resnet20", options), UsageError);
    };
    refuse("layer1.0.conv1", 0, "1 to 16 channels");
    refuse("layer1.0.conv1", 17, "1 to 16 channels");
    refuse("layer1.0.conv1", -1, "1 to 16 channels");
    refuse("layer9", 1, "no channels called 'layer9'");
    refuse("layer1", 8, "no channels called 'layer1'");  // its map is the stem's, as no projection lies between
}

TEST_CASE("a checkpoint says its widths; one that says none has the architecture's", "[channel_groups]") {
    std::map<std::string, std::string> metadata;
    ModelOptions options{.classes = 3, .channels = 1};
    write_spec(spec_of("resnet20", options), metadata);
    CHECK(!parse_json(metadata.at("keel.model")).contains("widths"));  // as earlier versions wrote it
    CHECK(read_spec(metadata, "file").options.widths.empty());
    options.widths = {{"conv1", 7}, {"layer2.1.conv1", 1}};
    write_spec(spec_of("resnet20", options), metadata);
    CHECK(read_spec(metadata, "file").options.widths == options.widths);
}

TEST_CASE("hostile widths of a checkpoint are refused, with its name", "[channel_groups]") {
    Json many = Json::object();
    for (int i = 0; i < 1001; ++i) many["group " + std::to_string(i)] = 1;
    const std::vector<std::pair<Json, std::string>> rows{
        {Json::array({1}), "'widths' are no object"},    {many, "'widths' are no object"},
        {Json{{"conv1", 1.5}}, "wanted a whole number"}, {Json{{"conv1", "8"}}, "wanted a whole number"},
        {Json{{"conv1", 0}}, "1 to 16 channels"},        {Json{{"conv1", std::int64_t{1} << 62}}, "1 to 16 channels"},
        {Json{{"conv9", 1}}, "no channels called"},      {Json{{std::string(5000, 'x'), 1}}, "no channels called"},
    };
    for (const auto& [widths, why] : rows) {
        CAPTURE(why);
        CHECK_THROWS_AS(read_spec(saying(widths), "bad.safetensors"), InputError);
        CHECK_THROWS_WITH(read_spec(saying(widths), "bad.safetensors"), contains("bad.safetensors"));
        CHECK_THROWS_WITH(read_spec(saying(widths), "bad.safetensors"), contains(why));
    }
    CHECK(read_spec(saying(Json::object()), "good").options.widths.empty());
}
