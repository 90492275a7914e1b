#include "train/observer.h"

#include "tests/support/catch.h"

using namespace keel;

namespace {

/// Writes down who was told what.
class Witness final : public TrainObserver {
public:
    Witness(std::string name, std::string& said, std::optional<StopRequest> stop = {})
        : name_(std::move(name)), said_(said), stop_(std::move(stop)) {}

    void on_resume(const ResumeReport& report) override { say("resume " + std::to_string(report.step)); }
    void on_start(const TrainStart& start) override { say("start " + start.model); }
    void on_step(const StepReport& report) override { say("step " + std::to_string(report.step)); }
    void on_epoch_trained(const EpochTrained& report) override { say("trained " + std::to_string(report.epoch)); }
    void on_epoch(const EpochReport& report) override { say("epoch " + std::to_string(report.epoch)); }
    void on_checkpoint(const CheckpointReport& report) override { say("saved " + std::to_string(report.step)); }
    void on_skip(const SkippedStep& step) override { say("skipped " + step.what); }
    void on_bad_image(const BadImage& bad) override { say("bad " + bad.name); }
    void on_end() override { say("end"); }
    std::optional<StopRequest> should_stop(double seconds_needed) override {
        say("asked " + std::to_string(static_cast<int>(seconds_needed)));
        return stop_;
    }

private:
    void say(const std::string& what) { said_ += name_ + ": " + what + "\n"; }

    std::string name_;
    std::string& said_;
    std::optional<StopRequest> stop_;
};

/// A report of which one field is set.
template <class Report, class Value>
Report report(Value Report::*field, const Value& value) {
    Report made;
    made.*field = value;
    return made;
}

}  // namespace

TEST_CASE("Observers are told everything, in the order of their list", "[observer]") {
    std::string said, wanted;
    Witness a("a", said), b("b", said);
    TrainObservers all({&a, &b});
    all.on_resume(report(&ResumeReport::step, std::int64_t{3}));
    all.on_start(report(&TrainStart::model, std::string("m")));
    all.on_step(report(&StepReport::step, std::int64_t{4}));
    all.on_epoch_trained(report(&EpochTrained::epoch, std::int64_t{1}));
    all.on_epoch(report(&EpochReport::epoch, std::int64_t{1}));
    all.on_checkpoint(report(&CheckpointReport::step, std::int64_t{5}));
    all.on_skip(report(&SkippedStep::what, std::string("NaN")));
    all.on_bad_image({0, "x.png", "why"});
    all.on_end();
    for (const std::string what :
         {"resume 3", "start m", "step 4", "trained 1", "epoch 1", "saved 5", "skipped NaN", "bad x.png", "end"})
        wanted += "a: " + what + "\nb: " + what + "\n";
    CHECK(said == wanted);
}

TEST_CASE("The first observer that asks to stop is heard", "[observer]") {
    std::string said;
    Witness a("a", said), b("b", said, StopRequest{7, "b"}), c("c", said, StopRequest{9, "c"});
    const auto request = TrainObservers({&a, &b, &c}).should_stop(2);
    REQUIRE(request);
    CHECK(request->code == 7);
    CHECK(request->reason == "b");
    CHECK(said == "a: asked 2\nb: asked 2\n");
    CHECK_FALSE(TrainObservers({&a}).should_stop(2));
    CHECK_FALSE(TrainObservers({}).should_stop(2));
    CHECK_FALSE(TrainObserver().should_stop(2));
}
