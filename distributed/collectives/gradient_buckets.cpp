#include "distributed/collectives/gradient_buckets.h"

#include <time.h>

#include <algorithm>
#include <numeric>

#include "distributed/collectives/self_test.h"
#include "engine/hash.h"
#include "engine/quantile.h"
#include "kernels/error.h"
#include "kernels/profile.h"

namespace keel {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kTrials = 3;  // steps of each kind, after one that both leave out

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// For which the calling thread had a processor so far.
double seconds_on_processor() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

Allreduce make_allreduce(World& world, Wire wire) {
    std::optional<Allreduce> made;
    world.call([&](Communicator& communicator) { made.emplace(communicator, kSegmentBytes, wire); });
    return std::move(*made);
}

/// Returns which element of a plain tensor lies at each place of one in the layout of `tensor`: layouts of as many
/// elements may differ in nothing else, as those of two instruction sets do, and sums over them would be of one
/// element with another. Two elements share a number only if they are 2^24 apart.
std::vector<float> places_in(const Tensor& tensor) {
    std::vector<float> numbers(static_cast<std::size_t>(tensor.elements()));
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i % (1U << 24));
    const Tensor numbered = Tensor::from(std::span<const float>(numbers), tensor.dims());
    numbered.set_layout(tensor.layout());
    const float* const data = numbered.data<float>();
    return {data, data + numbered.storage_elements()};
}

}  // namespace

GradientBuckets::GradientBuckets(World& world, std::vector<NamedTensor> parameters, const CostModel& costs,
                                 const BucketOptions& options)
    : world_(world),
      costs_(costs),
      options_(options),
      sums_(std::make_shared<Sums>(Sums{make_allreduce(world, options.wire), {}})) {
    for (NamedTensor& parameter : parameters)
        if (parameter.tensor.requires_grad()) parameters_.push_back(std::move(parameter));
    is_ready_.resize(parameters_.size());
    for (std::size_t p = 0; p < parameters_.size(); ++p)
        parameters_[p].tensor.on_grad_ready([this, p](const Tensor&) { ready(p); });
}

GradientBuckets::~GradientBuckets() {
    for (const NamedTensor& parameter : parameters_) {
        parameter.tensor.on_grad_ready({});
        parameter.tensor.set_grad_home({});
        parameter.tensor.set_grad({});
    }
}

float* GradientBuckets::memory() const { return sums_->memory->part<float>(sums_->memory->rank()); }

void GradientBuckets::begin() {
    std::fill(is_ready_.begin(), is_ready_.end(), false);
    sent_ = 0;
    for (std::size_t b = 0; b < plan_.buckets.size(); ++b) missing_[b] = plan_.buckets[b].items;
    // In the first steps both ways take turns.
    const std::size_t turn = trials_[0].size() + trials_[1].size();
    overlaps_ = options_.overlap == Overlap::on ||
                (options_.overlap == Overlap::automatic && (turn < 2 * (kTrials + 1) ? turn % 2 == 1 : overlaps_));
    sums_->busy = sums_->processor = 0;
    armed_ = true;
    begun_ = Clock::now();
}

void GradientBuckets::ready(std::size_t parameter) {
    if (!armed_) return;
    is_ready_[parameter] = true;
    if (!sums_->memory) {
        order_.push_back(parameter);
        return;
    }
    --missing_[bucket_of_[parameter]];
    if (overlaps_) send_full_buckets();
}

/// In the order of the plan, which is the same on all ranks: nobody has to ask what the others send.
void GradientBuckets::send_full_buckets() {
    while (sent_ < plan_.buckets.size() && missing_[sent_] == 0) send(sent_++);
}

Algorithm GradientBuckets::algorithm_of(const Bucket& bucket) const {
    if (options_.algorithm && !(is_apart() && *options_.algorithm == Algorithm::hierarchical))
        return *options_.algorithm;
    return fastest_algorithm(costs_, cluster_of(world_.topology()),
                             bucket.elements * static_cast<std::int64_t>(sizeof(float)),
                             world_.topology().per_node() > 0 && !is_apart());
}

/// What `work` takes of the time of the thread that does it.
template <class Work>
void GradientBuckets::Sums::timed(Work work) {
    const auto start = Clock::now();
    const double processor_before = seconds_on_processor();
    const profile::Span span("allreduce");
    work();
    busy += seconds_since(start);
    processor += seconds_on_processor() - processor_before;
}

