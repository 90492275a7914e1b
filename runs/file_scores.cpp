#include "runs/file_scores.h"

#include <algorithm>
#include <span>
#include <utility>

#include "data/inspect/brightness.h"
#include "kernels/error.h"

namespace keel {
namespace {

/// A file that could be read, and what the models take of it.
struct LoadedFile {
    std::string path;
    ImageScorer::Inputs inputs;
};

std::vector<LoadedFile> load_files(std::span<const std::string> files, const ImageScorer& scorer, OddImages& odd,
                                   const FileScoringOptions& options) {
    std::vector<LoadedFile> loaded;
    for (const std::string& file : files) {
        try {
            loaded.push_back({file, scorer.load(file, [&](const Image& image) { odd.look(file, file, image); })});
        } catch (const StorageError&) {
            throw;  // says nothing about the file
        } catch (const Error& error) {
            options.on_skip(file, error.what());
        }
    }
    return loaded;
}

/// Appends the scores of the files that have some.
void score_loaded(const ImageScorer& scorer, const std::vector<LoadedFile>& files, const FileScoringOptions& options,
                  std::vector<ScoredImage>& all) {
    const std::size_t labels = scorer.spec().label_names.size();
    std::vector<ImageScorer::Inputs> inputs;
    for (const LoadedFile& file : files) inputs.push_back(file.inputs);
    const ImageScorer::Scores scores = scorer.score(inputs);
    for (const NoAnswer& one : scores.none) options.on_skip(files[static_cast<std::size_t>(one.image)].path, one.why);
    for (std::size_t i = 0; i < files.size(); ++i) {
        if (std::ranges::find(scores.none, static_cast<std::int64_t>(i), &NoAnswer::image) != scores.none.end())
            continue;
        const auto own = std::span(scores.probabilities).subspan(i * labels, labels);
        ScoredImage& prediction = all.emplace_back(ScoredImage{files[i].path, {own.begin(), own.end()}});
        if (!scores.calls.empty()) {
            const auto calls = std::span(scores.calls).subspan(i * labels, labels);
            prediction.calls.assign(calls.begin(), calls.end());
        }
        if (options.heatmaps != nullptr)
            prediction.heatmaps = options.heatmaps->explain(files[i].path, files[i].inputs[0], own);
        if (options.on_scored) options.on_scored(prediction, files[i].inputs);
    }
}

}  // namespace

ScoredFiles score_files(const ImageScorer& scorer, const std::vector<std::string>& files,
                        const FileScoringOptions& options) {
    OddImages odd(scorer.reading());
    const auto most = static_cast<std::size_t>(options.batch_size);
    ScoredFiles scored;
    for (std::size_t begin = 0; begin < files.size(); begin += most)
        score_loaded(
            scorer,
            load_files(std::span(files).subspan(begin, std::min(most, files.size() - begin)), scorer, odd, options),
            options, scored.images);
    scored.remarks = odd.remarks(0);
    return scored;
}

}  // namespace keel
