// The published sets of chest X-rays, each in a small copy of its layout.
#include <algorithm>

#include "data/sources/common_labels.h"
#include "data/sources/pack.h"
#include "kernels/error.h"
#include "tests/data/table_sets.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

using Strings = std::vector<std::string>;

const std::string kObservations =
    "No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,"
    "Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices\n";

std::string labels(const Dataset& data, const std::string& name) { return labels_of(data, samples_of(data).at(name)); }

/// CheXpert-v1.0-small as Kaggle unpacks it, into `root`.
void write_chexpert(const TemporaryFolder& folder, const std::string& root) {
    const std::string head = "Path,Sex,Age,Frontal/Lateral,AP/PA," + kObservations, set = "CheXpert-v1.0-small/";
    std::string train = head, valid = head;
    Strings images;
    for (int p = 1; p <= 20; ++p) {
        const std::string path = "train/patient000" + std::to_string(10 + p) + "/study1/view";
        images.push_back(root + path + "1_frontal.jpg");
        images.push_back(root + path + "2_lateral.jpg");
        train += set + path + "1_frontal.jpg,Female,68,Frontal,AP,1.0,,,,,,,,,0.0,,,,1.0\n";
        train += set + path + "2_lateral.jpg,Female,68,Lateral,,,,-1.0,1.0,,-1.0,,,-1.0,,1.0,,,\n";
    }
    const std::string path = "valid/patient64541/study1/view1_frontal.jpg";
    images.push_back(root + path);
    valid += set + path + ",Male,73,Frontal,PA,0.0,1.0,1.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0\n";
    for (const std::string& image : images) write_bytes(folder / image, encode_jpeg(noise_image(8, 8, 1, 1)));
    write_text(folder / (root + "train.csv"), train);
    write_text(folder / (root + "valid.csv"), valid);
}

}  // namespace

TEST_CASE("chexpert: tables of train and valid, paths that begin with the set's name", "[hospital_sets]") {
    for (const std::string root : {"", "CheXpert-v1.0-small/"}) {
        const TemporaryFolder folder;
        write_chexpert(folder, root);
        write_text(folder / (root + "train_cheXbert.csv"), "Path\n");
        const auto data = open_dataset("chexpert:" + folder.path());
        CHECK((data->size(Split::train) == 40 && data->size(Split::val) == 1 && data->size(Split::test) == 0));
        CHECK(data->label_names().size() == 14);
        CHECK(data->label_names()[10] == "Effusion");
        const std::string image = "train/patient00011/study1/view2_lateral.jpg";
        CHECK(labels(*data, image) == "Cardiomegaly? Lung Opacity Edema? Atelectasis? Effusion");
        CHECK(labels(*data, "train/patient00011/study1/view1_frontal.jpg") == "No Finding Support Devices");
        CHECK(samples_of(*data).at(image).patient == "patient00011");
        CHECK(data->attribute_names() == Strings{"sex", "age", "view"});
        CHECK(samples_of(*data).at(image).attributes == Strings{"F", "68", "lateral"});
        const std::string said = remarks_of(*data);
        CHECK_THAT(said, contains("labels are called as in other sets: Pleural Effusion is Effusion"));
        CHECK_THAT(said, contains("blank labels are taken as absent: No Finding 20"));
        CHECK_THAT(
            said,
            contains("uncertain labels are left out of loss and scores: Cardiomegaly 20, Edema 20, Atelectasis 20"));
        CHECK_THAT(said, contains("train_cheXbert.csv is not used"));
        const auto ruled = open_dataset(
            "chexpert:" + folder.path(),
            with({{&DatasetOptions::uncertain, "Atelectasis=ones,Edema=zeros"}, {&DatasetOptions::view, "lateral"}}));
        CHECK((ruled->size(Split::train) == 20 && ruled->size(Split::val) == 0));
        CHECK(labels(*ruled, image) == "Cardiomegaly? Lung Opacity Atelectasis Effusion");
        CHECK(data->load(Split::train, 0).channels == 1);
    }
    const TemporaryFolder empty;
    CHECK_THAT(refusal_of("chexpert:" + empty.path()), contains("has neither train.csv nor valid.csv"));
}

