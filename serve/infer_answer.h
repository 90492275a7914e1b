// The answer to a request to infer: which tensors it wants, and their text or bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "serve/batcher.h"
#include "serve/http/http_message.h"
#include "serve/infer_request.h"
#include "serve/model_inputs.h"

namespace keel::serve {

inline constexpr std::int64_t kMostOutputs = 8;  ///< of a request: each may be drawn

/// An output as a request wants it.
struct OutputWish {
    TensorInfo tensor;
    bool binary = false;                           ///< behind the JSON
    std::optional<std::int64_t> classification{};  ///< the k highest, as texts "VALUE:INDEX:LABEL" (Triton's extension)
};

/// What a request says beside its tensors.
struct RequestWishes {
    std::vector<OutputWish> outputs{};
    std::optional<HeatWish> heat{};  ///< where an output wants it
    std::optional<std::chrono::microseconds> timeout{};
    bool draws = false;  ///< an output is drawn, which takes a while
};

/// Reads them. Throws InputError for outputs that the model does not have or that are too many, and for parameters that
/// nothing knows.
RequestWishes wishes_of(const ServedModel& model, const InferRequest& request);

/// Returns the answer with the outputs, JSON or, where one of them is to be binary, JSON and bytes. Throws InputError
/// for images that cannot be drawn, or that have no answer.
HttpResponse infer_response(const ServedModel& model, const InferRequest& request, const RequestWishes& wishes,
                            const Answer& answer, const RequestImages& images);

}  // namespace keel::serve
