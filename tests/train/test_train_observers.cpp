#include "train/observer.h"

#include "tests/support/catch.h"

using namespace keel;

namespace {

/// Notes its name and the call in a list that it shares with others.
class Named final : public TrainObserver {
public:
    Named(std::string name, std::vector<std::string>& calls) : name_(std::move(name)), calls_(calls) {}
    void on_resume(const ResumeReport& r) override { note("resume", r.step); }
    void on_start(const TrainStart& s) override { note("start", s.total_steps); }
    void on_step(const StepReport& r) override { note("step", r.step); }
    void on_epoch_trained(const EpochTrained& e) override { note("trained", e.epoch); }
    void on_epoch(const EpochReport& e) override { note("epoch", e.epoch); }
    void on_checkpoint(const CheckpointReport& c) override { note("checkpoint", c.step); }
    void on_skip(const SkippedStep& s) override { note("skip", s.step); }
    void on_bad_image(const BadImage& bad) override { note("bad", bad.index); }
    void on_end() override { note("end", 0); }
    std::optional<StopRequest> should_stop(double seconds) override {
        note("stop", static_cast<std::int64_t>(seconds));
        return request;
    }

    std::optional<StopRequest> request;

private:
    void note(const std::string& call, std::int64_t number) {
        calls_.push_back(name_ + " " + call + " " + std::to_string(number));
    }

    std::string name_;
    std::vector<std::string>& calls_;
};

template <class Report>
Report with(std::int64_t Report::*member, std::int64_t value) {
    Report report;
    report.*member = value;
    return report;
}

}  // namespace

TEST_CASE("All observers hear everything, in the order of the list", "[observer]") {
    std::vector<std::string> calls, wanted;
    Named first("a", calls), second("b", calls);
    TrainObservers both({&first, &second});
    both.on_resume(with(&ResumeReport::step, 1));
    both.on_start(with(&TrainStart::total_steps, 2));
    both.on_step(with(&StepReport::step, 3));
    both.on_epoch_trained(with(&EpochTrained::epoch, 4));
    both.on_epoch(with(&EpochReport::epoch, 5));
    both.on_checkpoint(with(&CheckpointReport::step, 6));
    both.on_skip(with(&SkippedStep::step, 7));
    both.on_bad_image(with(&BadImage::index, 8));
    both.on_end();
    for (const char* call :
         {"resume 1", "start 2", "step 3", "trained 4", "epoch 5", "checkpoint 6", "skip 7", "bad 8", "end 0"})
        for (const char* name : {"a ", "b "}) wanted.push_back(std::string(name) + call);
    CHECK(calls == wanted);
}

TEST_CASE("The first observer that asks stops the run", "[observer]") {
    std::vector<std::string> calls;
    Named first("a", calls), second("b", calls), third("c", calls);
    TrainObservers all({&first, &second, &third});
    CHECK_FALSE(all.should_stop(5));
    CHECK(calls == std::vector<std::string>{"a stop 5", "b stop 5", "c stop 5"});
    second.request = {2, "two"};
    third.request = {3, "three"};
    REQUIRE(all.should_stop(5));
    CHECK(all.should_stop(5)->reason == "two");
    CHECK_FALSE(TrainObservers({}).should_stop(0));
}
