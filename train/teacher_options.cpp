#include "train/teacher_options.h"

namespace keel {

std::vector<Option<TrainConfig>> teacher_options() {
    using C = TrainConfig;
    return {
        {"teacher",
         &C::teacher,
         "FILE,...",
         {},
         "trained models of the same labels to learn from as well, with commas "
         "between: checkpoints, int8 models, ONNX models; several are an ensemble",
         "none"},
        {"teacher_weight", &C::teacher_weight, "", from_to(0, 1),
         "teacher: share of the loss against its answers; the rest is that of the data's labels"},
        {"temperature",
         &C::temperature,
         "",
         {NumberRange{0, 1000, true, false}},
         "teacher: logits are divided by it, its own and the student's"},
        {"hint_weight", &C::hint_weight, "", at_least(0),
         "teacher: weight of the distance of where both look, by the attention of a feature map", "no hints"},
        {"hint_layer",
         &C::hint_layer,
         "LAYER",
         {},
         "teacher: the map of the model that is trained",
         "its last feature map"},
        {"teacher_layer",
         &C::teacher_layer,
         "LAYER",
         {},
         "teacher: the map of the first teacher",
         "its last feature map"},
        {"teacher_cache",
         &C::teacher_cache,
         "DIR",
         {},
         "teacher: where answers are kept for runs to come, of augmentations that mirror images at most",
         "the run's folder"},
    };
}

}  // namespace keel
