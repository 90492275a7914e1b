// What a checkpoint's metadata says: the model, its input and labels, the run.
#include "data/pipeline/transform.h"
#include "embed/images.h"
#include "models/registry.h"
#include "tests/fuzz/target.h"
#include "train/trainer_state.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    fuzz::accept_or_refuse<InputError>([&] {
        const ModelSpec spec = read_spec({{"keel.model", text}}, "input");
        // What was accepted can be built and fed: none of these may throw.
        try {
            make_blank_model(spec.name, spec.options);
            check_transform(transform_of(spec));
        } catch (const UsageError& error) {
            throw std::logic_error(error.what());
        }
    });
    fuzz::accept_or_refuse<InputError>([&] {
        const OperatingPoints points = operating_points_of(text, 2);
        try {
            std::vector<float> scores{0, 1, 0.5F, 1e-38F};
            points_of(points, "");
            if (points.calibration) calibrate(*points.calibration, true, scores);
        } catch (const UsageError& error) {
            throw std::logic_error(error.what());
        }
    });
    fuzz::accept_or_refuse<InputError>([&] {
        read_trainer_state({{"keel.epoch", "1"},
                            {"keel.step", "2"},
                            {"keel.sample_offset", "0"},
                            {"keel.seed", text},
                            {"keel.best_metric", text},
                            {"keel.config", ""},
                            {"keel.plateau", text},
                            {"keel.trainer", text}},
                           "input");
    });
    fuzz::accept_or_refuse<InputError>([&] { plateau_from_json(text); });
    return 0;
}
