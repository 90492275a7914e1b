#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "engine/files.h"
#include "engine/text.h"
#include "graph/onnx/check.h"
#include "graph/onnx/file.h"
#include "graph/onnx/parts.h"
#include "graph/onnx/tensor.h"
#include "graph/onnx/wire.h"
#include "kernels/error.h"

namespace keel::onnx {
namespace {

constexpr std::size_t kMostNodes = 100'000;

/// The standard's domain has two names.
std::string domain_from(std::string_view text) {
    return text == "ai.onnx" ? std::string() : name_from(text, "name of a domain");
}

/// Returns the bytes of the last field of a number, or none.
std::string_view field_of(std::string_view message, std::uint32_t number) {
    Fields fields(message);
    std::string_view found;
    while (fields.next()) {
        if (fields.number() == number)
            found = fields.bytes();
        else
            fields.skip();
    }
    return found;
}

/// A SparseTensorProto has the name of the tensor of its values.
std::string sparse_tensor_name(std::string_view message) {
    constexpr std::uint32_t kValues = 1, kName = 8;
    return std::string(field_of(field_of(message, kValues), kName));
}

/// Reads the messages of one file.
class Reader {
public:
    explicit Reader(const std::filesystem::path& folder) : files_(folder) {}

    Model model(std::string_view message);

private:
    void opset(std::string_view message);
    void metadata(std::string_view message);
    void function(std::string_view message);
    void graph(std::string_view message);
    void initializer(std::string_view message);
    void node(std::string_view message);
    void check_functions() const;
    std::string name(std::string_view text, const char* what) {
        budget_.parts(1);
        return name_from(text, what);
    }

