#include "graph/summary.h"

namespace keel::graph {
namespace {

/// Counts what an operator lists of itself.
class Counter final : public Archive {
public:
    void numbers(const std::string&, std::vector<float>& values) override { parameters += std::ssize(values); }
    void numbers(const std::string&, std::vector<std::uint8_t>& values) override { parameters += std::ssize(values); }
    void integers(const std::string&, std::vector<std::int64_t>&) override {}
    void tensor(const std::string&, Tensor& tensor, DType) override {
        if (!tensor) return;
        parameters += tensor.elements();
        if (tensor.rank() >= 2) weights += tensor.elements();
    }
    void integer(const std::string&, int&) override {}
    void integer(const std::string&, std::uint8_t&) override {}
    void number(const std::string&, float&) override {}
    void flag(const std::string&, bool&) override {}
    void word(const std::string&, int&, std::span<const char* const>) override {}
    void slice(const std::string&, Value&) override {}

    std::int64_t parameters = 0, weights = 0;

private:
    bool present(const std::string&, bool here) override { return here; }
};

}  // namespace

std::vector<NodeSummary> summarize(const Graph& graph) {
    std::vector<NodeSummary> all;
    for (const Node& node : graph.nodes) {
        Counter counter;
        Op op = node.op;  // an archive may fill what it is given
        op.fields(counter);
        Buffer dst = graph.map(node.dst);
        dst.c = node.dst.c;
        all.push_back(
            {node.name, std::string(node.op.name()), dst, counter.parameters, counter.weights * dst.h * dst.w});
    }
    return all;
}

}  // namespace keel::graph
