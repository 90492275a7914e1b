// What keel fit looks at: a model and the ways in which it may become faster or smaller.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keel::fit {

/// What a model's file computes in.
enum class Form : std::uint8_t { f32, bf16, int8 };
std::string_view name(Form form);

/// How a model's weights came about.
enum class Making : std::uint8_t {
    as_is,     ///< the checkpoint's
    tuned,     ///< the checkpoint's, pruned where `keep` says so, and trained on
    distilled  ///< of another architecture, taught by the checkpoint
};

/// A model of floats, whatever it then computes in.
struct Body {
    std::string model{};  ///< of the registry; of a graph of another program's any name
    std::int64_t image_size = 0;
    double keep = 1;  ///< the share of channels that pruning leaves
    Making making = Making::as_is;

    bool operator==(const Body&) const = default;
};

struct Candidate {
    Body body{};
    Form form = Form::f32;
    int kept = 0;  ///< int8: layers that are left in f32, those that lose most

    bool operator==(const Candidate&) const = default;
};

/// "densenet121-224", "densenet121-224-keep50-tuned", "resnet18-224-distilled": names of files as well.
std::string name_of(const Body& body);
/// The same with its form: "densenet121-224-int8-kept8".
std::string name_of(const Candidate& candidate);

/// The ways, in the order of what they cost.
enum class Way : std::uint8_t { precision, int8, size, fine_tune, prune, distill };
std::string_view name(Way way);
/// Returns the way of that name. Throws UsageError that lists them.
Way way_named(std::string_view text);
inline const std::vector<std::string_view> kWays{"precision", "int8", "size", "fine-tune", "prune", "distill"};

/// What may be tried.
struct Space {
    Body own{};                           ///< the checkpoint's model as it is
    std::vector<Way> ways{};              ///< in any order
    bool bf16 = false, int8 = false;      ///< whether models can take that form
    std::vector<int> kept{4, 8, 16};      ///< layers that int8 models may leave in f32, rising
    std::vector<std::int64_t> sizes{};    ///< sides of smaller images, falling
    std::vector<double> keeps{};          ///< shares of channels, falling
    std::vector<std::string> students{};  ///< models to teach, from the costliest on
};

/// Candidates that cost about the same to find out about, in the order in which they are looked at.
struct Stage {
    Way way = Way::precision;
    std::vector<Candidate> candidates{};
};

/// Returns the stages, the cheapest first; the very first candidate is the checkpoint itself in f32. A pure function.
std::vector<Stage> stages_of(const Space& space);

/// Returns the sides that smaller images may have by themselves: 7/8, 3/4, 5/8 and half of `image_size`, rounded to
/// multiples of 32 where it is at least 128, else of 4; falling, each once, none below 16.
std::vector<std::int64_t> usual_sizes(std::int64_t image_size);

}  // namespace keel::fit
