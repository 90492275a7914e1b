// Tables of predictions: those that keel train writes, and anybody's for keel score.
#include <cmath>
#include <string>
#include <vector>

#include "data/sources/nih_table.h"
#include "runs/predictions_file.h"
#include "runs/score_table.h"
#include "tests/fuzz/target.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::MemoryFile file({data, size});
    fuzz::accept_or_refuse<InputError>([&] {
        const StoredPredictions stored = read_predictions(file.path());
        const Predictions& p = stored.predictions;
        fuzz::require(p.probabilities.size() == p.names.size() * stored.labels.size(), "rows of other lengths");
        for (std::size_t k = 0; k < stored.labels.size(); ++k)
            fuzz::require(stored.column(k).targets.size() == p.names.size(), "a column of another length");
    });
    for (const std::vector<std::string>& wanted :
         {std::vector<std::string>{"Mass"}, std::vector<std::string>{"Mass", "Hernia"}})
        fuzz::accept_or_refuse<InputError>([&] {
            const ScoreTable table = read_score_table(file.path(), nih_labels(), wanted);
            fuzz::require(table.scores.size() == table.names.size() * wanted.size(), "rows of other lengths");
            for (const double score : table.scores) fuzz::require(std::isfinite(score), "a score that is none");
        });
    return 0;
}
