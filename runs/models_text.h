// What keel models prints: the models that there are, and the layers of one, by its name or of a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "engine/json.h"
#include "models/registry.h"

namespace keel {

struct ModelText {
    Json json;
    std::string table;
};

/// Returns a line for each model of the registry.
ModelText models_text(const ModelOptions& options, std::int64_t image_size);

/// Returns the layers of a model of the registry, or of a file that load_model_state() reads: a checkpoint, another
/// program's weights, a quantized model, whose layers are the operators of its graph. A file's own options and size of
/// images are taken. Throws UsageError for what is neither, and what load_model_state() does.
ModelText layers_text(const std::string& model_or_file, const ModelOptions& options, std::int64_t image_size);

}  // namespace keel
