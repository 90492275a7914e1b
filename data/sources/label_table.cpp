#include "data/sources/label_table.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "data/formats/csv.h"
#include "data/sources/divide.h"
#include "data/sources/image_finder.h"
#include "data/sources/patients_and_views.h"
#include "data/sources/sources.h"
#include "data/sources/vocabulary.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

std::string label_list(const std::vector<std::string>& labels, const std::vector<std::int64_t>& counts) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < labels.size(); ++i)
        if (counts[i] > 0) texts.push_back(fmt::format("{} {}", labels[i], counts[i]));
    return some_of(texts, 14);
}

/// How often each label is said to be `truth`.
std::vector<std::int64_t> count(const LabelTable& table, Truth truth) {
    std::vector<std::int64_t> counts(table.labels.size());
    for (const LabelRow& row : table.rows)
        for (std::size_t i = 0; i < row.truths.size(); ++i) counts[i] += row.truths[i] == truth ? 1 : 0;
    return counts;
}

class Maker {
public:
    Maker(LabelTable table, const DatasetOptions& options) : table_(std::move(table)), options_(options) {}

    std::unique_ptr<Dataset> run() {
        choose_labels();
        contents_.task = table_.task;
        contents_.label_names = table_.labels;
        contents_.attribute_names = table_.attributes;
        contents_.remarks = std::move(table_.remarks);
        const UncertainRule rule(options_.uncertain, table_.labels, options_.split_seed);
        find_images();
        if (table_.task == Task::labels) decide_labels(rule);
        divide();
        scale_weights();
        keep_views(contents_, options_.view, table_.who);
        return make_file_dataset(std::move(contents_), options_);
    }

private:
    void say(bool warning, std::string text) { contents_.remarks.push_back({warning, std::move(text)}); }

    /// Keeps the labels asked for, or the most frequent where there are more than a data set has.
    void choose_labels() {
        std::vector<std::size_t> kept(table_.labels.size());
        std::iota(kept.begin(), kept.end(), std::size_t{0});
        if (!options_.only_labels.empty()) {
            kept.clear();
            for (const std::string& word : split_text(options_.only_labels, ',')) kept.push_back(index_of(word));
            std::set<std::size_t> different(kept.begin(), kept.end());
            if (different.size() != kept.size())
                throw UsageError(fmt::format("[{}] only_labels names a label twice", table_.who));
        } else if (table_.task == Task::labels && kept.size() > std::size_t{kMaxLabels}) {
            const std::vector<std::int64_t> counts = count(table_, Truth::present);
            std::ranges::stable_sort(kept, std::ranges::greater{}, [&](std::size_t i) { return counts[i]; });
            kept.resize(std::size_t{kMaxLabels});
            std::ranges::sort(kept);
            table_.remarks.push_back(
                {true, fmt::format("{} labels, of which the {} most frequent are used; --only-labels chooses others",
                                   table_.labels.size(), kMaxLabels)});
        } else {
            return;
        }
        if (table_.task == Task::classes)
            throw UsageError(fmt::format("[{}] only_labels chooses among labels, this data has classes", table_.who));
        keep_labels(kept);
    }

    std::size_t index_of(const std::string& word) const {
        const std::string name(trimmed(word));
        const auto found =
            std::ranges::find_if(table_.labels, [&](const std::string& label) { return same_finding(label, name); });
        if (found == table_.labels.end())
            throw UsageError(fmt::format("[{}] only_labels: the data has no label '{}'{}", table_.who, excerpt(name),
                                         suggestion(name, table_.labels)));
        return static_cast<std::size_t>(found - table_.labels.begin());
    }

    void keep_labels(const std::vector<std::size_t>& kept) {
        std::vector<std::string> labels, dropped = table_.labels;
        for (const std::size_t i : kept) labels.push_back(table_.labels[i]);
        std::erase_if(dropped,
                      [&](const std::string& label) { return std::ranges::find(labels, label) != labels.end(); });
        for (LabelRow& row : table_.rows) {
            std::vector<Truth> truths;
            for (const std::size_t i : kept) truths.push_back(row.truths[i]);
            row.truths = std::move(truths);
        }
        table_.labels = std::move(labels);
        if (!dropped.empty())
            table_.remarks.push_back(
                {false, fmt::format("{} labels are not used: {}", dropped.size(), some_of(dropped, 14))});
    }

    void find_images() {
        ImageFinder finder(table_.roots);
        PatientNames patients;
        std::vector<LabelRow> rows;
        for (LabelRow& row : table_.rows) {
            std::string file = finder.find(row.path.empty() ? row.name : row.path);
            if (file.empty()) {
                contents_.missing.push_back(std::move(row.name));
                continue;
            }
            Sample& sample = samples_.emplace_back();
            sample.name = row.name;
            sample.file = std::move(file);
            sample.label = row.label;
            sample.patient = patients.of(row.patient);
            sample.attributes = std::move(row.attributes);
            sample.weight = row.weight;
            rows.push_back(std::move(row));
        }
        table_.rows = std::move(rows);
        if (samples_.empty())
            throw InputError(fmt::format(
                "[{}] {}: none of its {} images is there{}", table_.who, table_.path, contents_.missing.size(),
                contents_.missing.empty() ? "" : ": " + some_of(contents_.missing, 2) + "; --root says where"));
        for (Remark& remark : finder.remarks()) contents_.remarks.push_back(std::move(remark));
        patients.say(contents_.remarks);
    }