TEST_CASE("chexpert: images in the folders of the batches, tables beside them", "[hospital_sets]") {
    const TemporaryFolder folder;
    write_text(folder / "CheXpert-v1.0 batch 1 (validate & csv)/train.csv",
               "Path,Sex,Age,Frontal/Lateral,AP/PA,Edema,Pneumonia\n"
               "CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,\n"
               "CheXpert-v1.0/train/patient00002/study1/view1_frontal.jpg,Male,8,Frontal,PA,0.0,1\n");
    write_images(folder, {"CheXpert-v1.0 batch 2 (train 1)/patient00001/study1/view1_frontal.jpg",
                          "CheXpert-v1.0 batch 3 (train 2)/patient00002/study1/view1_frontal.jpg"});
    const auto data = open_dataset("chexpert:" + folder.path());
    CHECK(samples_of(*data).at("train/patient00002/study1/view1_frontal.jpg").file ==
          folder / "CheXpert-v1.0 batch 3 (train 2)/patient00002/study1/view1_frontal.jpg");
    CHECK(data->label_names() == Strings{"Edema", "Pneumonia"});
}

TEST_CASE("mimic: labels a study, the official split, views", "[hospital_sets]") {
    const TemporaryFolder folder;
    const std::string a = "files/p10/p10000032/s50414267/02aa804e-bde0afdd.jpg",
                      b = "files/p10/p10000032/s50414267/174413ec-4ec4c1f7.jpg",
                      c = "files/p11/p11000011/s53189527/2a2277a9-b0ded155.jpg";
    write_images(folder, {a, b, c});
    write_text(folder / "mimic-cxr-2.0.0-chexpert.csv",
               "subject_id,study_id,Atelectasis,Edema,No Finding,Pleural Effusion\n"
               "10000032,50414267,,-1.0,,1.0\n11000011,53189527,0.0,,1.0,\n");
    write_text(folder / "mimic-cxr-2.0.0-split.csv",
               "dicom_id,study_id,subject_id,split\n02aa804e-bde0afdd,50414267,10000032,train\n"
               "174413ec-4ec4c1f7,50414267,10000032,train\n2a2277a9-b0ded155,53189527,11000011,test\n"
               "ffffffff-ffffffff,59999999,11000011,validate\n");
    write_text(folder / "mimic-cxr-2.0.0-metadata.csv",
               "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns\n"
               "02aa804e-bde0afdd,10000032,50414267,CHEST (PA AND LAT),PA,3056,2544\n"
               "174413ec-4ec4c1f7,10000032,50414267,CHEST (PA AND LAT),LATERAL,3056,2544\n"
               "2a2277a9-b0ded155,11000011,53189527,\"CHEST, PORTABLE\",AP,3056,2544\n");
    const std::string spec = "mimic:" + folder.path();
    const auto data = open_dataset(spec);
    CHECK(names_in(*data, Split::test) == Strings{c});
    CHECK(data->size(Split::train) + data->size(Split::val) == 2);  // one patient
    CHECK(data->label_names() == Strings{"Atelectasis", "Edema", "No Finding", "Effusion"});
    CHECK((labels(*data, a) == "Edema? Effusion" && labels(*data, b) == "Edema? Effusion"));
    CHECK((labels(*data, c) == "No Finding" && samples_of(*data).at(c).patient == "11000011"));
    CHECK(samples_of(*data).at(b).attributes == Strings{"lateral"});
    CHECK_THAT(remarks_of(*data), contains("! 1 images are of studies without labels and are not used: s59999999"));
    CHECK(samples_of(*open_dataset(spec, with({{&DatasetOptions::view, "frontal"}}))).size() == 2);
    std::filesystem::remove(folder / "mimic-cxr-2.0.0-split.csv");
    CHECK_THAT(remarks_of(*open_dataset(spec)), contains("splits are made, not the official ones"));
    std::filesystem::remove(folder / "mimic-cxr-2.0.0-metadata.csv");
    CHECK_THAT(refusal_of(spec), contains("has neither mimic-cxr-*-split.csv nor -metadata.csv"));
    std::filesystem::remove(folder / "mimic-cxr-2.0.0-chexpert.csv");
    CHECK_THAT(refusal_of(spec), contains("has no mimic-cxr-*-chexpert.csv"));
}

