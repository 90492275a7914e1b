#include "data/sources/label_csv.h"

#include <set>

#include "data/pipeline/loader.h"
#include "kernels/error.h"
#include "tests/data/table_sets.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

using Strings = std::vector<std::string>;

/// A table beside the images a.png to f.png.
class Set {
public:
    explicit Set(const std::string& table) {
        write_images(folder_, {"a.png", "b.png", "c.png", "d.png", "e.png", "f.png"});
        write_text(folder_ / "table.csv", table);
    }
    std::string spec() const { return "csv:" + (folder_ / "table.csv"); }
    std::unique_ptr<Dataset> open(const DatasetOptions& options = {}) const { return open_dataset(spec(), options); }
    const TemporaryFolder& folder() const { return folder_; }

private:
    TemporaryFolder folder_;
};

std::string known_labels(const Dataset& data, const std::string& name) {
    return labels_of(data, samples_of(data).at(name));
}

}  // namespace

TEST_CASE("csv: a column a label, with patients, splits, views, sex, age and weights", "[label_csv]") {
    const Set set(
        "Path,PatientID,Split,View,Gender,Age,sample_weight,Mass,Edema\n"
        "a.png,7,train,PA,Female,61,1,1,0\n"
        "b.png,007,train,LL,M,058Y,3,0.0,-1.0\n"
        "c.png,8,valid,AP,male,,2,,1\n"
        "d.png,9,TEST,pa,F,3,1,nan,0\n");
    const auto data = set.open();
    CHECK((data->task() == Task::labels && data->label_names() == Strings{"Mass", "Edema"}));
    CHECK(data->attribute_names() == Strings{"sex", "age", "view"});
    CHECK(names_in(*data, Split::train) == Strings{"a.png", "b.png"});
    CHECK(names_in(*data, Split::val) == Strings{"c.png"});
    CHECK(names_in(*data, Split::test) == Strings{"d.png"});
    CHECK(data->origin(Split::val) == "by the column 'Split'");
    CHECK((known_labels(*data, "a.png") == "Mass" && known_labels(*data, "b.png") == "Edema?"));
    CHECK((known_labels(*data, "c.png") == "Mass? Edema" && known_labels(*data, "d.png") == "Mass?"));
    const auto samples = samples_of(*data);
    CHECK(samples.at("a.png").attributes == Strings{"F", "61", "PA"});
    CHECK(samples.at("b.png").attributes == Strings{"M", "58", "lateral"});
    CHECK((samples.at("a.png").patient == "7" && samples.at("b.png").patient == "7"));
    CHECK((samples.at("a.png").weight == 0.5F && samples.at("b.png").weight == 1.5F));  // their mean in training is 1
    const std::string said = remarks_of(*data);
    CHECK_THAT(said,
               contains("table.csv, separated by commas; its columns: images 'Path', patients 'PatientID', splits "
                        "'Split', views 'View', sex 'Gender', age 'Age', weights 'sample_weight'"));
    CHECK_THAT(said, contains("labels are in 'Mass, Edema', 2 of one column each; --label-type classes"));
    CHECK_THAT(said, contains("! 1 patients' numbers are written in several ways, which are taken as one: '007' '7'"));
    CHECK_THAT(said, contains("uncertain labels are left out of loss and scores: Edema 1"));
    CHECK_THAT(said, contains("blank labels are left out of loss and scores: Mass 2"));
    CHECK(data->load(Split::train, 0).width == 8);
}

