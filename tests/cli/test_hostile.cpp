// Hostile input through the program: what it ends with and says. docs/troubleshooting.md explains every one of these
// messages.
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/hostile_rows.h"
#include "tests/cli/run_keel.h"
#include "tests/embed/small_model.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"
#include "tune/search_line.h"

using namespace keel::test;

namespace {

namespace fs = std::filesystem;

/// A valid checkpoint, and what the corpus does not hold: folders and special files.
class Scratch {
public:
    Scratch() {
        write_small_checkpoint(folder_ / "model");
        write_sample_images(folder_.path(), 1);
        for (const auto& table : fs::directory_iterator(KEEL_CORPUS "/csv")) {
            const std::string set = folder_ / ("csv/" + table.path().stem().string());
            write_text(set + "/images/a.png", "");
            fs::copy_file(table.path(), set + "/Data_Entry.csv");
        }
        for (const auto& index : fs::directory_iterator(KEEL_CORPUS "/pack")) {
            const std::string pack = folder_ / ("pack/" + index.path().stem().string());
            fs::create_directories(pack);
            fs::copy_file(index.path(), pack + "/index.keelpack");
        }
        for (const auto& search : fs::directory_iterator(KEEL_CORPUS "/search")) {
            std::istringstream lines(read_text(search.path().string()));
            const bool raw = search.path().stem().string().starts_with("raw_");
            std::string text;
            for (std::string line; std::getline(lines, line);)
                text += raw ? line + "\n" : keel::tune::hashed_line(line);
            write_text(folder_ / ("search/" + search.path().stem().string() + "/tune.jsonl"), text);
        }
        write_text(folder_ / "base.toml", "model = \"resnet20\"\ndata = \"phantom:nowhere\"\n");
        write_text(folder_ / "onnx/external_link.onnx", read_text(KEEL_CORPUS "/onnx/external_link.onnx"));
        fs::create_symlink(KEEL_CORPUS "/onnx/good.onnx", folder_ / "onnx/link.bin");
        write_text(folder_ / "lists/images/a.png", "");
        write_text(folder_ / "lists/Data_Entry.csv", read_text(KEEL_CORPUS "/csv/good.csv"));
        write_text(folder_ / "lists/test_list.txt", "a.png\n");
        write_text(folder_ / "cifar/data_batch_1.bin", std::string(3072, '\0'));
        write_text(folder_ / "class/train/a\x1B[31m/x.png", "");
        write_text(folder_ / "unread/train/a/x.png", "no image");
        write_text(folder_ / "python_cifar/data_batch_1", "pickle");
        write_text(folder_ / "flat/x.png", "");
        for (const char* image :
             {"unlabelled/train/a/x.png", "unlabelled/val/x.png", "more/train/a/x.png", "more/val/b/x.png"})
            write_text(folder_ / image, "");
        write_text(folder_ / "long_cell.csv", "path,x\na.png," + std::string((1 << 20) + 1, '1'));
        write_text(folder_ / "large.toml", std::string(2 << 20, '#'));
        write_text(folder_ / "run/config.toml", "");
        fs::create_directories(folder_ / "nothing");
        REQUIRE(::mkfifo((folder_ / "pipe").c_str(), 0600) == 0);
    }
    std::string resolve(const std::string& word) const {
        std::size_t at = word.find_first_of("@%");
        while (at != std::string::npos && at > 0 && std::isalnum(static_cast<unsigned char>(word[at - 1])) != 0)
            at = word.find_first_of("@%", at + 1);  // TITLE@HOST
        if (at == std::string::npos) return word;
        return word.substr(0, at) + (word[at] == '@' ? KEEL_CORPUS : folder_.path()) + "/" + word.substr(at + 1);
    }

private:
    TemporaryFolder folder_;
};

std::vector<Row> checkpoints() {
    return {
        {load("%missing"), 5, "No such file or directory"},
        {load("%nothing"), 3, "wanted a regular file"},
        {load("%pipe"), 3, "wanted a regular file"},
        {load("@safetensors/empty.safetensors"), 3, "the file is too short for a header"},
        {load("@safetensors/seven_bytes.safetensors"), 3, "the file is too short for a header"},
        {load("@safetensors/header_too_long.safetensors"), 3, "wanted a header of at most"},
        {load("@safetensors/header_beyond_end.safetensors"), 3, "wanted a header of at most"},
        {load("@image/png_rgb.png"), 3, "wanted a header of at most"},
        {load("@safetensors/keras.h5"), 3, "this is an HDF5 file"},
        {load("@safetensors/not_json.safetensors"), 3, "the header is not valid JSON"},
        {load("@safetensors/deep.safetensors"), 3, "where none belongs"},
        {load("@safetensors/bad_utf8.safetensors"), 3, "the header is not valid JSON"},
        {load("@safetensors/twice.safetensors"), 3, "comes twice"},
        {load("@safetensors/overlap.safetensors"), 3, "of the data, the one before ends at"},
        {load("@safetensors/hole.safetensors"), 3, "of the data, the one before ends at"},
        {load("@safetensors/rest.safetensors"), 3, "the tensors end at byte"},
        {load("@safetensors/beyond.safetensors"), 3, "are not in the data of"},
        {load("@safetensors/backwards.safetensors"), 3, "are not in the data of"},
        {load("@safetensors/shape.safetensors"), 3, "its shape implies"},
        {load("@safetensors/overflow.safetensors"), 3, "its shape is too large"},
        {load("@safetensors/five_dims.safetensors"), 3, "wanted at most 4 dims"},
        {load("@safetensors/negative.safetensors"), 3, "where none belongs"},
        {load("@safetensors/dtype.safetensors"), 3, "wanted dtype F64"},
        {load("@safetensors/wide_integer.safetensors"), 3, "does not fit 32 bits"},
        {load("@safetensors/other_program.safetensors"), 3, "is a safetensors file, but no checkpoint of Keel"},
        {load("@safetensors/wrong_hash.safetensors"), 3, "the data is damaged: its XXH3 is"},
        {load("@safetensors/newer_format.safetensors"), 3, "this program reads 1"},
        {load("@safetensors/no_model.safetensors"), 3, "does not say which model it holds"},
        {load("@safetensors/no_weights.safetensors"), 3, "does not fit the model"},
        {load("@checkpoint/not_json.safetensors"), 3, "'keel.model' is malformed"},
        {load("@checkpoint/deep.safetensors"), 3, "'keel.model' is malformed"},
        {load("@checkpoint/missing_keys.safetensors"), 3, "'keel.model' is malformed"},
        {load("@checkpoint/classes_fraction.safetensors"), 3, "'keel.model' is malformed"},
        {load("@checkpoint/std_huge.safetensors"), 3, "'keel.model' is malformed"},
        {load("@checkpoint/unknown_model.safetensors"), 3, "there is no model"},
        {load("@checkpoint/classes_and_names.safetensors"), 3, "label names"},
        {load("@checkpoint/classes_huge.safetensors"), 3, "label names"},
        {load("@checkpoint/channels_huge.safetensors"), 3, "the input's size or normalization is out of range"},
        {load("@checkpoint/size_zero.safetensors"), 3, "the input's size or normalization is out of range"},
        {load("@checkpoint/size_huge.safetensors"), 3, "the input's size or normalization is out of range"},
        {load("@checkpoint/std_zero.safetensors"), 3, "the input's size or normalization is out of range"},
        {load("@checkpoint/mean_many.safetensors"), 3, "the input's size or normalization is out of range"},
        {load("@checkpoint/dropout.safetensors"), 3, "dropout is out of range"},
        {load("@checkpoint/names_twice.safetensors"), 3, "two labels have one name"},
        {load("@checkpoint/names_control.safetensors"), 3, "a label name is empty or holds control characters"},
        {load("@checkpoint/graph_not_json.safetensors"), 3, "its graph is malformed"},
        {load("@checkpoint/graph_deep.safetensors"), 3, "its graph is malformed"},
        {load("@checkpoint/graph_huge.safetensors"), 3, "its graph is malformed"},
        {load("@checkpoint/graph_format.safetensors"), 3, "its graph is malformed"},
        {load("@checkpoint/graph_kind.safetensors"), 3, "its graph is malformed"},
    };
}

std::vector<Row> data_sets() {
    return {
        {info("medmnist:@npz/text.npz"), 3, "too short for a zip archive"},
        {info("medmnist:@npz/empty.npz"), 3, "too short for a zip archive"},
        {info("medmnist:@npz/truncated.npz"), 3, "no end of central directory"},
        {info("medmnist:@npz/missing_array.npz"), 3, "has no array"},
        {info("medmnist:@npz/no_members.npz"), 3, "has no array"},
        {info("medmnist:@npz/twice.npz"), 3, "train_images.npy twice"},
        {info("medmnist:@npz/bad_crc.npz"), 3, "is damaged: its CRC does not match"},
        {info("medmnist:@npz/wrong_size.npz"), 3, "is damaged: it does not inflate to its size"},
        {info("medmnist:@npz/outside.npz"), 3, "a member lies outside the archive"},
        {info("medmnist:@npz/bomb.npz"), 3, "a member claims more bytes than its data can hold"},
        {info("medmnist:@npz/encrypted.npz"), 3, "encrypted members are not supported"},
        {info("medmnist:@npz/method.npz"), 3, "compression method"},
        {info("medmnist:@npz/zip64.npz"), 3, "a member without the zip64 field"},
        {info("medmnist:@npz/zip64_short.npz"), 3, "a zip64 field is too short"},
        {info("medmnist:@npz/zip64_no_end.npz"), 3, "a zip64 archive without its end record"},
        {info("medmnist:@npz/stray_label.npz"), 3, "classes, of which"},
        {info("medmnist:@npz/volumes.npz"), 3, "images must be uint8 of shape"},
        {info("medmnist:@npz/floats.npz"), 3, "little-endian integers are wanted"},
        {info("medmnist:@npz/big_endian.npz"), 3, "little-endian integers are wanted"},
        {info("medmnist:@npz/objects.npz"), 3, "little-endian integers are wanted"},
        {info("medmnist:@npz/shape_too_large.npz"), 3, "the shape claims more items than the file holds"},
        {info("medmnist:@npz/shape_too_small.npz"), 3, "the shape claims fewer items than the file holds"},
        {info("medmnist:@npz/negative_shape.npz"), 3, "malformed shape"},
        {info("medmnist:@npz/header.npz"), 3, "malformed header"},
        {info("medmnist:@npz/no_images.npz"), 3, "has no training images"},
        {info("medmnist:@npz/flat.npz"), 3, "images must be uint8 of shape"},
        {info("medmnist:@npz/few_labels.npz"), 3, "do not fit images of shape"},
        {info("medmnist:@npz/negative_label.npz"), 3, "label -1 of row 0"},
        {info("medmnist:@npz/large_label.npz"), 3, "is too large"},
        {info("medmnist:@npz/other_size.npz"), 3, "differs in shape from train"},
        {info("nih:%csv/empty"), 3, "is empty"},
        {info("nih:%csv/header_alone"), 3, "images is there"},
        {info("nih:%csv/no_column"), 3, "no column 'Finding Labels'"},
        {info("nih:%csv/binary"), 3, "is no text: byte 0 is zero"},
        {info("nih:%csv/open_quote"), 3, "a quote that is not closed"},
        {info("nih:%csv/unknown_label"), 3, "unknown label 'Mas'"},
        {info("nih:%csv/short_row"), 3, "fields, at least 4 are wanted"},
        {info("nih:%csv/twice"), 3, "has a row already"},
        {info("nih:%csv/no_patient"), 3, "image or patient is empty"},
        {info("nih:%csv/no_image"), 3, "images is there"},
        {info("nih:%lists"), 3, "has one of train_val_list.txt and test_list.txt, not both"},
        {info("nih:%nothing"), 3, "has no images*/ folder with images"},
        {info("cifar10:%cifar"), 3, "a multiple of 3073 is wanted"},
        {info("cifar10:%python_cifar"), 3, "holds CIFAR-10's Python version"},
        {info("folder:%flat"), 3, "has no folders with images"},
        {info("folder:%unlabelled"), 3, "has no folders of classes"},
        {info("folder:%more"), 3, "is a class that train does not have"},
        {{"data", "info", "folder:%unread", "--group-by", "("}, 2, "is no regular expression"},
        {{"data", "info", "folder:%unread", "--group-by", "[0-9]+_"}, 3, "finds a patient in none of the"},
        {{"data", "info", "nih:%csv/good", "--group-by", "[0-9]+_"}, 2, "--group-by is for folder: alone"},
        {info("folder:%class"), 3, "has a class whose name is not UTF-8 or holds control characters"},
        {info("pack:%nothing"), 3, "not a pack, or one that was not finished"},
        {info("pack:%pack/empty"), 3, "the file is too short for an index"},
        {info("pack:%pack/header_alone"), 3, "the file is too short for an index"},
        {info("pack:%pack/magic"), 3, "is no index of a pack"},
        {info("pack:%pack/version"), 3, "the pack is of version 4, this program reads 1 to 3"},
        {info("pack:%pack/truncated"), 3, "its header claims other contents than its"},
        {info("pack:%pack/longer"), 3, "its header claims other contents than its"},
        {info("pack:%pack/samples_huge"), 3, "its header claims other contents than its"},
        {info("pack:%pack/samples_overflow"), 3, "its header claims other contents than its"},
        {info("pack:%pack/texts_huge"), 3, "its header claims other contents than its"},
        {info("pack:%pack/task"), 3, "out of range"},
        {info("pack:%pack/channels"), 3, "out of range"},
        {info("pack:%pack/side"), 3, "out of range"},
        {info("pack:%pack/labels_none"), 3, "out of range"},
        {info("pack:%pack/labels_many"), 3, "out of range"},
        {info("pack:%pack/labels"), 3, "the index is damaged: its XXH3 is"},
        {info("medmnist:%missing.npz"), 2, "does not exist"},
        {info("medmnist:%nothing"), 3, "wanted a regular file"},
    };
}

std::vector<Row> tables() {
    return {
        {info("csv:@table/open_quote.csv"), 3, "a quote that is not closed"},
        {info("csv:@table/after_quote.csv"), 3, "wanted a separator behind the quote"},
        {info("csv:@table/many_cells.csv"), 3, "more than 4096 cells"},
        {info("csv:%long_cell.csv"), 3, "a cell of more than 1048576 bytes"},
        {info("csv:@table/no_images.csv"), 3, "no column names images"},
        {info("csv:@table/no_labels.csv"), 3, "no column of labels"},
        {info("csv:@table/short_row.csv"), 3, "cells, the header has"},
        {info("csv:@table/other_labels.csv"), 3, "has a row already, with other labels"},
        {info("csv:@table/bad_list.csv"), 3, "wanted a list ['a', 'b']"},
        {info("csv:@table/utf32.csv"), 3, "UTF-32, which is not read"},
        {info("csv:@table/odd_utf16.csv"), 3, "UTF-16 of an odd number of bytes"},
        {info("csv:@table/truncated.csv.gz"), 3, "the gzip file is truncated"},
        {info("csv:@table/not_there.csv"), 3, "images is there"},
        {info("csv:%nothing"), 3, "wanted a regular file"},
        {info("chexpert:%nothing"), 3, "has neither train.csv nor valid.csv"},
        {info("mimic:%nothing"), 3, "has no mimic-cxr-*-chexpert.csv"},
        {info("padchest:%nothing"), 3, "has no PADCHEST*.csv"},
        {info("vindr:%nothing"), 3, "has neither image_labels_train.csv nor train.csv"},
        {info("rsna:%nothing"), 3, "has no stage_2_train_labels*.csv"},
        {{"data", "info", "csv:@table/good.csv", "--uncertain", "maybe"},
         2,
         "wanted ignore, zeros, ones or smooth:a-b"},
        {{"data", "info", "csv:@table/good.csv", "--label-columns", "Edem"}, 2, "no column 'Edem'"},
    };
}

std::vector<Row> predictions() {
    const auto score = [](const std::string& file) {
        return Arguments{"score",  "--predictions", "@predictions/" + file, "--labels", "@csv/good.csv",
                         "--only", "Mass"};
    };
    return {
        {score("empty.csv"), 3, "is empty"},
        {score("no_name.csv"), 3, "no column 'Image Index'"},
        {score("unknown_label.csv"), 3, "unknown label 'Mas', did you mean 'Mass'?"},
        {score("column_twice.csv"), 3, "comes twice"},
        {score("name_twice.csv"), 3, "has a row already"},
        {score("cell_nan.csv"), 3, "wanted a finite number, got 'nan'"},
        {score("cell_huge.csv"), 3, "wanted a finite number, got '"},
        {score("short_row.csv"), 3, "wanted 2 fields, got 1"},
        {score("header_alone.csv"), 3, "have no image in common"},
        {score("binary.csv"), 3, "is no text: byte 0 is zero"},
        {score("open_quote.csv"), 3, "a quote that is not closed"},
        {{"score", "--predictions", "@predictions/labels.csv", "--labels", "@csv/good.csv", "--list",
          "@csv/header_alone.csv"},
         3,
         "names no image of the label file"},
        {{"score", "--predictions", "@predictions/header_alone.csv", "--labels", "@csv/good.csv"},
         3,
         "no column 'prob_"},
        {{"score", "--predictions", "%missing.csv", "--labels", "@csv/good.csv"}, 5, "No such file or directory"},
    };
}

std::vector<Row> configurations() {
    const auto estimate = [](const std::string& option, const std::string& value) {
        return Arguments{"estimate", "--model", "resnet20", "--data", "medmnist:@npz/good.npz", option, value};
    };
    const auto scale = [](const std::string& option, const std::string& file) {
        return Arguments{"scale", "--model", "resnet20", option, file};
    };
    const auto fit = [](const std::string& option, const std::string& value) {
        return Arguments{"fit", "--checkpoint", "%model", "--data", "folder:%nothing", "--out", "%out", option, value};
    };
    return {
        {config("%missing.toml"), 5, "No such file or directory"},
        {config("%large.toml"), 3, "bytes that are allowed"},
        {config("%nothing"), 5, "Is a directory"},
        {config("@toml/syntax.toml"), 2, "Error while parsing"},
        {config("@toml/binary.toml"), 2, "Error while parsing"},
        {config("@toml/bad_utf8.toml"), 2, "Encountered invalid utf-8 sequence"},
        {config("@toml/deep.toml"), 2, "Error while parsing"},
        {config("@toml/twice.toml"), 2, "Error while parsing"},
        {config("@toml/overflow_of_toml.toml"), 2, "Error while parsing"},
        {config("@toml/unknown_key.toml"), 2, "unknown key 'epocs', did you mean 'epochs'?"},
        {config("@toml/table.toml"), 2, "unknown key"},
        {config("@toml/text_for_number.toml"), 2, "epochs must be a whole number at least 1, not 'three'"},
        {config("@toml/fraction_for_whole.toml"), 2, "epochs must be a whole number at least 1, not 1.5"},
        {config("@toml/overflow.toml"), 2, "epochs must be a whole number at least 1"},
        {config("@toml/date.toml"), 2, "epochs must be a whole number at least 1"},
        {config("@toml/out_of_range.toml"), 2, "batch_size must be a whole number 1 to 65536, not 0"},
        {config("@toml/infinite.toml"), 2, "lr must be a number above 0, not inf"},
        {config("@toml/nan.toml"), 2, "lr must be a number above 0, not nan"},
        {config("@toml/negative.toml"), 2, "weight_decay must be a number at least 0, not -1"},
        {config("@toml/word.toml"), 2, "optimizer must be sgd, adam, adamw, lars, not 'sdg'"},
        {config("@toml/mixed_list.toml"), 2, "a list of whole numbers at least 1"},
        {config("@toml/falling.toml"), 2, "milestones must rise"},
        {config("@toml/no_value.toml"), 2, "Error while parsing"},
        {config("@toml/beyond_ascii.toml"), 2, "a character beyond ASCII outside of strings and comments"},
        {set("lr=inf"), 2, "lr must be a number above 0, not inf"},
        {set("lr=1e999"), 2, "lr must be a number above 0"},
        {set("std=1e-60"), 2, "std must be"},
        {set("epochs=1e300"), 2, "epochs must be a whole number at least 1"},
        {set("epochs"), 2, "wanted KEY=VALUE"},
        {set("=1"), 2, "unknown key"},
        {{"train", "--lr", "0x10"}, 2, "lr must be a number above 0"},
        {{"train", "--model", "resnet19", "--data", "medmnist:@npz/good.npz", "--out", "%out"},
         2,
         "there is no model 'resnet19'"},
        {{"train", "--model", "resnet18", "--data", "medmnist:@npz/good.npz", "--out", "%run"}, 2, "holds a run"},
        {scale("--machine", "%missing.toml"), 5, "No such file or directory"},
        {scale("--machine", "@scale/binary.toml"), 3, "Error while parsing"},
        {scale("--machine", "@scale/unknown.toml"), 3, "unknown key 'network.gbit'"},
        {scale("--machine", "@scale/nested.toml"), 3, "network.gbits: wanted a number"},
        {scale("--machine", "@scale/nan.toml"), 3, "network.gbits: wanted a number"},
        {scale("--traces", "@scale/deep.json"), 3, "wanted a trace of --trace-steps"},
        {scale("--traces", "@scale/one_step.json"), 3, "wanted two steps or more"},
        {scale("--traces", "@scale/two_threads.json"), 3, "two threads of rank 0 update weights"},
        {scale("--traces", "@scale/huge.json"), 3, "times that are no microseconds of a run"},
        {scale("--traces", "@scale/long_wait.json"), 3, "a step whose waits are longer than itself"},
        {{"predict", "--checkpoint", "%missing.safetensors", "--precision", "fp16", "%nothing"},
         2,
         "--precision: fp16 not in"},
        {{"eval", "--checkpoint", "%missing.safetensors", "--data", "folder:%nothing", "--precision", ""},
         2,
         "not in {f32,bf16,auto}"},
        {{"bench", "--model", "resnet20", "--mode", "infer", "--precision", "bf16;f32"}, 2, "not in {f32,bf16,auto}"},
        {fit("--max-mb", "nan"), 2, "wanted a number above 0, or a multiple of the checkpoint's"},
        {fit("--min-images-per-second", "4xx"), 2, "wanted a number above 0, or a multiple of the checkpoint's"},
        {fit("--keep", "1.5"), 2, "wanted numbers between 0 and 1"},
        {fit("--try", "int8,luck"), 2, "wanted ways of precision, int8"},
        {estimate("--node", "%missing.json"), 5, "No such file or directory"},
        {estimate("--node", "@costs/node_list.json"), 3, "wanted an object of JSON, as keel doctor --json prints it"},
        {estimate("--node", "@costs/node_deep.json"), 3, "wanted an object of JSON, as keel doctor --json prints it"},
        {estimate("--node", "@costs/node_binary.json"), 3, "wanted an object of JSON, as keel doctor --json prints it"},
        {estimate("--node", "@costs/node_no_cores.json"), 3, "wanted cores, as keel doctor --json prints it"},
        {estimate("--node", "@costs/node_half_core.json"), 3, "wanted a whole number of cores"},
        {estimate("--node", "@costs/node_negative.json"), 3, "wanted a number above 0"},
        {estimate("--node", "@costs/node_huge.json"), 3, "wanted a number above 0"},
        {estimate("--node", "@costs/node_text.json"), 3, "wanted a number above 0"},
        {estimate("--node", "@costs/node_isa.json"), 3, "unknown ISA"},
        {estimate("--node", "@costs/node_like.json"), 3, "as the processor, got 'pentium'"},
        {estimate("--power-file", "%missing"), 5, "No such file or directory"},
        {estimate("--power-file", "@costs/watts_negative.txt"), 3, "wanted a power of 0 to 1 MW"},
        {estimate("--power-file", "@costs/watts_unit.txt"), 3, "wanted a power of 0 to 1 MW"},
        {estimate("--power-file", "@costs/watts_nan.txt"), 3, "wanted a power of 0 to 1 MW"},
        {estimate("--power-file", "@costs/watts_long.txt"), 3, "bytes that are allowed"},
        {estimate("--price-kwh", "-1"), 2, "price_kwh must be a number at least 0, not -1"},
        {estimate("--image-size", "5"), 2, "image_size must be 0 or a whole number 8 to 4096, not 5"},
        {{"doctor", "--tuning", "@tuning/text.json"}, 3, "wanted the choices of convolution kernels"},
        {{"doctor", "--tuning", "@toml/binary.toml"}, 3, "wanted the choices of convolution kernels"},
    };
}

/// What a build without a library says in place of a row's message; empty for any other message.
std::string lacking_part(const std::string& err) {
    for (const char* part : {"this build of Keel reads no", "this keel was built without Boost.Beast",
                             "this program was built without RE2"})
        if (err.find(part) != std::string::npos) return part;
    return "";
}

void check(const std::vector<Row>& rows, const Scratch& scratch) {
    const std::string documented = read_text(KEEL_SOURCE_DIR "/docs/troubleshooting.md");
    for (const Row& row : rows) {
        Arguments line;
        std::ranges::transform(row.line, std::back_inserter(line),
                               [&](const std::string& word) { return scratch.resolve(word); });
        const ProgramResult result = run_keel(line, {"OMP_NUM_THREADS=1"});
        CAPTURE(row.line, result.err);
        const std::string lacking = lacking_part(result.err);
        if (!lacking.empty()) WARN("skipped: " << result.err);
        CHECK((lacking.empty() ? result.code == row.code : result.code != 0));
        CHECK_THAT(result.err, contains(lacking.empty() ? row.message : lacking));
        CHECK(result.err.starts_with("keel "));
        CHECK(result.out.empty());
        CHECK_THAT(documented, contains(row.message) && contains(lacking));
    }
}

}  // namespace

TEST_CASE("Hostile input ends with its code and its message, which the documentation explains", "[hostile]") {
    const Scratch scratch;
    SECTION("pictures") { check(hostile_images(), scratch); }
    SECTION("DICOM images") { check(hostile_dicom_images(), scratch); }
    SECTION("checkpoints") { check(checkpoints(), scratch); }
    SECTION("files of torch.save") { check(hostile_torch_files(), scratch); }
    SECTION("ONNX files") { check(hostile_onnx_files(), scratch); }
    SECTION("teachers and pruned models") { check(hostile_small_models(), scratch); }
    SECTION("data sets") { check(data_sets(), scratch); }
    SECTION("tables") { check(tables(), scratch); }
    SECTION("predictions") { check(predictions(), scratch); }
    SECTION("searches") { check(hostile_searches(), scratch); }
    SECTION("servers") { check(hostile_servers(), scratch); }
    SECTION("configurations") { check(configurations(), scratch); }
}
