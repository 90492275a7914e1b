// The node on a server's models.
#include "serve/dicom_service.h"

#include <cmath>

#include "embed/image_scorer.h"
#include "kernels/error.h"
#include "tests/embed/small_model.h"
#include "tests/serve/dicom_archive.h"
#include "tests/serve/dicom_samples.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

// A namespace of its own: a folder's tests are compiled together.
namespace keel::serve::dicom_service_tests {

using namespace keel::test;

namespace {

/// A server's parts with one model, or two.
struct Parts {
    explicit Parts(int count = 1) : table(named(count), 2) {}
    std::vector<ModelSource> named(int count) {
        write_small_checkpoint(folder / "model.safetensors", 1);
        std::vector<ModelSource> sources;
        for (int i = 0; i < count; ++i)
            sources.push_back(
                {.name = "model" + std::to_string(i), .version = "7", .files = {folder / "model.safetensors"}});
        return sources;
    }
    ServeOptions options(int peer) const {
        ServeOptions o;
        o.dicom = "KEEL:0";
        o.dicom_peer = "ARCHIVE@127.0.0.1:" + std::to_string(peer);
        o.dicom_queue = folder / "node";
        o.drain_seconds = 10;
        return o;
    }
    void say(const std::string& line) {
        const std::lock_guard lock(mutex);
        lines += line + '\n';
    }
    std::unique_ptr<DicomService> start(const ServeOptions& o) {
        const auto hear = [this](const std::string& line) { say(line); };
        return std::make_unique<DicomService>(o, table, batcher, metrics, hear, hear);
    }

    const TemporaryFolder folder;
    ModelTable table;
    Batcher batcher{BatchLimits{.max_batch = 2}};
    Metrics metrics;
    std::mutex mutex;
    std::string lines;
};

std::string port_of(const std::string& address) { return address.substr(address.rfind(':') + 1); }

}  // namespace

TEST_CASE("a server's node answers with what its model says, heatmap and marks", "[serve]") {
    if (!dicom_node::has_network()) return;
    Parts parts;
    const Archive archive({kReport, dicom_node::kSecondaryCapture, "1.2.840.10008.5.1.4.1.1.11.1"});
    ServeOptions options = parts.options(archive.port());
    options.dicom_capture = options.dicom_marks = true;
    const auto service = parts.start(options);
    write_text(parts.folder / "image.dcm", bytes_of(xray(1)));
    dicom_node::CallOptions call;
    call.title = "MODALITY";
    call.peer = {"KEEL", "127.0.0.1", std::stoi(port_of(service->address()))};
    call.classes = {dicom_node::kDigitalXRay};
    CHECK(dicom_node::call_peer(call)->send(parts.folder / "image.dcm").result == dicom_node::SendResult::stored);
    REQUIRE(eventually([&] { return archive.objects().size() == 3; }));
    REQUIRE(eventually([&] { return holds(parts.metrics.text(), "keel_dicom_answers_total 1"); }));
    CHECK_THAT(parts.metrics.text(), contains("keel_dicom_waiting{kind=\"answers\"} 0"));
    CHECK_THAT(parts.lines, contains("not a medical device"));
    // The probabilities of the report are those of the model.
    const std::vector<float> wanted = predicted(parts.folder / "model.safetensors", parts.folder / "image.dcm");
    std::vector<double> found;
    for (const auto& [uid, object] : archive.objects()) {
        const Parsed report = parse(span_of(object), {true, false});
        if (report.at(0x00080060) != "SR") continue;
        for (const Parsed& section : report.items.at(0x0040A730))
            if (section.items.contains(0x0040A043) && section.item(0x0040A043).at(0x00080100) == "126010")
                for (const Parsed& group : section.items.at(0x0040A730))
                    for (const Parsed& item : group.items.at(0x0040A730))
                        if (item.at(0x0040A040) == "NUM")
                            found.push_back(std::stod(item.item(0x0040A300).at(0x0040A30A)));
    }
    REQUIRE(found.size() == wanted.size());
    // Seven digits of percents are written; batches of other sizes round sums of floats otherwise.
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(std::abs(found[i] / 100 - double{wanted[i]}) < 1e-5);
    service->stop();
}

TEST_CASE("the node's model is named where a server has several", "[serve]") {
    Parts parts(2);
    ServeOptions options = parts.options(104);
    CHECK_THROWS_WITH(parts.start(options), contains("--dicom-model is to say which model answers: model0, model1"));
    options.dicom_model = "model2";
    CHECK_THROWS_WITH(parts.start(options), contains("--dicom-model wants one of model0, model1, got 'model2'"));
    options.dicom_model = "model1";
    options.dicom_callers = "A,,B";
    CHECK_THROWS_WITH(parts.start(options), contains("--dicom-callers wants an application entity title"));
    options.dicom_callers = "A,B";
    if (!dicom_node::has_network()) {
        CHECK_THROWS_WITH(parts.start(options), contains("built without DCMTK"));
        return;
    }
    options.dicom = "KEEL@0.0.0.0:0";
    options.dicom_callers = "";
    CHECK_NOTHROW(parts.start(options));
    CHECK_THAT(parts.lines, contains("unencrypted") && contains("--dicom-callers names who may"));
}

}  // namespace keel::serve::dicom_service_tests
