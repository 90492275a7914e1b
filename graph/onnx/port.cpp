#include <fmt/core.h>

#include <optional>

#include "engine/text.h"
#include "graph/onnx/parts.h"
#include "kernels/error.h"

namespace keel::onnx {
namespace {

Extent read_extent(std::string_view message, Budget& budget) {
    Fields fields(message);
    Extent extent;
    budget.parts(1);
    while (fields.next()) {
        switch (fields.number()) {
            case 1:
                extent.value = fields.integer();
                break;
            case 2:
                extent.name = name_from(fields.bytes(), "name of an extent");
                break;
            default:
                fields.skip();
        }
    }
    if (extent.value == -1) extent.value.reset();  // how some programs write that it is free
    if (extent.value < 0 && extent.value) throw InputError(fmt::format("an extent of {}", *extent.value));
    return extent;
}

void read_tensor_type(std::string_view message, Port& port, Budget& budget) {
    Fields fields(message);
    while (fields.next()) {
        if (fields.number() == 1) {
            const std::int64_t type = fields.integer();
            const bool known = (type >= 0 && type <= 13) || type == 16;
            if (!known) throw InputError(fmt::format("elements of type {}, which is not read", type));
            port.type = static_cast<ElementType>(type);
        } else if (fields.number() == 2) {
            Fields shape(fields.bytes());
            while (shape.next()) {
                if (shape.number() == 1)
                    port.dims.push_back(read_extent(shape.bytes(), budget));
                else
                    shape.skip();
            }
        } else {
            fields.skip();
        }
    }
}

}  // namespace

Port read_port(std::string_view message, Budget& budget) {
    Fields fields(message);
    Port port;
    port.type = ElementType::undefined;
    std::optional<std::string_view> type;
    budget.parts(1);
    while (fields.next()) {
        switch (fields.number()) {
            case 1:
                port.name = name_from(fields.bytes(), "name of a value");
                break;
            case 2:
                type = fields.bytes();
                break;
            default:
                fields.skip();
        }
    }
    if (port.name.empty()) throw InputError("the graph has an input or output without a name");
    try {
        if (!type) throw InputError("it has no type");
        Fields kinds(*type);
        bool is_tensor = false;
        while (kinds.next()) {
            if (kinds.number() == 1) {
                is_tensor = true;
                read_tensor_type(kinds.bytes(), port, budget);
            } else {
                kinds.skip();
            }
        }
        if (!is_tensor) throw InputError("it is no tensor");
    } catch (const InputError& error) {
        throw InputError(fmt::format("input or output '{}': {}", excerpt(port.name), error.what()));
    }
    return port;
}

}  // namespace keel::onnx
