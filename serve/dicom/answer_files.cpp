#include "serve/dicom/answer_files.h"

#include <ctime>
#include <filesystem>
#include <utility>

#include "data/formats/decode.h"
#include "embed/images.h"
#include "engine/files.h"
#include "engine/paths.h"
#include "kernels/error.h"
#include "serve/dicom/findings.h"

namespace keel::dicom_node {
namespace fs = std::filesystem;

AnswerFiles::AnswerFiles(std::string folder, AnswerOptions options, const ImageScorer& scorer,
                         const std::vector<std::string>& checkpoints, bool calibrated)
    : folder_(std::move(folder)),
      options_(std::move(options)),
      scorer_(scorer),
      model_(fs::path(checkpoints.front()).stem().string()),  // name and version as keel serve calls such a model
      identity_(identity_of(checkpoints)),
      calibrated_(calibrated) {
    if (options_.capture || options_.presentation) {
        if (checkpoints.size() > 1)
            throw UsageError("[predict] --dicom-capture and --dicom-marks show what one checkpoint saw, not several");
        activation_.emplace(load_model(checkpoints.front()));
    }
    make_folders(folder_);
}

HeatGrid AnswerFiles::heat(const Tensor& input, std::size_t label) const {
    const std::int64_t wanted[] = {static_cast<std::int64_t>(label)};
    return heat_of(*activation_, activation_->maps(input, wanted), 0, 0);
}

std::vector<AnswerObject> AnswerFiles::answer(const std::string& path, const ImageScorer::Inputs& inputs,
                                              Findings findings) const {
    const std::string bytes = read_file(path, static_cast<std::uint64_t>(kMaxImageFileBytes));
    const SourceImage source = read_source({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, path);
    if (activation_) {
        const auto label = static_cast<std::size_t>(&findings.highest() - findings.all.data());
        findings.heat = HeatFinding{label, heat(inputs.front(), label)};
        TransformOptions transform = scorer_.transforms().front();
        transform.reading = scorer_.reading();
        if (options_.capture) findings.image = load_image(path, transform);
    }
    return make_answer(source, findings, options_, std::time(nullptr));
}

std::vector<std::string> AnswerFiles::write(const std::string& path, const ImageScorer::Inputs& inputs,
                                            std::span<const float> probabilities,
                                            std::span<const std::optional<bool>> calls) {
    Findings findings = findings_of(scorer_, probabilities, calls);
    findings.model = model_;
    findings.version = "1";
    findings.identity = identity_;
    findings.calibrated = calibrated_;
    std::vector<std::string> files;
    try {
        const std::vector<AnswerObject> objects = answer(path, inputs, std::move(findings));
        const std::string stem = fs::path(path).stem().string();
        std::string name = stem;
        for (int number = 2; !names_.insert(name).second; ++number) name = stem + '-' + std::to_string(number);
        for (const AnswerObject& object : objects) {
            files.push_back((fs::path(folder_) / (name + '.' + object.name)).string());
            write_file_atomically(files.back(), object.file);
        }
    } catch (const InputError& error) {
        failures_.push_back("no DICOM answer to " + path + ": " + error.what());
    }
    return files;
}

}  // namespace keel::dicom_node