TEST_CASE("csv: labels in one column, joined in some way, in lists, or a row each", "[label_csv]") {
    const std::string
        bars = "image,labels\na.png,Mass|Edema\nb.png,No Finding\nc.png, Mass \nd.png,\n",
        lists = "image,labels\na.png,\"['Mass', \"\"Edema\"\"]\"\nb.png,['normal']\nc.png,['Mass']\nd.png,nan\n",
        tabs = "image\tlabels\na.png\tMass;Edema\nb.png\tno finding\nc.png\tMass\nd.png\t\n",
        rows = "image,label\na.png,Mass\na.png,Edema\nb.png,No finding\nc.png,Mass\nd.png,\n";
    for (const std::string& table : {bars, lists, tabs, rows}) {
        const auto data = Set(table).open();
        CAPTURE(table);
        CHECK((data->task() == Task::labels && data->label_names() == Strings{"Edema", "Mass"}));
        CHECK((known_labels(*data, "a.png") == "Edema Mass" && known_labels(*data, "b.png").empty()));
        CHECK((known_labels(*data, "c.png") == "Mass" && samples_of(*data).at("c.png").known == kAllKnown));
        if (table != lists) CHECK(known_labels(*data, "d.png") == "Edema? Mass?");
    }
    CHECK_THAT(remarks_of(*Set(rows).open()),
               contains("! 1 rows add labels to an image that has a row already, as a.png"));
    const auto chosen = Set("image,labels\na.png,x+y\nb.png,y\n").open(with({{&DatasetOptions::label_separator, "+"}}));
    CHECK(chosen->label_names() == Strings{"x", "y"});
    CHECK_THAT(refusal_of(Set("image,labels\na.png,['Mass'\nb.png,['Mass']\n").spec()),
               contains("table.csv:2: wanted a list ['a', 'b']"));
}

TEST_CASE("csv: classes by a word an image, by a number, or by one column of several", "[label_csv]") {
    const auto words = Set("file;class\na.png;dog\nb.png;cat\nc.png;dog\n").open();
    CHECK((words->task() == Task::classes && words->label_names() == Strings{"cat", "dog"}));
    CHECK(samples_of(*words).at("a.png").label == 1);
    CHECK_THAT(remarks_of(*words),
               contains("classes are in 'class', one a cell; --label-type labels takes them as labels"));
    const auto numbers = Set("file,label\na.png,10\nb.png,2\nc.png,0\n").open();
    CHECK(numbers->label_names() == Strings{"0", "2", "10"});
    const auto binary = Set("file,label\na.png,1\nb.png,0\n").open();
    CHECK((binary->task() == Task::classes && binary->label_names() == Strings{"0", "1"}));
    const auto label = Set("file,label\na.png,1\nb.png,0\n").open(with({{&DatasetOptions::label_type, "labels"}}));
    CHECK((label->task() == Task::labels && label->label_names() == Strings{"label"}));
    const std::string one_hot = "file,cat,dog\na.png,0,1\nb.png,1,0\n";
    const auto both = Set(one_hot).open();
    CHECK(both->task() == Task::labels);
    CHECK_THAT(remarks_of(*both), contains("! every image shows exactly one label: --label-type classes"));
    const auto hot = Set(one_hot).open(with({{&DatasetOptions::label_type, "classes"}}));
    CHECK((hot->task() == Task::classes && samples_of(*hot).at("a.png").label == 1));
    CHECK_THAT(refusal_of(Set("file,cat,dog\na.png,1,1\n").spec(), with({{&DatasetOptions::label_type, "classes"}})),
               contains("table.csv:2: wanted one class, got 2"));
}

TEST_CASE("csv: options name columns, and are refused where the table has none of the name", "[label_csv]") {
    const std::string table =
        "n,who,grp,proj,s,years,w,x,y,z\na.png,p1,train,PA,F,3,1,1,0,5\nb.png,p2,val,AP,M,4,1,0,1,6\n";
    DatasetOptions options;
    options.path_column = "n", options.patient_column = "who", options.split_column = "grp",
    options.view_column = "proj";
    options.sex_column = "s", options.age_column = "years", options.weight_column = "w", options.label_columns = "y, x";
    const auto data = Set(table).open(options);
    CHECK(data->label_names() == Strings{"y", "x"});
    CHECK(names_in(*data, Split::val) == Strings{"b.png"});
    CHECK((samples_of(*data).at("b.png").patient == "p2" && known_labels(*data, "b.png") == "y"));
    CHECK(samples_of(*data).at("b.png").attributes == Strings{"M", "4", "AP"});
    options.label_columns = "yy";
    CHECK_THAT(refusal_of(Set(table).spec(), options), contains("no column 'yy' for the labels"));
    options = {};
    options.only_labels = "y";
    CHECK(Set(table).open(options)->label_names() == Strings{"y"});
    options.only_labels = "q";
    CHECK_THAT(refusal_of(Set(table).spec(), options), contains("only_labels: the data has no label 'q'"));
}

