#include "graph/import/node_scope.h"

#include <fmt/format.h>

#include "kernels/error.h"

namespace keel::graph {

std::vector<std::int64_t> View::dims() const {
    std::vector<std::int64_t> dims;
    for (const Axis& axis : axes) dims.push_back(extent(axis));
    return dims;
}

std::string NodeScope::name() const {
    if (!node_.name.empty() || node_.outputs.empty()) return node_.name;
    return node_.outputs.front();
}

const Known& NodeScope::input(std::size_t i) const {
    if (!has(i)) refuse(fmt::format("wanted an input {}", i));
    const auto found = values_.known.find(node_.inputs[i]);
    if (found == values_.known.end()) refuse(fmt::format("input {} ({}) is not known", i, node_.inputs[i]));
    return found->second;
}

const View& NodeScope::view(std::size_t i) const {
    const auto* view = std::get_if<View>(&input(i));
    if (view == nullptr) refuse(fmt::format("input {} ({}) is a constant, wanted a map", i, node_.inputs[i]));
    return *view;
}

const Constant& NodeScope::constant(std::size_t i) const {
    const auto* constant = std::get_if<Constant>(&input(i));
    if (constant == nullptr)
        refuse(fmt::format("input {} ({}) depends on the images, wanted a constant", i, node_.inputs[i]));
    return *constant;
}

std::vector<std::int64_t> NodeScope::integers(std::size_t i) const {
    const Constant& from = constant(i);
    if (from.is_float() || from.free())
        refuse(fmt::format("input {} ({}) is {}, wanted integers that are known", i, node_.inputs[i],
                           from.is_float() ? "of floats" : "made of the number of images"));
    return from.array.integers;
}

const std::vector<float>& NodeScope::floats(std::size_t i) const {
    const Constant& from = constant(i);
    if (!from.is_float())
        refuse(fmt::format("input {} ({}) is of {}", i, node_.inputs[i], onnx::name(from.array.type)));
    return from.array.floats;
}

std::vector<float> NodeScope::floats_or(std::size_t i, std::int64_t count, float otherwise) const {
    if (!has(i)) return std::vector<float>(static_cast<std::size_t>(count), otherwise);
    const std::vector<float>& given = floats(i);
    if (std::ssize(given) != count)
        refuse(fmt::format("input {} ({}) has {} elements, wanted {}", i, node_.inputs[i], given.size(), count));
    return given;
}

template <class T>
const T* NodeScope::attribute(const std::string& key) const {
    const auto found = node_.attributes.find(key);
    if (found == node_.attributes.end()) return nullptr;
    const T* value = std::get_if<T>(&found->second);
    if (value == nullptr) refuse(fmt::format("attribute {} is of another type", key));
    return value;
}

std::int64_t NodeScope::integer(const std::string& key, std::int64_t otherwise) const {
    const auto* value = attribute<std::int64_t>(key);
    return value == nullptr ? otherwise : *value;
}

float NodeScope::number(const std::string& key, float otherwise) const {
    const auto* value = attribute<float>(key);
    return value == nullptr ? otherwise : *value;
}

std::string NodeScope::text(const std::string& key, const std::string& otherwise) const {
    const auto* value = attribute<std::string>(key);
    return value == nullptr ? otherwise : *value;
}

std::vector<std::int64_t> NodeScope::list(const std::string& key) const {
    const auto* value = attribute<std::vector<std::int64_t>>(key);
    return value == nullptr ? std::vector<std::int64_t>{} : *value;
}

std::optional<std::vector<std::int64_t>> NodeScope::list_or_input(const std::string& key, std::size_t i) const {
    if (has_attribute(key)) return list(key);
    if (has(i)) return integers(i);
    return {};
}

std::size_t NodeScope::axis(std::int64_t given, std::size_t rank) const {
    const auto signed_rank = static_cast<std::int64_t>(rank);
    if (given < -signed_rank || given >= signed_rank)
        refuse(fmt::format("axis {} of a tensor of {} axes", given, rank));
    return static_cast<std::size_t>(given < 0 ? given + signed_rank : given);
}

void NodeScope::output(Known value, std::size_t i) {
    if (i >= node_.outputs.size() || node_.outputs[i].empty()) return;
    constexpr std::int64_t kMostComputed = std::int64_t{1} << 29;
    if (const auto* constant = std::get_if<Constant>(&value)) {
        values_.computed += constant->array.elements();
        require(values_.computed <= kMostComputed, "constants of at most 2^29 elements in all");
    }
    const auto* view = std::get_if<View>(&value);
    if (view != nullptr && values_.readers[node_.outputs[i]] > 1) builder_.keep(view->value);
    values_.known.insert_or_assign(node_.outputs[i], std::move(value));
}

void NodeScope::require(bool condition, const char* wanted) const {
    if (!condition) refuse(fmt::format("wanted {}", wanted));
}

}  // namespace keel::graph
