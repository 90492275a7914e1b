// Trainer: what is asked of teachers before the first step.
#include "train/distillation.h"
#include "train/trainer.h"

namespace keel {

bool Trainer::ask_teachers() {
    if (!train_.distillation || teachers_asked_) return true;
    const std::int64_t all = dataset_->size(Split::train);
    const Distillation::Asking asking{.stop = [this] { return own_status().stop; },
                                      .progress =
                                          [&](std::int64_t images, std::int64_t) {
                                              observer_.on_teachers_asked({images, all, ""});
                                          },
                                      .note =
                                          [&](const std::string& text) {
                                              observer_.on_teachers_asked({all, all, text});
                                          },
                                      .remark = [this](const std::string& text) { observer_.on_remark(text); },
                                      .on_bad_image = on_bad_image()};
    teachers_asked_ = train_.distillation->prepare(parallel_.world(), *dataset_, asking);
    if (teachers_asked_) return true;
    stop_ = parallel_.reduce_status(own_status()).stop_request();
    return false;
}

}  // namespace keel
