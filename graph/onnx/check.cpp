#include "graph/onnx/check.h"

#include <fmt/core.h>

#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "engine/text.h"
#include "kernels/error.h"

namespace keel::onnx {
namespace {

/// The node that makes each value.
using Makers = std::unordered_map<std::string_view, std::size_t>;
using Names = std::unordered_set<std::string_view>;

Names given_values(const Model& model) {
    Names names;
    for (const auto& [name, array] : model.initializers) names.insert(name);
    for (const Port& input : model.inputs)
        if (!names.insert(input.name).second)
            throw InputError(fmt::format("two values are called '{}'", excerpt(input.name)));
    return names;
}

Makers made_values(const Model& model, const Names& given) {
    Makers makers;
    for (std::size_t i = 0; i < model.nodes.size(); ++i)
        for (const std::string& output : model.nodes[i].outputs)
            if (!output.empty() && (given.contains(output) || !makers.emplace(output, i).second))
                throw InputError(fmt::format("two values are called '{}'; {} makes one of them", excerpt(output),
                                             title(model.nodes[i])));
    return makers;
}

/// Whether some nodes wait for one another: those that never become ready when each runs as soon as what it reads is
/// there.
bool has_cycle(const Model& model, const Makers& makers) {
    std::vector<std::size_t> waits(model.nodes.size(), 0), ready;
    std::vector<std::vector<std::size_t>> readers(model.nodes.size());
    for (std::size_t i = 0; i < model.nodes.size(); ++i)
        for (const std::string& input : model.nodes[i].inputs)
            if (const auto maker = makers.find(input); maker != makers.end()) {
                readers[maker->second].push_back(i);
                ++waits[i];
            }
    for (std::size_t i = 0; i < waits.size(); ++i)
        if (waits[i] == 0) ready.push_back(i);
    std::size_t ran = 0;
    while (!ready.empty()) {
        const std::size_t node = ready.back();
        ready.pop_back();
        ++ran;
        for (const std::size_t reader : readers[node])
            if (--waits[reader] == 0) ready.push_back(reader);
    }
    return ran < waits.size();
}

void check_order(const Model& model, const Names& given, const Makers& makers) {
    for (std::size_t i = 0; i < model.nodes.size(); ++i)
        for (const std::string& input : model.nodes[i].inputs) {
            if (input.empty() || given.contains(input)) continue;
            const auto maker = makers.find(input);
            if (maker == makers.end())
                throw InputError(
                    fmt::format("{} reads '{}', which nothing makes", title(model.nodes[i]), excerpt(input)));
            if (maker->second < i) continue;
            throw InputError(
                fmt::format("{} reads '{}', which {} makes: {}", title(model.nodes[i]), excerpt(input),
                            title(model.nodes[maker->second]),
                            has_cycle(model, makers) ? "the graph has a cycle" : "the graph's nodes are not sorted"));
        }
}

void check_outputs(const Model& model, const Names& given, const Makers& makers) {
    if (model.outputs.empty()) throw InputError("the graph has no output");
    Names seen;
    for (const Port& output : model.outputs) {
        if (!given.contains(output.name) && !makers.contains(output.name))
            throw InputError(fmt::format("nothing makes the output '{}'", excerpt(output.name)));
        if (!seen.insert(output.name).second)
            throw InputError(fmt::format("the output '{}' is listed twice", excerpt(output.name)));
    }
}

}  // namespace

std::string title(const Node& node) {
    std::string name = node.name;
    if (name.empty() && !node.outputs.empty()) name = node.outputs.front();
    const std::string op = node.domain.empty() ? node.op : node.domain + "." + node.op;
    return fmt::format("node '{}' ({})", excerpt(name), excerpt(op));
}

void check(const Model& model) {
    for (const Node& node : model.nodes)
        if (!model.opsets.contains(node.domain))
            throw InputError(fmt::format("{} is of the domain '{}', of which the model imports no opset", title(node),
                                         excerpt(node.domain)));
    const Names given = given_values(model);
    const Makers makers = made_values(model, given);
    check_order(model, given, makers);
    check_outputs(model, given, makers);
}

}  // namespace keel::onnx
