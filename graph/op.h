// What an operator of a graph is: a plain struct (graph/ops/) that says in one place what all parts of the graph want
// to know of it.
//
//     struct Scale {
//         static constexpr std::string_view kName = "scale";            // in files
//         std::vector<float> factors;
//         void fields(Archive& a) { a.numbers("factors", factors); }    // in files
//         void check(const NodeCheck& node) const;                      // graph/check.h
//         void run(const Node& node, const RunMemory& memory) const;    // graph/run_memory.h
//     };
//
// It may have, beside these:
//
//     std::optional<Value> residual;
//         a map of dst's extents that is read element by element as dst is written, so that dst may be that very map
//     std::optional<Value> operand;
//         a second map that is read, of any extents; dst is another one
//     std::optional<Prologue> prologue;
//         what src goes through as it is read (graph/prologue.h)
//     std::unique_ptr<Step> prepare(const Graph&, const Node&, std::int64_t batch);
//         in place of run: what is made once, such as packed weights
//     void quantize(QuantizePass& pass, const Node& node) const;
//         appends its quantized form (graph/quantize/pass.h); without it the operator stays one of floats in a
//         quantized graph. As a bool, false where this one has none and nothing was done
//     bool multiplies_bf16(const Graph& graph, const Node& node) const;
//         whether it has kernels for the products of bf16, if its maps were of bf16; without it never
//     bool takes_bf16(const Graph& graph, const Node& node) const;
//         whether it runs on its maps as they are where some are of bf16; without it never, and they are converted
//         around it (graph/converted_step.h)
//     static constexpr bool kInPlace = true;
//         it reads src element by element as it writes dst, so that dst may be that very map
//     static constexpr bool kMultipliesFloats = true;
//         it sums products of floats, in an order that is each ISA's own
//
// An operator that files may hold has a row in graph/ops/registry.cpp.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/archive.h"
#include "graph/value.h"

namespace keel {

class QuantizePass;

namespace graph {

class NodeCheck;
class RunMemory;
struct Graph;
struct Node;
struct Prologue;

/// Runs a node, made once for a graph. Any number of threads may run it at once.
class Step {
public:
    virtual ~Step() = default;
    virtual void run(const Node& node, const RunMemory& memory) const = 0;
    /// Replaces the shift of each channel of dst; false where the operator has none of that length. Not while another
    /// thread runs it.
    virtual bool set_shift([[maybe_unused]] const std::vector<float>& shift) { return false; }
};

/// Any operator, by value.
class Op {
public:
    template <class T>
    requires(!std::same_as<std::remove_cvref_t<T>, Op>) Op(T op)
        : held_(std::make_unique<Holder<T>>(std::move(op))) {}  // NOLINT: an operator is an Op
    Op(const Op& other) : held_(other.held_->clone()) {}
    Op(Op&&) noexcept = default;
    Op& operator=(const Op& other) { return *this = Op(other); }
    Op& operator=(Op&&) noexcept = default;
    ~Op() = default;

    /// The operator if it is a T, else null.
    template <class T>
    T* as() {
        auto* holder = dynamic_cast<Holder<T>*>(held_.get());
        return holder == nullptr ? nullptr : &holder->op;
    }
    template <class T>
    const T* as() const {
        return const_cast<Op*>(this)->as<T>();
    }

