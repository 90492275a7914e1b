// The source of docs/adding_a_data_source.md does what the guide says, and is what the guide prints; the tables of
// sources agree.
#include "tests/data/example_source.h"

#include "data/pipeline/loader.h"
#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

std::string document(const std::string& name) { return read_text(KEEL_SOURCE_DIR "/docs/" + name); }

std::string refusal(const std::string& folder, const std::string& table) {
    write_text(folder + "/labels.csv", table);
    try {
        open_table(folder, {});
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("The guide's source opens a table with labels that are not known", "[guide]") {
    const TemporaryFolder scratch;
    for (const char* name : {"a.png", "b.png", "c.png", "d.png"})
        write_bytes(scratch / name, encode_png(noise_image(8, 8, 1, static_cast<std::uint64_t>(name[0]))));
    write_text(
        scratch / "labels.csv",
        "file,split,Mass,Nodule\na.png,train,1,0\nb.png,train,,1\nc.png,test,0,0\nd.png,val,1,\ngone.png,train,1,1\n");
    const auto data = open_table(scratch.path(), {});
    CHECK(data->label_names() == std::vector<std::string>{"Mass", "Nodule"});
    CHECK((data->size(Split::train) == 2 && data->size(Split::val) == 1 && data->size(Split::test) == 1));
    CHECK(data->missing() == std::vector<std::string>{"gone.png"});
    LoaderOptions options;
    options.transform.image_size = 8;
    Loader loader(*data, options);
    Batch batch;
    REQUIRE(loader.next(batch));
    CHECK(batch.names == std::vector<std::string>{"a.png", "b.png"});
    CHECK(batch.targets == std::vector<float>{1, 0, kUnknownTarget, 1});

    write_text(scratch / "labels.csv", "file,split,Mass\na.png,train,1\nb.png,train,0\nc.png,train,\n");
    CHECK(open_table(scratch.path(), {})->size(Split::val) == 1);  // split off
}

TEST_CASE("The guide's source refuses what it cannot read", "[guide]") {
    const TemporaryFolder scratch;
    write_bytes(scratch / "a.png", encode_png(noise_image(8, 8, 1, 1)));
    CHECK_THAT(refusal(scratch.path(), ""), contains("labels.csv: wanted the columns"));
    CHECK_THAT(refusal(scratch.path(), "file,split\n"), contains("wanted the columns"));
    CHECK_THAT(refusal(scratch.path(), "file,split" + std::string(65, ',')), contains("wanted the columns"));
    CHECK_THAT(refusal(scratch.path(), "file,split,Mass\na.png,train\n"),
               contains("labels.csv:2: another number of cells"));
    CHECK_THAT(refusal(scratch.path(), "file,split,Mass\na.png,train,2\n"),
               contains("wanted 1, 0 or nothing, got '2'"));
    CHECK_THAT(refusal(scratch.path(), "file,split,Mass\na.png,trian,1\n"),
               contains("wanted train, val or test, got 'trian'"));
    CHECK_THAT(refusal(scratch.path(), "file,split,Mass\nb.png,train,1\n"), contains("no image of train is there"));
}

TEST_CASE("The guide prints the source that is tested here, and names files that exist", "[guide]") {
    const std::string guide = document("adding_a_data_source.md");
    std::string source = read_text(KEEL_SOURCE_DIR "/tests/data/example_source.cpp");
    const std::string own_header = "#include \"tests/data/example_source.h\"\n";  // a source of Keel's has table.h
    REQUIRE(source.find(own_header) != std::string::npos);
    source.erase(source.find(own_header), own_header.size());
    CHECK(guide.find("```cpp\n" + source + "```") != std::string::npos);
    for (const char* file : {"data/sources/table.h", "docs/data_formats.md", "data/sources/sources.h", "data/dataset.h",
                             "tests/data/test_dataset.cpp", "data/formats/image_format.h"}) {
        INFO(file);
        CHECK(guide.find(file) != std::string::npos);
        CHECK(std::filesystem::exists(std::filesystem::path(KEEL_SOURCE_DIR) / file));
    }
}

TEST_CASE("The help and the documents list the sources of the table", "[guide]") {
    CHECK(data_spec_help() ==
          "phantom:DIR, nih:DIR, csv:FILE, chexpert:DIR, mimic:DIR, padchest:DIR, vindr:DIR, rsna:DIR, "
          "medmnist:FILE.npz, "
          "folder:DIR, cifar10:DIR or pack:DIR");
    const std::string formats = document("data_formats.md");
    for (const Source& source : kSources) {
        const std::string spec = std::string(source.scheme) + ":" + source.argument;
        INFO(spec);
        CHECK(formats.find("\n| `" + spec + "` | " + source.summary + " | ") != std::string::npos);
        CHECK(formats.find("\n## `" + spec + "`\n") != std::string::npos);
        CHECK_THROWS_AS(open_dataset(std::string(source.scheme) + ":/no/such/path"), UsageError);
    }
}
