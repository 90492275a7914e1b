// Operators of imported graphs in files: written and read the same, and refused where a file lies.
#include <functional>

#include "engine/json.h"
#include "graph/build/builder.h"
#include "graph/build/graph_file.h"
#include "graph/ops/binary.h"
#include "graph/ops/fake_quantize.h"
#include "graph/ops/matmul.h"
#include "graph/ops/norm.h"
#include "graph/ops/pad.h"
#include "graph/ops/prelu.h"
#include "graph/ops/rearrange.h"
#include "graph/ops/reduce.h"
#include "graph/ops/resize.h"
#include "graph/ops/softmax.h"
#include "graph/ops/window_pool.h"
#include "models/random_training.h"
#include "tests/graph/ops/one_op.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;
using graph::Value;
using kernels::BinaryKind;

namespace {

/// Each operator once, with fields that are not those of a blank one; images of 6 x 5 x 4.
graph::Graph network_of_all() {
    graph::Builder b(6, 5, 4);
    Value v = b.append("layer_norm", b.src(), 6, 5, 4, graph::LayerNorm{uniform(4, 1), uniform(4, 2), 0.25F});
    v = b.append("instance_norm", v, 6, 5, 4, graph::InstanceNorm{uniform(4, 3), {}, 0.5F});
    v = b.append("lrn", v, 6, 5, 4, graph::LocalResponseNorm{3, 0.5F, 0.25F, 2});
    v = b.append("prelu", v, 6, 5, 4, graph::PRelu{uniform(4, 4)});
    v = b.append("fake_quantize", v, 6, 5, 4, graph::FakeQuantize{{0.0625F}, {-3}, -128, 127});
    v = b.append("pad", v, 8, 8, 5, graph::Pad{graph::Pad::Mode::constant, 1, 2, 1, -kInfinity});
    v = b.append("pool", v, 3, 4, 5,
                 graph::WindowPool{.kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2, .left = 1, .right = 1});
    v = b.append("max", v, 3, 4, 5, graph::Binary{BinaryKind::max, true, {}, {-2}});
    v = b.append("resize", v, 6, 6, 5,
                 graph::Resize{kernels::ResizeKind::nearest, kernels::ResizeCoordinates::asymmetric,
                               kernels::NearestRounding::floor, 2, 1.5F});
    v = b.append("rearrange", v, 1, 5, 36, graph::Rearrange{{{5, 0, -1}}, {{36, 1, 0}}, 0, 4});
    const Value turned = b.append("turned", v, 1, 36, 5, graph::Rearrange{{{36, 0, 1}}, {{5, 1, 0}}});
    v = b.append("matmul", v, 1, 5, 5, graph::MatMul{turned, 1, 5, 36, 5});
    v = b.append("softmax", v, 1, 5, 5, graph::Softmax{true});
    const Value mean = b.append("reduce", v, 1, 5, 1, graph::Reduce{graph::Reduce::Kind::min});
    return b.finish(b.append("sub", v, 1, 5, 5, graph::Binary{BinaryKind::sub, true, mean, {}}));
}

struct File {
    CheckpointState state;
    std::string text() const { return state.metadata.at("keel.graph"); }
};

File written(const TemporaryFolder& folder, const graph::Graph& graph) {
    save_graph(folder / "graph.safetensors", graph, {});
    return {load_checkpoint(folder / "graph.safetensors")};
}

std::vector<float> run_read(const graph::Graph& graph, const Tensor& images) {
    std::vector<float> dst(static_cast<std::size_t>(images.dim(0) * graph.map(graph.dst).elements()));
    Runtime(graph, images.dim(0)).run(images.dim(0), images.data<float>(), dst.data());
    return dst;
}

}  // namespace

TEST_CASE("Operators of imported graphs are read as they were written", "[graph_file]") {
    const TemporaryFolder folder;
    const File file = written(folder, network_of_all());
    const graph::Graph read = read_graph(file.state, "file");
    CHECK(written(folder, read).text() == file.text());
    const auto src = uniform(2 * 6 * 5 * 4, 9);
    const Tensor images = Tensor::from<float>(src, {2, 6, 5, 4});
    CHECK(run_read(read, images) == run_read(network_of_all(), images));
    const auto& moved = *std::ranges::find(read.nodes, "rearrange", &graph::Node::name);
    CHECK(moved.as<graph::Rearrange>()->pixel_axes == std::vector<graph::RearrangeAxis>{{5, 0, -1}});
    CHECK(moved.as<graph::Rearrange>()->first_channel == 4);
    const auto& pad = *std::ranges::find(read.nodes, "pad", &graph::Node::name);
    CHECK(pad.as<graph::Pad>()->value == -kInfinity);
}