    /// Decides what is true of each sample, and says what was not known.
    void decide_labels(const UncertainRule& rule) {
        const Truth blank = options_.blanks == "unknown" ? Truth::blank
                            : options_.blanks == "zeros" ? Truth::absent
                                                         : table_.blank;
        for (std::size_t i = 0; i < samples_.size(); ++i)
            for (std::size_t k = 0; k < table_.labels.size(); ++k) {
                Truth truth = table_.rows[i].truths[k];
                if (truth == Truth::blank) truth = blank;
                const std::uint64_t bit = std::uint64_t{1} << k;
                if (truth == Truth::present) samples_[i].mask |= bit;
                if (truth == Truth::blank) samples_[i].known &= ~bit;
                if (truth == Truth::uncertain) rule.apply(samples_[i], k);
            }
        say_uncertain(rule);
        if (const auto blanks = count(table_, Truth::blank); std::accumulate(blanks.begin(), blanks.end(), 0LL) > 0)
            say(false, fmt::format("blank labels are {}: {}",
                                   blank == Truth::absent ? "taken as absent" : "left out of loss and scores",
                                   label_list(table_.labels, blanks)));
    }

    void say_uncertain(const UncertainRule& rule) {
        const std::vector<std::int64_t> counts = count(table_, Truth::uncertain);
        std::map<std::string, std::vector<std::int64_t>> by_rule;
        for (std::size_t k = 0; k < counts.size(); ++k) {
            if (counts[k] == 0) continue;
            std::vector<std::int64_t>& own = by_rule[rule.text(k)];
            own.resize(counts.size());
            own[k] = counts[k];
        }
        for (const auto& [text, own] : by_rule)
            say(false, fmt::format("uncertain labels are {}: {}", text, label_list(table_.labels, own)));
    }

    /// What held_out_text() calls the samples that are divided.
    std::string whose() const {
        const bool patients = std::ranges::any_of(samples_, [](const Sample& s) { return !s.patient.empty(); });
        return patients ? "patients" : "images";
    }

    void divide() {
        std::vector<bool> train(samples_.size()), val(samples_.size()), test(samples_.size());
        bool by_table = false, val_by_table = false;
        for (std::size_t i = 0; i < samples_.size(); ++i) {
            const std::optional<Split> split = table_.rows[i].split;
            if (!split) continue;
            contents_.origins[static_cast<std::size_t>(*split)] = table_.origin;
            (*split == Split::train ? train : *split == Split::val ? val : test)[i] = true;
            by_table = true, val_by_table = val_by_table || *split == Split::val;
        }
        if (!by_table) {
            test = hold_out_patients(samples_, std::vector<bool>(samples_.size(), true), options_.test_fraction,
                                     options_.split_seed);
            train = test;
            train.flip();
            contents_.origins = {"the rest", "",
                                 held_out_text(options_.test_fraction, "all " + whose(), options_.split_seed)};
        }
        if (!val_by_table && std::ranges::find(train, true) != train.end()) {
            val = hold_out_patients(samples_, train, options_.val_fraction, options_.split_seed);
            contents_.origins[1] =
                held_out_text(options_.val_fraction, "the " + whose() + " left", options_.split_seed);
        }
        for (std::size_t i = 0; i < samples_.size(); ++i) {
            if (!train[i] && !test[i] && !(val_by_table && val[i]))
                contents_.unlisted.push_back(samples_[i].name);
            else
                put(std::move(samples_[i]), test[i] ? Split::test : val[i] ? Split::val : Split::train);
        }
        if (without_class_ > 0)
            say(true, fmt::format("{} images of validation and test have no class and are not used", without_class_));
    }

    void put(Sample sample, Split split) {
        if (table_.task == Task::classes && sample.label == kUnknownClass && split != Split::train)
            ++without_class_;
        else
            contents_.splits[static_cast<std::size_t>(split)].push_back(std::move(sample));
    }

    /// Makes the mean weight of training 1.
    void scale_weights() {
        const auto& train = contents_.splits[static_cast<std::size_t>(Split::train)];
        if (std::ranges::all_of(train, [](const Sample& sample) { return sample.weight == 1; })) return;
        double sum = 0;
        for (const Sample& sample : train) sum += double{sample.weight};
        if (sum <= 0)
            throw InputError(fmt::format("[{}] {}: no weight of training is above 0", table_.who, table_.path));
        const auto mean = static_cast<float>(sum / static_cast<double>(train.size()));
        const auto [least, most] = std::ranges::minmax_element(train, {}, &Sample::weight);
        say(false, fmt::format("samples count {:g} to {:g} in the loss of training, where the mean is 1",
                               least->weight / mean, most->weight / mean));
        for (auto& samples : contents_.splits)
            for (Sample& sample : samples) sample.weight /= mean;
    }

    LabelTable table_;
    const DatasetOptions& options_;
    DatasetContents contents_;
    std::vector<Sample> samples_;  ///< of table_.rows, whose images are there
    std::int64_t without_class_ = 0;
};

}  // namespace

std::unique_ptr<Dataset> make_table_dataset(LabelTable table, const DatasetOptions& options) {
    return Maker(std::move(table), options).run();
}

}  // namespace keel
