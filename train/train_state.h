// What a run trains: the model, its optimizer and what goes with them, made from the configuration and the data.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "engine/ema.h"
#include "engine/nn/module.h"
#include "engine/optimizer.h"
#include "engine/schedule.h"
#include "models/model_spec.h"
#include "train/loss.h"
#include "train/train_config.h"

namespace keel {

class Distillation;

struct TrainState {
    ModelSpec spec;
    std::unique_ptr<nn::Module> module;
    std::optional<Optimizer> optimizer;
    std::optional<Ema> ema;
    ScheduleOptions schedule;
    std::shared_ptr<const Loss> loss;
    std::shared_ptr<Distillation> distillation;  ///< whose teachers the loss asks; null: there are none
    std::vector<std::string> skipped;            ///< what of config.init was not taken over
    std::vector<std::string> changed;            ///< what of it was made to fit, and how
    std::string chosen_size;                     ///< of the size of images, where it follows the data; else empty

    /// Returns what there is to say of the data that a run is made for, and of weights that were made to fit them;
    /// images are looked at where `look` says so. `options`: those that the data were opened with.
    std::vector<Remark> remarks(const Dataset& dataset, const DatasetOptions& options, bool look) const;
    /// Returns all that gradients are summed of: the model's parameters and the loss's variables.
    std::vector<NamedTensor> trained() const;
    /// Returns model, optimizer, average and the loss's variables, as a checkpoint holds them.
    std::vector<NamedTensor> tensors() const;
    /// Returns what ranks may have differently: the statistics of batch norms, and their moving averages.
    std::vector<NamedTensor> running_statistics() const;
    /// Takes over what tensors() returned; variables of the loss that another loss left out stay as they are. Throws
    /// InputError that names `source` where they do not fit.
    void load(const std::vector<NamedTensor>& tensors, const std::string& source);
};

/// Makes what `config` names, for the labels of `dataset`; the learning rate is scaled for so many ranks, if config
/// says so. `loss` stands in for the configuration's. Throws UsageError or InputError for what does not fit together.
TrainState make_train_state(const TrainConfig& config, const Dataset& dataset, int ranks = 1,
                            std::shared_ptr<const Loss> loss = nullptr);

/// Returns the schedule that `config` names, in steps; the learning rate is scaled for so many ranks, if config says
/// so. Throws UsageError for values that do not go together.
ScheduleOptions make_schedule(const TrainConfig& config, double ranks);

/// Takes back what forward passes do to a module's buffers (the running statistics of batch norms).
class BufferGuard {
public:
    explicit BufferGuard(const nn::Module& module);
    /// Keeps what the buffers hold now.
    void keep();
    void restore() const;

private:
    std::vector<NamedTensor> buffers_;
    std::vector<Tensor> kept_;
};

}  // namespace keel