TEST_CASE("csv: paths are relative to the table or to --root", "[label_csv]") {
    const TemporaryFolder folder;
    write_images(folder, {"images/x/a.png", "images/x/b.png"});
    write_text(folder / "tables/t.csv", "path,label\nx/a.png,u\nx/b.png,v\nx/none.png,u\n");
    const std::string spec = "csv:" + (folder / "tables/t.csv");
    CHECK_THAT(refusal_of(spec),
               contains("none of its 3 images is there: x/a.png, x/b.png and 1 more; --root says where"));
    const auto data = open_dataset(spec, with({{&DatasetOptions::root, folder / "images"}}));
    CHECK(samples_of(*data).at("x/a.png").file == folder / "images/x/a.png");
    CHECK(data->missing() == Strings{"x/none.png"});
    write_text(folder / "images/t.csv", "path,label\n\"x/a.png \",u\n D:\\x\\b.png,v\n");
    const auto odd = open_dataset("csv:" + (folder / "images/t.csv"));
    CHECK(samples_of(*odd).size() == 2);
    CHECK_THAT(remarks_of(*odd), contains("2 names of images are read without the blanks around them, as 'x/a.png '"));
    CHECK_THAT(remarks_of(*odd), contains("1 names of the table are found without their first folders"));
}

TEST_CASE("csv: splits by patient where the table names none, the same for every view", "[label_csv]") {
    const TemporaryFolder folder;
    std::string table = "path,patient,view,x\n";
    Strings names;
    for (int i = 0; i < 60; ++i) {
        names.push_back("i" + std::to_string(i) + ".png");
        table += names.back() + "," + std::to_string(i / 3) +
                 (i % 3 == 0   ? ",PA,"
                  : i % 3 == 1 ? ",AP,"
                               : ",LATERAL,") +
                 std::to_string(i % 2) + "\n";
    }
    write_images(folder, names);
    write_text(folder / "t.csv", table);
    const std::string spec = "csv:" + (folder / "t.csv");
    const auto all = open_dataset(spec);
    CHECK((all->size(Split::test) == 12 && all->size(Split::val) == 6 && all->size(Split::train) == 42));
    CHECK(all->origin(Split::test) == "20 % of all patients, seed 0");
    const auto patients = [](const Dataset& data, Split split) {
        std::set<std::string> found;
        for (const Sample& sample : data.samples(split)) found.insert(sample.patient);
        return found;
    };
    const auto frontal = open_dataset(spec, with({{&DatasetOptions::view, "frontal"}})),
               lateral = open_dataset(spec, with({{&DatasetOptions::view, "lateral"}}));
    CHECK((frontal->size(Split::train) == 28 && lateral->size(Split::train) == 14));
    for (const Split split : kSplits) {
        CHECK(patients(*frontal, split) == patients(*all, split));
        CHECK(patients(*lateral, split) == patients(*all, split));
    }
    CHECK_THAT(remarks_of(*frontal), contains("40 of 60 images have the view frontal; left out: 20 lateral"));
    CHECK_THAT(refusal_of(spec, with({{&DatasetOptions::view, "oblique"}})),
               contains("no image's view is oblique; there are: 20 AP, 20 PA"));
    CHECK_THAT(refusal_of(Set("path,x\na.png,1\nb.png,0\n").spec(), with({{&DatasetOptions::view, "PA"}})),
               contains("does not say the images' views"));
}

