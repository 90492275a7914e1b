#include "embed/weights/torch_file.h"

#include <map>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

const std::string kFiles = KEEL_SOURCE_DIR "/tests/embed/weights/files/";

std::vector<double> numbers(const Tensor& tensor) {
    const Tensor wide = tensor.to(DType::f64).contiguous();
    return {wide.values<double>().begin(), wide.values<double>().end()};
}

std::vector<double> counted(std::size_t count, double first = 0) {
    std::vector<double> values;
    for (std::size_t i = 0; i < count; ++i) values.push_back(first + static_cast<double>(i));
    return values;
}

std::map<std::string, Tensor> by_name(const TorchFile& file) {
    std::map<std::string, Tensor> tensors;
    for (const NamedTensor& each : file.tensors) tensors.emplace(each.name, each.tensor);
    REQUIRE(tensors.size() == file.tensors.size());
    return tensors;
}

/// What make_torch_files.py calls tensors().
void check_tensors(const std::map<std::string, Tensor>& t, const std::string& prefix = "") {
    REQUIRE(t.size() == 14);
    const auto check = [&](const std::string& name, DType type, const Dims& dims, const std::vector<double>& values) {
        INFO(name);
        const Tensor& tensor = t.at(prefix + name);
        CHECK(tensor.dtype() == type);
        CHECK(tensor.dims() == dims);
        CHECK(numbers(tensor) == values);
    };
    check("plain", DType::f32, {2, 3, 4}, counted(24));
    check("half", DType::f32, {2, 3}, counted(6));
    check("bfloat", DType::f32, {3, 2}, counted(6));
    check("double", DType::f64, {5}, counted(5));
    check("long", DType::s32, {1}, {7});
    check("int", DType::s32, {4}, counted(4));
    check("short", DType::s32, {4}, counted(4, -2));
    check("signed", DType::s8, {4}, counted(4, -2));
    check("bytes", DType::u8, {4}, counted(4));
    check("flags", DType::u8, {3}, {1, 0, 1});
    std::vector<double> transposed;
    for (int column = 0; column < 6; ++column)
        for (int row = 0; row < 4; ++row) transposed.push_back(6 * row + column);
    check("transposed", DType::f32, {6, 4}, transposed);
    check("first_half", DType::f32, {12}, counted(12));
    check("second_half", DType::f32, {12}, counted(12, 12));
    check("channels_last", DType::f32, {1, 2, 3, 4}, counted(24));
}

}  // namespace

TEST_CASE("A state dict comes out of the archive, the stream and every protocol", "[torch_file]") {
    for (const char* name : {"state", "stream", "protocol3", "protocol4"}) {
        INFO(name);
        const std::string path = kFiles + name + ".pth";
        CHECK(is_torch_file(path));
        const TorchFile file = read_torch_file(path);
        CHECK((file.taken_from.empty() && file.other.empty()));
        check_tensors(by_name(file));
    }
}

TEST_CASE("A training script's checkpoint gives its model, or what a key names", "[torch_file]") {
    for (const char* name : {"training.pth", "training_stream.pth"}) {
        INFO(name);
        const TorchFile file = read_torch_file(kFiles + name);
        CHECK(file.taken_from == "state_dict");
        CHECK(file.other == std::vector<std::string>{"ema"});
        check_tensors(by_name(file), "module.");
        const TorchFile averages = read_torch_file(kFiles + name, "ema");
        REQUIRE(averages.tensors.size() == 1);
        CHECK(numbers(averages.tensors[0].tensor) == counted(24, 1));
        CHECK_THROWS_WITH(read_torch_file(kFiles + name, "nothing"), contains("there is no key 'nothing'"));
        CHECK_THROWS_WITH(read_torch_file(kFiles + name, "arch"), contains("no tensors under the key 'arch'"));
    }
}

TEST_CASE("A pickled module gives its tensors, and its classes stay names", "[torch_file]") {
    for (const char* name : {"module.pth", "module_stream.pth"}) {
        INFO(name);
        const TorchFile file = read_torch_file(kFiles + name);
        double i = 0;
        const std::vector<std::string> names{"block.conv.weight",
                                             "block.conv.bias",
                                             "block.bn.weight",
                                             "block.bn.bias",
                                             "block.bn.running_mean",
                                             "block.bn.running_var",
                                             "block.bn.num_batches_tracked",
                                             "fc.weight",
                                             "fc.bias"};
        const auto tensors = by_name(file);
        REQUIRE(tensors.size() == names.size());
        for (const std::string& each : names) {
            INFO(each);
            for (const double value : numbers(tensors.at(each))) CHECK(value == i);
            ++i;
        }
    }
}

TEST_CASE("Files of torch.save that are cut, damaged or something else end with an error", "[torch_file]") {
    const TemporaryFolder folder;
    for (const char* name : {"state.pth", "stream.pth", "module_stream.pth", "training.pth"}) {
        const std::string whole = read_text(kFiles + name);
        for (std::size_t size = 0; size < whole.size(); size += 41) {
            write_text(folder / "cut", whole.substr(0, size));
            CHECK_THROWS_AS(read_torch_file(folder / "cut"), InputError);
        }
    }
    write_text(folder / "text", "no weights");
    CHECK_FALSE(is_torch_file(folder / "text"));
    CHECK_THROWS_AS(read_torch_file(folder / "missing"), IoError);
}
