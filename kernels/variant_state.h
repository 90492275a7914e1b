// What a variant of a kernel keeps for a thread while it runs a part of the work.
#pragma once

namespace keel::kernels {

/// Calls the variant's open(memory), if it has one, and its close(memory) at the end: what shapes matrix tiles and what
/// gives them back.
template <class Variant>
class VariantState {
public:
    VariantState(const Variant& variant, void* memory) : variant_(variant), memory_(memory) {
        if (variant.open != nullptr) variant.open(memory);
    }
    ~VariantState() {
        if (variant_.close != nullptr) variant_.close(memory_);
    }
    VariantState(const VariantState&) = delete;
    VariantState& operator=(const VariantState&) = delete;

private:
    const Variant& variant_;
    void* memory_;
};

}  // namespace keel::kernels
