#include "graph/import/patterns.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <set>

namespace keel::graph {
namespace {

using onnx::Model;

/// What an expression is to look like: an operator of others, a name that is the same wherever it stands ("x"), or a
/// number.
struct Pattern {
    std::string op{};
    std::vector<Pattern> inputs{};
    std::string name{};  ///< of any value
    std::optional<double> number{};
    std::map<std::string, double> attributes{};  ///< that the node has, in its attributes

    Pattern(const char* any) : name(any) {}   // NOLINT: patterns are written as they read
    Pattern(double value) : number(value) {}  // NOLINT
    Pattern(const char* operation, std::vector<Pattern> of, std::map<std::string, double> with = {})
        : op(operation), inputs(std::move(of)), attributes(std::move(with)) {}
};

struct Spelling {
    const char* becomes;
    std::vector<const char*> inputs;  ///< names of the pattern
    Pattern pattern;
};

std::vector<Spelling> spellings() {
    const double root = std::sqrt(2.0);
    const Pattern gate_input("Clip", {Pattern("Add", {"x", 3.0}), 0.0, 6.0}),
        old_gate_input("Clip", {Pattern("Add", {"x", 3.0})}, {{"min", 0}, {"max", 6}});
    const Pattern by_root("Erf", {Pattern("Div", {"x", root})}), times_root("Erf", {Pattern("Mul", {"x", 1 / root})});
    std::vector<Spelling> all{
        {"Silu", {"x"}, {"Mul", {"x", Pattern("Sigmoid", {"x"})}}},
        {"HardSwish", {"x"}, {"Mul", {"x", Pattern("HardSigmoid", {"x"}, {{"alpha", 1.0 / 6}, {"beta", 0.5}})}}},
        {"Mish", {"x"}, {"Mul", {"x", Pattern("Tanh", {Pattern("Softplus", {"x"})})}}},
    };
    for (const Pattern& clip : {gate_input, old_gate_input}) {
        all.push_back({"HardSwish", {"x"}, {"Div", {Pattern("Mul", {"x", clip}), 6.0}}});
        all.push_back({"HardSwish", {"x"}, {"Mul", {"x", Pattern("Div", {clip, 6.0})}}});
    }
    for (const Pattern& erf : {by_root, times_root}) {
        const Pattern sum("Add", {erf, 1.0});
        all.push_back({"Gelu", {"x"}, {"Mul", {Pattern("Mul", {"x", sum}), 0.5}}});
        all.push_back({"Gelu", {"x"}, {"Mul", {Pattern("Mul", {"x", 0.5}), sum}}});
    }
    const Pattern centered("Sub", {"x", Pattern("ReduceMean", {"x"}, {{"axes", -1}})});
    const Pattern variance("ReduceMean", {Pattern("Pow", {centered, 2.0})}, {{"axes", -1}});
    const Pattern normal("Div", {centered, Pattern("Sqrt", {Pattern("Add", {variance, "eps"})})});
    all.push_back(
        {"LayerNormalization", {"x", "scale", "shift"}, {"Add", {Pattern("Mul", {normal, "scale"}), "shift"}}});
    return all;
}

class Rewriter {
public:
    explicit Rewriter(Model& model) : model_(model), gone_(model.nodes.size()) {
        for (std::size_t i = 0; i < model.nodes.size(); ++i) {
            for (const std::string& input : model.nodes[i].inputs) ++readers_[input];
            for (const std::string& output : model.nodes[i].outputs) producer_[output] = i;
        }
        for (const onnx::Port& output : model.outputs) ++readers_[output.name];
    }

    void run() {
        const std::vector<Spelling> all = spellings();
        for (std::size_t i = model_.nodes.size(); i-- > 0;)
            for (const Spelling& spelling : all)
                if (!gone_[i] && rewrite(i, spelling)) break;
        std::vector<onnx::Node> kept;
        for (std::size_t i = 0; i < model_.nodes.size(); ++i)
            if (!gone_[i]) kept.push_back(std::move(model_.nodes[i]));
        model_.nodes = std::move(kept);
    }

private:
    struct Match {
        std::map<std::string, std::string> names;
        std::set<std::size_t> inside;  ///< nodes, the last one excepted
    };