void GradientBuckets::send(std::size_t index) {
    const Bucket& bucket = plan_.buckets[index];
    const auto number = static_cast<std::int32_t>(index);
    const ElementRange range{bucket.begin, bucket.elements};
    const Algorithm algorithm = algorithm_of(bucket);
    const auto sums = sums_;
    if (algorithm != Algorithm::hierarchical)
        return world_.start(
            [sums, range, algorithm](Communicator&) {
                float* const own = sums->memory->part<float>(sums->memory->rank());
                const std::span data(own + range.begin, static_cast<std::size_t>(range.count));
                sums->timed([&] { sums->allreduce.sum(algorithm, data); });
            },
            number);
    // In the memory of a node either thread can add, and the whole team where it has nothing else to do.
    using InMemory = void (Allreduce::*)(SharedMemory&, const ElementRange&, Adders);
    const auto in_memory = [&](InMemory part) {
        const auto by = [sums, range, part](Adders adders) {
            sums->timed([&] { (sums->allreduce.*part)(*sums->memory, range, adders); });
        };
        world_.start([by](Communicator&) { by(Adders::caller); }, number, [by] { by(Adders::team); });
    };
    in_memory(&Allreduce::sum_in_node);
    if (!sums->allreduce.several_nodes()) return;
    world_.start(
        [sums, range](Communicator&) { sums->timed([&] { sums->allreduce.sum_between_nodes(*sums->memory, range); }); },
        number);
    in_memory(&Allreduce::spread_in_node);
}

void GradientBuckets::finish() {
    armed_ = false;
    const bool first = !sums_->memory;
    if (first) learn();
    for (std::size_t p = 0; p < parameters_.size(); ++p) {
        if (is_ready_[p]) continue;
        const Tensor& tensor = parameters_[p].tensor;
        std::fill_n(tensor.grad_home().data<float>(), tensor.grad_home().storage_elements(), 0.0F);
        tensor.set_grad(tensor.grad_home());
        --missing_[bucket_of_[p]];
    }
    const auto waits_from = Clock::now();
    world_.bring_team();
    send_full_buckets();
    {
        const profile::Span span("wait for sums");
        world_.finish();
    }
    exposed_ = seconds_since(waits_from);
    if (!first && options_.overlap == Overlap::automatic) choose_overlap(seconds_since(begun_));
}

void GradientBuckets::choose_overlap(double seconds) {
    const std::size_t turn = trials_[0].size() + trials_[1].size();
    if (turn >= 2 * (kTrials + 1)) return;
    trials_[overlaps_ ? 1 : 0].push_back(seconds);
    if (turn + 1 < 2 * (kTrials + 1)) return;
    struct Medians {
        double off, on;
    };
    const auto of = [](const std::vector<double>& all) { return median({all.begin() + 1, all.end()}); };
    const Medians slowest =
        world_.reduce(Medians{of(trials_[0]), of(trials_[1])}, [](const Medians& a, const Medians& b) {
            return Medians{std::max(a.off, b.off), std::max(a.on, b.on)};
        });
    overlaps_ = slowest.on < slowest.off;
}

/// Backward has run for the first time: the order is known, and the layouts of the weights.
void GradientBuckets::learn() {
    for (std::size_t p = 0; p < parameters_.size(); ++p)
        if (!is_ready_[p]) order_.push_back(p);
    std::vector<std::int64_t> sizes;
    for (const std::size_t p : order_) sizes.push_back(parameters_[p].tensor.storage_elements());
    plan_ = plan_buckets(sizes, options_.bucket_bytes, std::min(options_.bucket_bytes, kFirstBucketBytes));
    require_equal_plans();
    const auto bytes = static_cast<std::size_t>(plan_.elements) * sizeof(float);
    world_.call([&](Communicator& communicator) { sums_->memory = communicator.share(bytes); });
    std::fill_n(memory(), plan_.elements, 0.0F);  // the gaps, too: NaN there would be slow to add

    bucket_of_.resize(parameters_.size());
    missing_.assign(plan_.buckets.size(), 0);
    for (std::size_t b = 0; b < plan_.buckets.size(); ++b) {
        missing_[b] = plan_.buckets[b].items;
        for (std::int64_t i = 0; i < plan_.buckets[b].items; ++i)
            bucket_of_[order_[static_cast<std::size_t>(plan_.buckets[b].first_item + i)]] = b;
    }
    for (std::size_t i = 0; i < order_.size(); ++i) {
        const Tensor& tensor = parameters_[order_[i]].tensor;
        auto* place = reinterpret_cast<std::byte*>(memory() + plan_.offsets[i]);
        const Tensor home = tensor.like_at(place, sums_->memory);
        if (is_ready_[order_[i]]) {
            home.assign(tensor.grad());
            --missing_[bucket_of_[order_[i]]];
        }
        tensor.set_grad_home(home);
        tensor.set_grad(home);
    }
}

void GradientBuckets::require_equal_plans() const {
    Hash hash;
    for (const std::size_t p : order_) {
        const Tensor& tensor = parameters_[p].tensor;
        hash.add(parameters_[p].name + tensor.dims().text() + std::to_string(tensor.storage_elements()) + "\n");
        if (!tensor.layout()) continue;
        const std::vector<float> places = places_in(tensor);
        hash.add(std::as_bytes(std::span(places)));
    }
    const int differs = hash.hex() == world_.broadcast(hash.hex()) ? world_.size() : world_.rank();
    const int first = world_.reduce(differs, [](int a, int b) { return std::min(a, b); });
    if (first < world_.size())
        throw UsageError("[ranks] rank " + std::to_string(first) +
                         " has another order, number or layout of gradients than rank 0: "
                         "start all ranks with the same program on processors of the same kind, or set KEEL_ISA");
}

}  // namespace keel