    ExternalFiles files_;
    Budget budget_{};
    Model model_{};
    std::set<std::pair<std::string, std::string>> functions_{};  ///< domain and name of each of the model's own
};

Model Reader::model(std::string_view message) {
    Fields fields(message);
    model_.ir_version = 0;
    std::optional<std::string_view> graph_message;
    while (fields.next()) {
        switch (fields.number()) {
            case 1:
                model_.ir_version = fields.integer();
                break;
            case 2:
                model_.producer = name(fields.bytes(), "producer's name");
                break;
            case 3:
                model_.producer_version = name(fields.bytes(), "producer's version");
                break;
            case 7:
                if (graph_message) throw InputError("the model has two graphs");
                graph_message = fields.bytes();
                break;
            case 8:
                opset(fields.bytes());
                break;
            case 14:
                metadata(fields.bytes());
                break;
            case 25:
                function(fields.bytes());
                break;
            default:
                fields.skip();
        }
    }
    constexpr std::int64_t kLeastVersion = 3;  // since then a model says which opset it is of
    if (model_.ir_version < kLeastVersion)
        throw InputError(fmt::format("version {} of the format, wanted {} at least", model_.ir_version, kLeastVersion));
    if (!model_.opsets.contains("")) throw InputError("the model does not say which opset it is of");
    if (!graph_message) throw InputError("the model has no graph");
    graph(*graph_message);
    check_functions();
    check(model_);
    return std::move(model_);
}

void Reader::opset(std::string_view message) {
    Fields fields(message);
    std::string domain;
    std::int64_t version = 0;
    while (fields.next()) {
        switch (fields.number()) {
            case 1:
                domain = domain_from(fields.bytes());
                break;
            case 2:
                version = fields.integer();
                break;
            default:
                fields.skip();
        }
    }
    budget_.parts(1);
    if (version < 1) throw InputError(fmt::format("opset {} of '{}', wanted 1 at least", version, excerpt(domain)));
    const auto [entry, added] = model_.opsets.emplace(domain, version);
    if (!added && entry->second != version)
        throw InputError(fmt::format("the model is of two opsets of '{}'", excerpt(domain)));
}

void Reader::metadata(std::string_view message) {
    Fields fields(message);
    std::string key, value;
    while (fields.next()) {
        switch (fields.number()) {
            case 1:
                key = name(fields.bytes(), "key of metadata");
                break;
            case 2:
                value = std::string(fields.bytes());
                break;
            default:
                fields.skip();
        }
    }
    model_.metadata[key] = std::move(value);
}

void Reader::function(std::string_view message) {
    Fields fields(message);
    std::string function, domain;
    while (fields.next()) {
        switch (fields.number()) {
            case 1:
                function = name(fields.bytes(), "name of a function");
                break;
            case 10:
                domain = domain_from(fields.bytes());
                break;
            default:
                fields.skip();
        }
    }
    functions_.emplace(std::move(domain), std::move(function));
}

void Reader::check_functions() const {
    for (const Node& node : model_.nodes)
        if (functions_.contains({node.domain, node.op}))
            throw InputError(
                fmt::format("{} calls a function of the model's own, which is not read; export it with "
                            "functions inlined",
                            title(node)));
}

void Reader::graph(std::string_view message) {
    Fields fields(message);
    while (fields.next()) {
        switch (fields.number()) {
            case 1:
                node(fields.bytes());
                break;
            case 2:
                model_.graph_name = name(fields.bytes(), "graph's name");
                break;
            case 5:
                initializer(fields.bytes());
                break;
            case 11:
                model_.inputs.push_back(read_port(fields.bytes(), budget_));
                break;
            case 12:
                model_.outputs.push_back(read_port(fields.bytes(), budget_));
                break;
            case 15:
                throw InputError(fmt::format("tensor '{}': it is sparse, which is not read",
                                             excerpt(sparse_tensor_name(fields.bytes()))));
            default:
                fields.skip();
        }
    }
    std::erase_if(model_.inputs, [&](const Port& input) { return model_.initializers.contains(input.name); });
}

void Reader::initializer(std::string_view message) {
    NamedArray constant = read_tensor(message, budget_, files_);
    budget_.parts(1);
    if (constant.name.empty()) throw InputError("the graph has a tensor without a name");
    if (!model_.initializers.emplace(constant.name, std::move(constant.array)).second)
        throw InputError(fmt::format("two values are called '{}'", excerpt(constant.name)));
}

void Reader::node(std::string_view message) {
    if (model_.nodes.size() == kMostNodes) throw InputError(fmt::format("more than {} nodes", kMostNodes));
    Node& node = model_.nodes.emplace_back();
    std::vector<std::string_view> attributes;
    Fields fields(message);
    while (fields.next()) {
        switch (fields.number()) {
            case 1:
                node.inputs.push_back(name(fields.bytes(), "name of a value"));
                break;
            case 2:
                node.outputs.push_back(name(fields.bytes(), "name of a value"));
                break;
            case 3:
                node.name = name(fields.bytes(), "name of a node");
                break;
            case 4:
                node.op = name(fields.bytes(), "name of an operator");
                break;
            case 5:
                budget_.parts(1), attributes.push_back(fields.bytes());
                break;
            case 7:
                node.domain = domain_from(fields.bytes());
                break;
            default:
                fields.skip();
        }
    }
    if (node.op.empty()) throw InputError(fmt::format("{} does not say of which operator it is", title(node)));
    for (const std::string_view each : attributes) {
        try {
            auto [key, value] = read_attribute(each, budget_, files_);
            if (!node.attributes.emplace(key, std::move(value)).second)
                throw InputError(fmt::format("two attributes '{}'", excerpt(key)));
        } catch (const InputError& error) {
            throw InputError(fmt::format("{}: {}", title(node), error.what()));
        }
    }
}

}  // namespace

Model read(std::span<const std::byte> bytes, const std::string& name, const std::filesystem::path& folder) {
    try {
        return Reader(folder).model({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    } catch (const InputError& error) {
        throw InputError(fmt::format("[onnx] {}: {}", name, error.what()));
    }
}

Model read_file(const std::filesystem::path& path) {
    constexpr std::uint64_t kMostBytes = (std::uint64_t{1} << 31) - 1;
    const InputFile file(path);
    if (file.size() > kMostBytes)
        throw InputError(
            fmt::format("[onnx] {}: {} bytes, wanted less than 2^31: weights beyond that lie in files "
                        "beside the model's",
                        path.string(), file.size()));
    const auto size = static_cast<std::size_t>(file.size());
    const auto bytes = std::make_unique_for_overwrite<std::byte[]>(size);
    file.read(0, {bytes.get(), size});
    const std::filesystem::path folder = path.parent_path();
    return read({bytes.get(), size}, path.string(), folder.empty() ? "." : folder);
}

bool is_onnx_file(const std::filesystem::path& path) {
    constexpr std::uint64_t kHead = 4096;
    const InputFile file(path);
    std::string head(static_cast<std::size_t>(std::min(file.size(), kHead)), '\0');
    file.read(0, std::as_writable_bytes(std::span(head)));
    return begins_as_model(head);
}

}  // namespace keel::onnx