    bool rewrite(std::size_t root, const Spelling& spelling) {
        Match match;
        if (!matches(root, spelling.pattern, match)) return false;
        match.inside.erase(root);
        std::map<std::string, int> read_inside;
        for (const std::size_t i : match.inside)
            for (const std::string& input : model_.nodes[i].inputs) ++read_inside[input];
        for (const std::string& input : model_.nodes[root].inputs) ++read_inside[input];
        for (const std::size_t i : match.inside)
            for (const std::string& output : model_.nodes[i].outputs)
                if (read_inside[output] != readers_[output]) return false;
        onnx::Node& node = model_.nodes[root];
        onnx::Node become{node.name, spelling.becomes, "", {}, node.outputs, {}};
        for (const char* name : spelling.inputs) become.inputs.push_back(match.names[name]);
        if (become.op == "LayerNormalization") {
            const auto eps = number(match.names["eps"]);
            if (!eps || !is_row(match.names["scale"]) || !is_row(match.names["shift"])) return false;
            become.attributes["axis"] = std::int64_t{-1};
            become.attributes["epsilon"] = static_cast<float>(*eps);
        }
        for (const std::size_t i : match.inside) gone_[i] = true;
        node = std::move(become);
        return true;
    }

    bool matches(std::size_t at, const Pattern& pattern, Match& match) {
        const onnx::Node& node = model_.nodes[at];
        if (gone_[at] || node.op != pattern.op || !node.domain.empty() || node.outputs.size() != 1) return false;
        for (const auto& [key, wanted] : pattern.attributes)
            if (const auto has = attribute(node, key); !has || !near(*has, wanted)) return false;
        std::vector<std::string> inputs = node.inputs;
        if (pattern.op == "ReduceMean" && inputs.size() == 2) inputs.pop_back();  // its axes, seen above
        if (inputs.size() != pattern.inputs.size()) return false;
        const bool commutes = pattern.op == "Add" || pattern.op == "Mul";
        for (int turn = 0; turn < (commutes ? 2 : 1); ++turn) {
            Match trial = match;
            if (turn == 1) std::swap(inputs[0], inputs[1]);
            bool all = true;
            for (std::size_t i = 0; all && i < inputs.size(); ++i) all = matches(inputs[i], pattern.inputs[i], trial);
            if (!all) continue;
            trial.inside.insert(at);
            match = std::move(trial);
            return true;
        }
        return false;
    }

    bool matches(const std::string& value, const Pattern& pattern, Match& match) {
        if (pattern.number) {
            const auto is = number(value);
            return is && near(*is, *pattern.number);
        }
        if (!pattern.name.empty()) return match.names.try_emplace(pattern.name, value).first->second == value;
        const auto made = producer_.find(value);
        return made != producer_.end() && matches(made->second, pattern, match);
    }

    static bool near(double a, double b) { return std::abs(a - b) <= 1e-6 * std::max(1.0, std::abs(b)); }

    const onnx::Array* constant(const std::string& value) const {
        if (const auto found = model_.initializers.find(value); found != model_.initializers.end())
            return &found->second;
        const auto made = producer_.find(value);
        if (made == producer_.end() || model_.nodes[made->second].op != "Constant") return nullptr;
        const auto given = model_.nodes[made->second].attributes.find("value");
        return given == model_.nodes[made->second].attributes.end() ? nullptr
                                                                    : std::get_if<onnx::Array>(&given->second);
    }

    std::optional<double> number(const std::string& value) const {
        const onnx::Array* array = constant(value);
        if (array == nullptr || array->floats.size() + array->integers.size() != 1) return {};
        return array->floats.empty() ? static_cast<double>(array->integers[0]) : double{array->floats[0]};
    }

    bool is_row(const std::string& value) const {
        const onnx::Array* array = constant(value);
        return array != nullptr && array->dims.size() == 1;
    }

    /// A number of a node: one attribute, or for axes a list of one, or the input that newer opsets have in its place.
    std::optional<double> attribute(const onnx::Node& node, const std::string& key) const {
        const auto found = node.attributes.find(key);
        if (found == node.attributes.end()) {
            if (key == "axes" && node.inputs.size() == 2) return number(node.inputs[1]);
            if (node.op == "HardSigmoid") return key == "alpha" ? 0.2 : 0.5;
            return {};
        }
        if (const auto* real = std::get_if<float>(&found->second)) return *real;
        if (const auto* whole = std::get_if<std::int64_t>(&found->second)) return static_cast<double>(*whole);
        const auto* list = std::get_if<std::vector<std::int64_t>>(&found->second);
        return list != nullptr && list->size() == 1 ? std::optional(static_cast<double>((*list)[0])) : std::nullopt;
    }

    Model& model_;
    std::vector<bool> gone_;
    std::map<std::string, int> readers_;
    std::map<std::string, std::size_t> producer_;
};

}  // namespace

void use_known_names(Model& model) { Rewriter(model).run(); }

}  // namespace keel::graph
