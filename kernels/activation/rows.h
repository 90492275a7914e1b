// An activation as part of another kernel, which applies it to its results while they are in the cache.
#pragma once

#include "kernels/activation/variants.h"
#include "kernels/dispatch.h"

namespace keel::kernels {

class RowActivation {
public:
    explicit RowActivation(const Activation& activation)
        : activation_(activation), variant_(select(activation_variants)) {}

    /// Whether it changes anything.
    explicit operator bool() const { return activation_.kind != ActivationKind::none; }

    /// Replaces `count` numbers by the activation of them; serial.
    void apply(float* row, std::int64_t count) const {
        variant_.forward(activation_, {1, count, count, count}, row, row);
    }

private:
    Activation activation_;
    const ActivationVariant& variant_;
};

}  // namespace keel::kernels