TEST_CASE("csv: smoothed labels reach the loss of training, not the scores", "[label_csv]") {
    const Set set("path,split,Mass,Edema\na.png,train,-1,1\nb.png,train,0,-1\nc.png,val,-1,0\n");
    const auto data = set.open(with({{&DatasetOptions::uncertain, "Mass=smooth:0.25-0.5,ones"}}));
    LoaderOptions loader;
    loader.transform.image_size = 8;
    loader.batch_size = 2;
    Batch batch;
    REQUIRE(Loader(*data, loader).next(batch));
    CHECK(batch.targets == std::vector<float>{kUnknownTarget, 1, 0, 1});
    REQUIRE(batch.soft_targets.size() == 4);
    CHECK((batch.soft_targets[0] >= 0.25F && batch.soft_targets[0] < 0.5F));
    CHECK(std::vector(batch.soft_targets.begin() + 1, batch.soft_targets.end()) == std::vector<float>{1, 0, 1});
    CHECK(batch.weights.empty());
    loader.split = Split::val;
    REQUIRE(Loader(*data, loader).next(batch));
    CHECK(batch.targets == std::vector<float>{kUnknownTarget, 0});
    const auto plain = set.open(with({{&DatasetOptions::blanks, "zeros"}}));
    loader.split = Split::train;
    REQUIRE(Loader(*plain, loader).next(batch));
    CHECK(batch.soft_targets.empty());
}

TEST_CASE("Options about tables are refused by sources without one", "[label_csv]") {
    const Set set("path,x\na.png,1\nb.png,0\n");
    write_images(set.folder(), {"classes/A/a.png", "classes/B/b.png"});
    const std::string folder = "folder:" + (set.folder() / "classes");
    CHECK(refusal_of(folder).empty());
    CHECK_THAT(refusal_of(folder, with({{&DatasetOptions::uncertain, "ones"}})), contains("reads no table of labels"));
}

TEST_CASE("csv: malformed tables are refused with file and line", "[label_csv]") {
    const std::pair<const char*, const char*> rows[] = {
        {"path,x\na.png\n", ":2: 1 cells, the header has 2"},
        {"path,x\n,1\n", ":2: no image in 'path'"},
        {"path,x\na.png,1\nb.png,2\n", ":1: no column of labels"},
        {"path,x\n", "no column of labels"},
        {"x,y\n1,0\n", ":1: no column names images"},
        {"path,x\na.png,1\na.png,0\n", ":3: a.png has a row already, with other labels"},
        {"path,split,x\na.png,train,1\na.png,test,1\n", ":3: a.png has a row already, of another split"},
        {"path,x,sample_weight\na.png,1,-2\n", ":2: wanted a weight from 0 to 1e6, got '-2'"},
        {"path,x,x\na.png,1,1\n", ":1: the label 'x' comes twice"},
        {"path,a\x01"
         "b\na.png,1\n",
         "the label 'a?b' is empty or not printable"},
        {"path,label\na.png,\nb.png,No Finding\n", "no cell of 'label' names a label"},
    };
    for (const auto& [table, message] : rows) {
        const Set set(table);
        CAPTURE(table);
        CHECK_THAT(refusal_of(set.spec()), contains(message));
        CHECK_THROWS_AS(set.open(), InputError);
    }
    CHECK_THAT(
        refusal_of(Set("path,x,y\na.png,1,0\nb.png,two,1\n").spec(), with({{&DatasetOptions::label_columns, "x,y"}})),
        contains(":3: wanted 1, 0, -1 or nothing in 'x', got 'two'"));
    CHECK_THAT(refusal_of(Set("path,fold,x\na.png,3,1\n").spec(), with({{&DatasetOptions::split_column, "fold"}})),
               contains(":2: wanted a split (train, val, test), got '3'"));
    CHECK_THAT(remarks_of(*Set("path,fold,x\na.png,3,1\nb.png,4,0\n").open()),
               contains("the column 'fold' does not name splits and is not used"));
    CHECK_THAT(remarks_of(*Set("path,x\na.png,1\na.png,1\nb.png,0\n").open()),
               contains("! 1 rows repeat one before them and are not used, as a.png"));
}
