// Weights that other programs published: tensors by name, and nothing about the model that they are of.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/tensor.h"
#include "models/model_spec.h"

namespace keel {

/// Returns the model whose tensors have these names and dims, all of them and no others, of those in the registry; none
/// where there is no such (find_model_part() leaves out what is of no model before). A model that was pruned has fewer
/// channels than the registry's, and its widths are those of its weights.
/// What the weights do not say is guessed: images of 224 pixels (32 before a small stem) with the normalization of
/// default_normalization(), classes that are called by their numbers.
std::optional<ModelSpec> guess_spec(const std::vector<NamedTensor>& weights);

/// Returns what was guessed, for people: "resnet18 by the names of its tensors, 2 classes 0 to 1, ...".
std::string guessed_text(const ModelSpec& spec);

/// Gives a spec that was guessed the labels and the task of data that have as many labels, in their order.
void adopt_labels(ModelSpec& spec, const std::vector<std::string>& label_names, bool multi_label);

/// Returns why weights are of no model, for people: the model that they come nearest to, what of it is missing and what
/// they have that it has not, each with the name that is most like it.
std::string misfit_text(const std::vector<NamedTensor>& weights);

}  // namespace keel
