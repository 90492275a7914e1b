// Spaces of keel tune. Points drawn from what is accepted belong to it, and are options of keel train.
#include <string_view>

#include "tests/fuzz/target.h"
#include "tune/sampler.h"
#include "tune/space_json.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::accept_or_refuse<UsageError>([&] {
        const TrainConfig base;
        const tune::Space space = tune::read_space({reinterpret_cast<const char*>(data), size}, "input", base);
        Random random(1, Draw::search);
        const tune::Point point = tune::draw_random(space, random);
        fuzz::require(tune::holds(space, point), "a drawn point is not of its space");
        fuzz::require(tune::same(tune::read_point(space, tune::to_json(space, point)), point),
                      "another point came back");
        TrainConfig config = base;
        tune::apply(space, point, config);
    });
    return 0;
}
