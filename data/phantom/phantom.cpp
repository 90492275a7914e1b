// The phantom set as a whole: who shows what, and the files.
#include "data/phantom/phantom.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include <fmt/core.h>

#include "data/formats/new_folder.h"
#include "data/formats/stb.h"
#include "data/sources/nih_table.h"
#include "engine/paths.h"
#include "kernels/error.h"
#include "kernels/random.h"

namespace keel {
namespace {

namespace fs = std::filesystem;

constexpr int kMostImages = 5;          // of one patient
constexpr float kKeep = 0.7F;           // probability that an image shows a sign of its patient
constexpr std::int64_t kTestEvery = 5;  // every fifth patient

/// Images of each label among the 112,120 of NIH ChestX-ray14 (Wang et al., CVPR 2017, data release of 2017), CheXNet's
/// order.
constexpr std::array<int, 14> kNihCounts{11559, 2776, 13317, 19894, 5782, 6331, 1431,
                                         5302,  4667, 2303,  2516,  1686, 3385, 227};
constexpr double kNihImages = 112120;

constexpr const char* kReadme =
    "SYNTHETIC. These are not X-rays of anybody.\n\n"
    "The images in this folder were drawn by a program (`keel data synth`) to test software. They look like stylised "
    "frontal\n"
    "chest X-rays and carry the word SYNTHETIC. They have no diagnostic meaning, and a model trained on them has none "
    "either.\n"
    "The layout is that of NIH ChestX-ray14.\n\n";

constexpr const char* kHeader =
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]\n";

void check(const PhantomOptions& o) {
    require<UsageError>(o.count >= 1 && o.count <= 10'000'000, "[synth] count must be within [1, 10000000]");
    require<UsageError>(o.size >= 64 && o.size <= 2048, "[synth] size must be within [64, 2048] pixels");
    require<UsageError>(o.threads >= 1 && o.threads <= 1024, "[synth] threads must be within [1, 1024]");
}

float prevalence(std::size_t label, bool balanced) {
    return static_cast<float>(balanced ? kBalancedPrevalence : kNihCounts[label] / kNihImages);
}

std::string findings(std::uint64_t mask) {
    std::string text;
    for (std::size_t i = 0; i < nih_labels().size(); ++i) {
        if ((mask >> i & 1U) != 0) text += fmt::format("{}{}", text.empty() ? "" : "|", nih_labels()[i]);
    }
    return text.empty() ? "No Finding" : text;
}

/// Made durable with all others, when the whole set takes its name.
template <class Bytes>
void write_file(const fs::path& path, const Bytes& bytes) {
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    out.close();
    if (!out) throw IoError(fmt::format("[synth] cannot write {}", path.string()));
}

/// Writes the images, returns the boxes of the test images. Every image is a function of the plan, so the threads only
/// share a counter. The first error ends all of them.
std::vector<LabelledBox> write_images(const PhantomOptions& o, const std::vector<PhantomImage>& plan,
                                      const fs::path& directory) {
    std::atomic<std::size_t> next{0};
    std::vector<std::vector<LabelledBox>> boxes(plan.size());
    std::mutex mutex;  // guards done, error and the callback
    std::int64_t done = 0;
    std::exception_ptr error;
    const auto work = [&] {
        for (std::size_t i = next++; i < plan.size(); i = next++) {
            try {
                write_file(directory / plan[i].name, encode_png(draw_phantom(plan[i], o.size, o.seed)));
                if (plan[i].test) boxes[i] = phantom_boxes(plan[i], o.size, o.seed);
                const std::lock_guard lock(mutex);
                ++done;
                if (o.on_progress) o.on_progress(done);
            } catch (...) {
                next = plan.size();
                const std::lock_guard lock(mutex);
                if (!error) error = std::current_exception();
            }
        }
    };
    {
        std::vector<std::jthread> threads;
        for (int t = 1; t < o.threads; ++t) threads.emplace_back(work);
        work();
    }
    if (error) std::rethrow_exception(error);
    std::vector<LabelledBox> all;
    for (const auto& of_image : boxes) all.insert(all.end(), of_image.begin(), of_image.end());
    return all;
}

void write_tables(const PhantomOptions& o, const std::vector<PhantomImage>& plan, const std::vector<LabelledBox>& boxes,
                  const fs::path& directory) {
    std::string table = kHeader, train, test;
    for (const PhantomImage& image : plan) {
        Random person(o.seed, Draw::synthesize, 3, static_cast<std::uint64_t>(image.patient));
        const std::uint32_t age = 20 + person.below(65);
        const char gender = person.chance(0.5F) ? 'F' : 'M';
        table += fmt::format("{},{},{},{},{},{},PA,{},{},0.143,0.143\n", image.name, findings(image.mask),
                             image.follow_up, image.patient, age, gender, o.size, o.size);
        (image.test ? test : train) += image.name + "\n";
    }
    write_file(directory / "Data_Entry_2017.csv", table);
    write_file(directory / "BBox_List_2017.csv", boxes_csv(boxes));
    write_file(directory / "train_val_list.txt", train);
    write_file(directory / "test_list.txt", test);
    const std::string marker =
        kReadme + fmt::format("count {}\nsize {}\nseed {}\nbalanced {}\n", o.count, o.size, o.seed, o.balanced);
    write_file(directory / kPhantomMarker, marker);
}

void write_set(const PhantomOptions& o) {
    NewFolder folder(o.directory, {"synth", "phantom set", kPhantomMarker}, o.force);
    make_folders(folder.path() / "images");
    const std::vector<PhantomImage> plan = plan_phantom(o);
    const auto boxes = write_images(o, plan, folder.path() / "images");
    write_tables(o, plan, boxes, folder.path());
    folder.commit();
}

}  // namespace

std::vector<PhantomImage> plan_phantom(const PhantomOptions& o) {
    std::vector<PhantomImage> plan;
    plan.reserve(static_cast<std::size_t>(o.count));
    const std::size_t labels = nih_labels().size();
    for (std::int64_t patient = 1; static_cast<std::int64_t>(plan.size()) < o.count; ++patient) {
        Random r(o.seed, Draw::synthesize, 0, static_cast<std::uint64_t>(patient));
        const auto images = static_cast<int>(1 + r.below(kMostImages));
        std::uint64_t disease = 0;
        for (std::size_t i = 0; i < labels; ++i) disease |= std::uint64_t{r.chance(prevalence(i, o.balanced))} << i;
        for (int k = 0; k < images && static_cast<std::int64_t>(plan.size()) < o.count; ++k) {
            PhantomImage image{fmt::format("{:08}_{:03}.png", patient, k), patient, k, 0, patient % kTestEvery == 2};
            for (std::size_t i = 0; i < labels; ++i) {
                // p * keep + (1 - p) * p (1 - keep) / (1 - p) = p: the label's overall frequency.
                const float p = prevalence(i, o.balanced);
                const float shown = (disease >> i & 1U) != 0 ? kKeep : p * (1.0F - kKeep) / (1.0F - p);
                image.mask |= std::uint64_t{r.chance(shown)} << i;
            }
            plan.push_back(std::move(image));
        }
    }
    return plan;
}

void write_phantom(const PhantomOptions& options) {
    check(options);
    write_set(options);
}

}  // namespace keel
