// Keel inside of a shared library: the program that loads it sees the functions of scorer.h, and nothing of Keel.
#include "scorer.h"

#include <keel/embed/images.h>
#include <keel/embed/predictor.h>

#include <algorithm>
#include <exception>
#include <string>

struct scorer {
    explicit scorer(const char* checkpoint) : model(checkpoint), transform(keel::transform_of(model.spec())) {}

    keel::Predictor model;
    keel::TransformOptions transform;
};

namespace {

thread_local std::string error;

/// Calls `body`; no exception leaves the library.
template <class Body>
auto guarded(const Body& body, decltype(body()) otherwise) {
    try {
        return body();
    } catch (const std::exception& e) {
        error = e.what();
        return otherwise;
    }
}

}  // namespace

scorer* scorer_open(const char* checkpoint) {
    return guarded([&] { return new scorer(checkpoint); }, nullptr);
}

void scorer_close(scorer* s) { delete s; }

size_t scorer_labels(const scorer* s) { return s->model.spec().label_names.size(); }

const char* scorer_label(const scorer* s, size_t label) { return s->model.spec().label_names[label].c_str(); }

int scorer_score(const scorer* s, const char* path, float* scores) {
    return guarded(
        [&] {
            const keel::Image image = keel::load_image(path, s->transform);
            const keel::Tensor result = s->model.predict(keel::input_of({&image, 1}, s->transform));
            std::ranges::copy(result.values<float>(), scores);
            return 0;
        },
        -1);
}

const char* scorer_error(void) { return error.c_str(); }
