// The phantom set: procedurally drawn frontal chest X-rays, plainly marked as synthetic, in the layout of NIH
// ChestX-ray14.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/image.h"
#include "data/sources/boxes.h"

namespace keel {

struct PhantomOptions {
    std::string directory;
    std::int64_t count = 2000;  ///< images; a patient has one to five of them
    int size = 256;             ///< side, pixels
    std::uint64_t seed = 0;
    bool balanced = false;  ///< every label with probability kBalancedPrevalence instead of NIH's frequency
    bool force = false;     ///< replace a directory that is not empty; only a phantom set is ever replaced
    int threads = 2;
    std::function<void(std::int64_t done)> on_progress;  ///< called from any of the threads, one at a time
};

inline constexpr double kBalancedPrevalence = 0.2;

/// One image of the set: who, which signs it shows (bits in the order of nih_labels()) and which split it is in.
struct PhantomImage {
    std::string name;  ///< as NIH's: PPPPPPPP_NNN.png
    std::int64_t patient = 0;
    int follow_up = 0;
    std::uint64_t mask = 0;
    bool test = false;
};

/// Returns the list of images, a function of count, seed and balanced alone. Every fifth patient is a test patient. A
/// patient's images share the anatomy, and mostly the signs: an image keeps each of its patient's signs with
/// probability 0.7, and shows one that the patient has not just often enough that the label's overall frequency is met.
std::vector<PhantomImage> plan_phantom(const PhantomOptions& options);

/// Returns one image drawn: a function of its entry, the size and the seed alone.
Image draw_phantom(const PhantomImage& image, int size, std::uint64_t seed);

/// Returns where the signs of an image are that NIH has boxes for (Atelectasis to Pneumothorax): what changes visibly
/// where the sign is left out, one box a lung.
std::vector<LabelledBox> phantom_boxes(const PhantomImage& image, int size, std::uint64_t seed);

/// Writes the set: images/*.png, Data_Entry_2017.csv, BBox_List_2017.csv (of the test images), train_val_list.txt,
/// test_list.txt and the marker SYNTHETIC.txt. It is written beside `directory`, made durable and renamed, so a
/// half-written set never has its name. Throws UsageError for an option outside its range or a directory that is not
/// empty without `force`, IoError where writing fails.
void write_phantom(const PhantomOptions& options);

}  // namespace keel