    std::string_view name() const { return held_->name(); }
    bool multiplies_floats() const { return held_->multiplies_floats(); }
    bool in_place() const { return held_->in_place(); }
    void fields(Archive& archive) { held_->fields(archive); }
    void check(const NodeCheck& node) const { held_->check(node); }
    /// Null where the operator has none.
    Value* residual() { return held_->residual(); }
    const Value* residual() const { return held_->residual(); }
    Value* operand() { return held_->operand(); }
    const Value* operand() const { return held_->operand(); }
    const Prologue* prologue() const { return held_->prologue(); }
    /// What runs it from now on, best for `batch` images at once. It may take the operator's weights, and refers to the
    /// operator, which must stay.
    std::unique_ptr<Step> prepare(const Graph& graph, const Node& node, std::int64_t batch) {
        return held_->prepare(graph, node, batch);
    }
    /// Whether it would multiply bf16 if its maps were of that.
    bool multiplies_bf16(const Graph& graph, const Node& node) const { return held_->multiplies_bf16(graph, node); }
    /// Whether it runs on its maps as they are, some of bf16.
    bool takes_bf16(const Graph& graph, const Node& node) const { return held_->takes_bf16(graph, node); }
    /// Appends the quantized form; false where there is none.
    bool quantize(QuantizePass& pass, const Node& node) const { return held_->quantize(pass, node); }

private:
    struct Held {
        virtual ~Held() = default;
        virtual std::unique_ptr<Held> clone() const = 0;
        virtual std::string_view name() const = 0;
        virtual bool multiplies_floats() const = 0;
        virtual bool in_place() const = 0;
        virtual void fields(Archive& archive) = 0;
        virtual void check(const NodeCheck& node) const = 0;
        virtual Value* residual() = 0;
        virtual Value* operand() = 0;
        virtual const Prologue* prologue() const = 0;
        virtual std::unique_ptr<Step> prepare(const Graph& graph, const Node& node, std::int64_t batch) = 0;
        virtual bool multiplies_bf16(const Graph& graph, const Node& node) const = 0;
        virtual bool takes_bf16(const Graph& graph, const Node& node) const = 0;
        virtual bool quantize(QuantizePass& pass, const Node& node) const = 0;
    };

    template <class T>
    struct DirectStep final : Step {
        explicit DirectStep(const T& of) : op(of) {}
        void run(const Node& node, const RunMemory& memory) const override { op.run(node, memory); }
        const T& op;
    };

    template <class T>
    struct Holder final : Held {
        explicit Holder(T value) : op(std::move(value)) {}
        std::unique_ptr<Held> clone() const override { return std::make_unique<Holder>(op); }
        std::string_view name() const override { return T::kName; }
        bool multiplies_floats() const override {
            return requires { T::kMultipliesFloats; };
        }
        bool in_place() const override {
            return requires { T::kInPlace; };
        }
        void fields(Archive& archive) override { op.fields(archive); }
        void check(const NodeCheck& node) const override { op.check(node); }
        Value* residual() override {
            if constexpr (requires { op.residual; })
                return op.residual ? &*op.residual : nullptr;
            else
                return nullptr;
        }
        Value* operand() override {
            if constexpr (requires { op.operand; })
                return op.operand ? &*op.operand : nullptr;
            else
                return nullptr;
        }
        const Prologue* prologue() const override {
            if constexpr (requires { requires std::same_as<decltype(T::prologue), std::optional<Prologue>>; })
                return op.prologue ? &*op.prologue : nullptr;
            else
                return nullptr;
        }
        std::unique_ptr<Step> prepare(const Graph& graph, const Node& node, std::int64_t batch) override {
            if constexpr (requires { op.prepare(graph, node, batch); })
                return op.prepare(graph, node, batch);
            else
                return std::make_unique<DirectStep<T>>(op);
        }
        bool multiplies_bf16([[maybe_unused]] const Graph& graph, [[maybe_unused]] const Node& node) const override {
            if constexpr (requires { bool{op.multiplies_bf16(graph, node)}; })
                return op.multiplies_bf16(graph, node);
            else
                return false;
        }
        bool takes_bf16([[maybe_unused]] const Graph& graph, [[maybe_unused]] const Node& node) const override {
            if constexpr (requires { bool{op.takes_bf16(graph, node)}; })
                return op.takes_bf16(graph, node);
            else
                return false;
        }
        bool quantize(QuantizePass& pass, const Node& node) const override {
            if constexpr (requires { bool{op.quantize(pass, node)}; }) {
                return op.quantize(pass, node);
            } else if constexpr (requires { op.quantize(pass, node); }) {
                op.quantize(pass, node);
                return true;
            } else {
                return false;
            }
        }
        T op;
    };

    std::unique_ptr<Held> held_;
};

}  // namespace graph
}  // namespace keel