TEST_CASE("A file with fields that an operator cannot have is refused", "[graph_file]") {
    const TemporaryFolder folder;
    const File file = written(folder, network_of_all());
    const auto refused = [&](const std::string& node, const std::string& field, const Json& value) {
        CAPTURE(node, field, json_text(value));
        CheckpointState changed = file.state;
        Json graph = parse_json(file.text());
        for (Json& entry : graph["nodes"])
            if (entry["name"] == node) entry[field] = value;
        changed.metadata["keel.graph"] = json_text(graph);
        CHECK_THROWS_AS(read_graph(changed, "file"), InputError);
    };
    const std::int64_t most = std::numeric_limits<std::int64_t>::max();
    for (const Json& axes :
         {Json(7), Json::array({5, 0}), Json::array({5, 0, "1"}), Json::array({5, 0, 1.5}), Json::array({5, 0, most}),
          Json::array({most, 0, 1}), Json::array({0, 0, 0}), Json::array({5, 1, 1}), Json::array()})
        refused("rearrange", "pixel_axes", axes);
    for (const Json& first :
         {Json::array(), Json::array({0}), Json::array({0, 0}), Json::array({most, 4}), Json::array({-1, 4}), Json(0)})
        refused("rearrange", "first", first);
    refused("sub", "operand", Json::array({0, 0, 99}));
    refused("sub", "operand", Json::array({99, 0, 1}));
    refused("sub", "operand", 5);
    refused("sub", "kind", "root");
    refused("sub", "kind", 1);
    refused("max", "operand", Json::array({0, 0, 4}));
    for (const char* field : {"kh", "stride_h", "dilation_w"})
        for (const Json& value : {Json(0), Json(-1), Json(most), Json(1.5), Json("1"), Json(nullptr)})
            refused("pool", field, value);
    refused("pool", "left", 1 << 20);
    refused("pool", "count_padding", 1);
    refused("layer_norm", "eps", -1);
    refused("layer_norm", "eps", "nan");
    refused("lrn", "size", 0);
    refused("lrn", "size", 1 << 20);
    refused("lrn", "alpha", nullptr);
    refused("softmax", "log", 2);
    refused("resize", "scale_h", 0);
    refused("resize", "scale_h", -2);
    refused("resize", "scale_w", 1e300);
    refused("resize", "coordinates", "tf_crop_and_resize");
    refused("pad", "top", 3);
    refused("pad", "mode", "wrap");
    refused("pad", "front", -1);
    refused("matmul", "m", 6);
    refused("matmul", "k", 0);
    refused("matmul", "batches", 1 << 20);
    refused("reduce", "kind", "product");
    refused("fake_quantize", "zero", Json::array({500}));
    refused("fake_quantize", "zero", Json::array());
    refused("fake_quantize", "range", Json::array({0}));
    refused("fake_quantize", "range", Json::array({-most, most}));
    refused("prelu", "op", "no_relu");
}

TEST_CASE("A file without the tensors of an operator, or with others, is refused", "[graph_file]") {
    const TemporaryFolder folder;
    const File file = written(folder, network_of_all());
    for (std::size_t i = 0; i < file.state.tensors.size(); ++i) {
        CAPTURE(file.state.tensors[i].name);
        CheckpointState changed = file.state;
        changed.tensors[i].tensor = Tensor::full({9}, 1);
        CHECK_THROWS_AS(read_graph(changed, "file"), InputError);
        changed.tensors[i].tensor = Tensor::full({4}, std::numeric_limits<float>::quiet_NaN());
        if (changed.tensors[i].name.find("max.") == std::string::npos &&  // a NaN is a number there
            changed.tensors[i].name.find("pad.") == std::string::npos)
            CHECK_THROWS_AS(read_graph(changed, "file"), InputError);
    }
}
