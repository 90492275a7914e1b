#include "data/inspect/input_rate.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string_view>

#include "engine/files.h"
#include "kernels/error.h"

namespace keel {
namespace {

/// What the process has used so far.
struct Usage {
    double wall = 0, cpu = 0;  ///< seconds
    std::int64_t read = 0,
                 from_storage = 0;  ///< bytes: by calls, and of those what no cache held; as far as the system counts
};

Usage operator-(const Usage& a, const Usage& b) {
    return {a.wall - b.wall, a.cpu - b.cpu, a.read - b.read, a.from_storage - b.from_storage};
}

Usage& operator+=(Usage& a, const Usage& b) {
    a = {a.wall + b.wall, a.cpu + b.cpu, a.read + b.read, a.from_storage + b.from_storage};
    return a;
}

/// The number after "KEY: " in /proc/self/io; 0 where the system keeps no count.
std::int64_t io_count(std::string_view text, std::string_view key) {
    const std::size_t at = text.find(key);
    std::int64_t count = 0;
    if (at != std::string_view::npos) std::from_chars(text.data() + at + key.size(), text.data() + text.size(), count);
    return count;
}

Usage usage() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    std::string io;
    try {
        io = read_file("/proc/self/io", 4096);
    } catch (const Error&) {
        io.clear();  // a system without it
    }
    return {std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(),
            seconds(used.ru_utime) + seconds(used.ru_stime), io_count(io, "rchar: "), io_count(io, "\nread_bytes: ")};
}

/// One storage and its rounds.
struct Contender {
    const Dataset& dataset;
    std::vector<std::string> files;
    std::vector<Usage> rounds = {};  ///< an image
    std::int64_t images = 0, bad = 0;
};

void empty_cache(const std::vector<std::string>& files) {
    for (const std::string& file : files) {
        try {
            InputFile(file).drop_from_cache();
        } catch (const Error&) {
            continue;  // counted as bad where it is loaded
        }
    }
}

void measure(const InputMeasurement& what, const std::string& name, Contender& contender) {
    LoaderOptions loader_options = what.loader;
    loader_options.transform.channels = contender.dataset.channels();
    loader_options.epoch = 0;
    loader_options.max_bad = 1;
    Usage used;
    std::int64_t images = 0;
    contender.bad = 0;
    for (bool any = true; any && images < what.images; ++loader_options.epoch) {
        if (what.cold) empty_cache(contender.files);
        const Usage start = usage();
        Loader loader(contender.dataset, loader_options);
        any = false;
        for (Batch batch; images < what.images && loader.next(batch); images += batch.n) any = true;
        contender.bad += loader.bad_images();
        used += usage() - start;
    }
    if (images == 0)
        throw InputError(fmt::format("[data] the {} split of {} has no image that can be read",
                                     split_name(what.loader.split), name));
    contender.images = images;
    // The images decoded ahead when the last batch is taken are paid for and not counted: a few of `images`.
    const auto n = static_cast<double>(images);
    contender.rounds.push_back({used.wall / n, used.cpu / n, used.read / images, used.from_storage / images});
}

template <class T>
T median(const std::vector<Usage>& rounds, T Usage::*member) {
    std::vector<T> values;
    for (const Usage& round : rounds) values.push_back(round.*member);
    const auto middle = values.begin() + std::ssize(values) / 2;
    std::ranges::nth_element(values, middle);
    return *middle;
}

}  // namespace

std::int64_t bytes_read_so_far() { return usage().read; }

std::vector<InputRate> measure_input(const std::vector<std::unique_ptr<Dataset>>& datasets,
                                     const std::vector<std::string>& names, const InputMeasurement& what) {
    std::vector<Contender> contenders;
    for (const auto& dataset : datasets) contenders.push_back({*dataset, dataset->files()});
    for (int round = 0; round < what.rounds; ++round)
        for (std::size_t i = 0; i < contenders.size(); ++i) measure(what, names[i], contenders[i]);
    std::vector<InputRate> rates;
    for (const Contender& c : contenders)
        rates.push_back({.images = c.images,
                         .bad = c.bad,
                         .in_memory = c.files.empty(),
                         .seconds = median(c.rounds, &Usage::wall),
                         .cpu_seconds = median(c.rounds, &Usage::cpu),
                         .read_bytes = median(c.rounds, &Usage::read),
                         .storage_bytes = median(c.rounds, &Usage::from_storage)});
    return rates;
}

}  // namespace keel
