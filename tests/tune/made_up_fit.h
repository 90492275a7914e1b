// Made-up measurements for the search for a model under limits.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "tune/fit/run_search.h"

namespace keel::test {

/// Measures nothing: figures are what a function makes of a candidate; it notes what it is asked for.
class MadeUpMeasuring final : public fit::Measuring {
public:
    std::function<fit::Figures(const fit::Candidate&)> figures;
    std::vector<std::string> asked{};  ///< names of candidates, "probe NAME FORM"

    fit::Figures measure(const fit::Candidate& candidate) override {
        asked.push_back(name_of(candidate));
        return figures(candidate);
    }
    fit::Speed probe(const fit::Body& body, fit::Form form) override {
        asked.push_back("probe " + name_of(fit::Candidate{body, form}));
        return figures(fit::Candidate{body, form}).speed;
    }
};

/// Accuracy, rate, and what follows from the rate: one image at a time takes as long as at the rate, the file has a
/// megabyte for each 10 images a second that are missing to 1000.
inline fit::Figures made_up_figures(double drop, double rate) {
    fit::Figures figures{.metric = 0.9 - drop, .drop = drop};
    figures.interval = Interval{figures.metric - 0.02, figures.metric + 0.02};
    figures.drop_interval = Interval{drop - 0.002, drop + 0.002};
    figures.speed = {rate, rate, rate, 1000 / rate, 1000 / rate, 1000 / rate, 200};
    figures.megabytes = (1000 - rate) / 10;
    return figures;
}

/// int8 is 3 times as fast as f32 and loses 0.003, a layer left in f32 costs 2 % of the speed and gives back 0.00018;
/// bf16 1.5 times and 0.0005. Smaller images are faster by the pixels and lose, in all, 0.1 for each half of the side;
/// training gives back four fifths of that. Pruned models are faster by the square of what is kept and lose a tenth of
/// what is not, a student is four times as fast and loses 0.004. The checkpoint makes 100 images a second.
inline fit::Figures usual_figures(const fit::Candidate& c) {
    double rate = 100, drop = 0;
    const double side = static_cast<double>(c.body.image_size) / 224;
    rate /= side * side;
    drop += 0.2 * (1 - side) * (c.body.making == fit::Making::as_is ? 1 : 0.2);
    rate /= c.body.keep * c.body.keep;
    drop += 0.1 * (1 - c.body.keep);
    if (c.body.making == fit::Making::distilled) {
        rate *= 4;
        drop += 0.004;
    }
    if (c.form == fit::Form::bf16) {
        rate *= 1.5;
        drop += 0.0005;
    }
    if (c.form == fit::Form::int8) {
        rate *= 3 * (1 - 0.02 * c.kept);
        drop += 0.003 - 0.00018 * c.kept;
    }
    return made_up_figures(drop, rate);
}

/// densenet121 at 224 pixels, all ways, all forms, one student.
inline fit::Space usual_space() {
    using fit::Way;
    return {.own = {"densenet121", 224},
            .ways = {Way::distill, Way::prune, Way::fine_tune, Way::size, Way::int8, Way::precision},
            .bf16 = true,
            .int8 = true,
            .sizes = {192, 160, 128},
            .keeps = {0.75, 0.5},
            .students = {"resnet18"}};
}

}  // namespace keel::test