TEST_CASE("padchest: labels in lists, ages, projections, images in numbered folders", "[hospital_sets]") {
    const TemporaryFolder folder;
    write_images(folder, {"0/a.png", "1/b.png", "1/c.png", "1/d.png", "1/e.png"});
    const std::string table =
        ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,Projection,Labels\n"
        "0,a.png,0,20140915,s1,839860488694292331637988235681460987,1930.0,F,L,\"['pulmonary emphysema', ' hiatal "
        "hernia']\"\n"
        "1,b.png,1,20150101,s2,p2,1990.0,M,PA,['normal']\n"
        "2,c.png,1,20150101,s3,p3,,M,AP_horizontal,\"['laminar atelectasis', 'cardiomegaly', 'unchanged']\"\n"
        "3,d.png,1,20150101,s4,p4,,M,PA,['exclude']\n"
        "4,e.png,1,20150101,s5,p5,,M,PA,nan\n"
        "5,f.png,1,20150101,s5,p5,,M,PA,[]\n";
    write_text(folder / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv", table);
    const std::string spec = "padchest:" + folder.path();
    const auto data = open_dataset(spec);
    CHECK(data->label_names() == Strings{"Cardiomegaly", "Hernia", "Atelectasis", "pulmonary emphysema"});
    CHECK((labels(*data, "a.png") == "Hernia pulmonary emphysema" && labels(*data, "b.png").empty()));
    CHECK(labels(*data, "c.png") == "Cardiomegaly Atelectasis");
    CHECK(samples_of(*data).size() == 3);
    CHECK(samples_of(*data).at("a.png").attributes == Strings{"F", "84", "lateral"});
    CHECK(samples_of(*data).at("c.png").attributes == Strings{"M", "", "AP"});
    CHECK(samples_of(*data).at("a.png").patient == "839860488694292331637988235681460987");
    CHECK_THAT(remarks_of(*data), contains("! 1 images are labelled 'exclude' and are not used"));
    CHECK_THAT(remarks_of(*data), contains("! 2 images have no labels and are not used"));
}

TEST_CASE("padchest: of more than 64 labels the most frequent are used, or those asked for", "[hospital_sets]") {
    const TemporaryFolder folder;
    std::string table = "ImageID,Projection,Labels\n";
    for (int i = 0; i < 80; ++i) {
        const std::string name = "i" + std::to_string(i) + ".png", label = "finding " + std::to_string(100 + i);
        write_images(folder, {name});
        table += name + ",PA,\"['" + label + "', 'rare " + std::to_string(i < 40 ? 1 : 2) + "']\"\n";
    }
    write_text(folder / "PADCHEST_some.csv", table);
    const auto data = open_dataset("padchest:" + folder.path());
    CHECK(data->label_names().size() == 64);
    CHECK((data->label_names().front() == "finding 100" && data->label_names().back() == "rare 2"));
    CHECK_THAT(remarks_of(*data), contains("! 82 labels, of which the 64 most frequent are used"));
    CHECK_THAT(remarks_of(*data), contains("18 labels are not used: finding 162"));
    const auto two =
        open_dataset("padchest:" + folder.path(), with({{&DatasetOptions::only_labels, "rare 2,finding 179"}}));
    CHECK(two->label_names() == Strings{"rare 2", "finding 179"});
}

TEST_CASE("vindr: what most, any or all of the radiologists see", "[hospital_sets]") {
    const TemporaryFolder folder;
    write_images(folder, {"train/aaa.png", "train/bbb.png", "test/ccc.png"});
    write_text(folder / "annotations/image_labels_train.csv",
               "image_id,rad_id,Aortic enlargement,Pleural effusion,No finding\n"
               "aaa,R1,1,1,0\naaa,R2,1,0,0\naaa,R3,1,0,0\nbbb,R1,0,1,0\nbbb,R2,0,1,0\nbbb,R4,0,0,1\n");
    write_text(folder / "annotations/image_labels_test.csv",
               "image_id,Aortic enlargement,Pleural effusion,No finding,Other\nccc,0,0,1,1\n");
    const std::string spec = "vindr:" + folder.path();
    const auto data = open_dataset(spec);
    CHECK(data->label_names() == Strings{"Aortic enlargement", "Effusion", "No Finding"});
    CHECK(names_in(*data, Split::test) == Strings{"test/ccc"});
    CHECK((labels(*data, "train/aaa") == "Aortic enlargement" && labels(*data, "train/bbb") == "Effusion"));
    CHECK(labels(*data, "test/ccc") == "No Finding");
    CHECK_THAT(remarks_of(*data),
               contains("2 of 2 images have several readers: what most of them see is present (3 labels"));
    CHECK_THAT(remarks_of(*data), contains("has labels that "));
    const auto any = open_dataset(spec, with({{&DatasetOptions::readers, "any"}})),
               all = open_dataset(spec, with({{&DatasetOptions::readers, "all"}}));
    CHECK((labels(*any, "train/aaa") == "Aortic enlargement Effusion" && labels(*all, "train/bbb").empty()));
}

TEST_CASE("vindr: the boxes of the Kaggle challenge", "[hospital_sets]") {
    const TemporaryFolder folder;
    write_images(folder, {"train/aaa.dicom", "train/bbb.dicom"});
    write_text(
        folder / "train.csv",
        "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n"
        "aaa,Cardiomegaly,3,R8,691,1375,1653,1831\naaa,Cardiomegaly,3,R8,1,1,2,2\naaa,Cardiomegaly,3,R9,1,1,2,2\n"
        "aaa,No finding,14,R10,,,,\nbbb,No finding,14,R8,,,,\nbbb,Pulmonary fibrosis,13,R9,1,1,2,2\n");
    const auto data = open_dataset("vindr:" + folder.path());
    CHECK((labels(*data, "train/aaa") == "Cardiomegaly" && labels(*data, "train/bbb").empty()));
    CHECK(data->label_names() == Strings{"Cardiomegaly", "No Finding", "Fibrosis"});
    CHECK(samples_of(*data).at("train/aaa").file == folder / "train/aaa.dicom");
}

TEST_CASE("rsna: a row a box, and classes", "[hospital_sets]") {
    const TemporaryFolder folder;
    write_images(folder,
                 {"stage_2_train_images/a-1.dcm", "stage_2_train_images/b-2.dcm", "stage_2_train_images/c-3.dcm"});
    write_text(
        folder / "stage_2_train_labels.csv",
        "patientId,x,y,width,height,Target\na-1,,,,,0\nb-2,264.0,152.0,213.0,379.0,1\nb-2,562.0,152.0,256.0,453.0,1\n"
        "c-3,,,,,0\n");
    const std::string spec = "rsna:" + folder.path();
    const auto plain = open_dataset(spec);
    CHECK(plain->label_names() == Strings{"Pneumonia"});
    CHECK((labels(*plain, "a-1").empty() && labels(*plain, "b-2") == "Pneumonia"));
    CHECK(samples_of(*plain).size() == 3);
    write_text(folder / "stage_2_detailed_class_info.csv",
               "patientId,class\na-1,No Lung Opacity / Not Normal\nb-2,Lung Opacity\nb-2,Lung Opacity\nc-3,Normal\n");
    const auto data = open_dataset(spec);
    CHECK(labels(*data, "b-2") == "Pneumonia Lung Opacity");
    CHECK(samples_of(*data).at("c-3").attributes == Strings{"Normal"});
    write_text(folder / "stage_2_train_labels.csv", "patientId,x,y,width,height,Target\na-1,,,,,0\na-1,,,,,1\n");
    CHECK_THAT(refusal_of(spec), contains("stage_2_train_labels.csv:3: a-1 has the target 0 and 1"));
    write_text(folder / "stage_2_train_labels.csv", "patientId,Target\na-1,\n");
    CHECK_THAT(refusal_of(spec), contains(":2: wanted an image and 1 or 0"));
}

TEST_CASE("A set is seen through the labels of another set's model", "[common_labels]") {
    const TemporaryFolder folder;
    write_chexpert(folder, "");
    auto data = open_dataset("chexpert:" + folder.path());
    const Strings model{"Hernia", "Pleural_Effusion", "Lung Opacity"};
    const CommonLabels common = with_labels(open_dataset("chexpert:" + folder.path()), model, "best.safetensors");
    REQUIRE(common.remarks.size() == 2);
    CHECK(common.remarks[0].text == "labels of the model that the data has not, which are not scored: Hernia");
    CHECK_THAT(common.remarks[1].text,
               contains("labels of the data that the model has not, which are not scored: No Finding, Enl"));
    const std::string image = "train/patient00011/study1/view2_lateral.jpg";
    CHECK(labels(*common.dataset, image) == "Hernia? Pleural_Effusion Lung Opacity");
    CHECK(names_in(*common.dataset, Split::val) == names_in(*data, Split::val));
    for (std::int64_t i = 0; i < data->size(Split::val); ++i)
        CHECK(common.dataset->load(Split::val, i).pixels == data->load(Split::val, i).pixels);
    CHECK(common.dataset->load(Split::train, 5).pixels == data->load(Split::train, 5).pixels);
    CHECK(common.dataset->files() == data->files());
    CHECK_THROWS_WITH(with_labels(open_dataset("chexpert:" + folder.path()), {"Hernia"}, "m"),
                      contains("none in common"));
    const Strings own = data->label_names();
    const Dataset* const same = data.get();
    CHECK(with_labels(std::move(data), own, "m").dataset.get() == same);
}

TEST_CASE("A pack of a set with smoothed labels and weights is the same set", "[pack]") {
    const TemporaryFolder folder;
    write_images(folder, {"a.png", "b.png", "c.png", "d.png"});
    write_text(folder / "t.csv",
               "path,split,patient,weights,Mass,Edema\na.png,train,1,1,-1,1\nb.png,train,2,2,,-1\nc.png,val,3,1,-1,0\n"
               "d.png,test,4,1,1,0\n");
    const auto source = open_dataset("csv:" + (folder / "t.csv"), with({{&DatasetOptions::uncertain, "smooth:0.1-0.9"},
                                                                        {&DatasetOptions::weight_column, "weights"}}));
    write_pack(*source, {.directory = folder / "pack", .split = {}, .size = 0, .on_bad_image = {}, .on_progress = {}});
    const auto packed = open_dataset("pack:" + (folder / "pack"));
    for (const Split split : kSplits)
        for (std::size_t i = 0; i < source->samples(split).size(); ++i) {
            const Sample &a = source->samples(split)[i], &b = packed->samples(split)[i];
            CHECK((a.name == b.name && a.patient == b.patient && a.mask == b.mask && a.known == b.known));
            CHECK((a.soft == b.soft && a.weight == b.weight));
        }
    CHECK(packed->samples(Split::train)[0].soft.size() == 2);
    std::string table = read_text(folder / "pack/targets.csv");
    const auto refused = [&](const std::string& text) {
        write_text(folder / "pack/targets.csv", text);
        return refusal_of("pack:" + (folder / "pack"));
    };
    CHECK_THAT(refused(""), contains("targets.csv: the file is too short"));
    std::string damaged = table;
    damaged[20] = static_cast<char>(damaged[20] ^ 1);
    CHECK_THAT(refused(damaged), contains("targets.csv: the file is damaged"));
    CHECK(refused(table).empty());
    std::filesystem::remove(folder / "pack/targets.csv");
    CHECK_THAT(refusal_of("pack:" + (folder / "pack")), contains("targets.csv: the file is not there"));
}
