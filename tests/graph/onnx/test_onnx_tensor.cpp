// Constants in ONNX files: every type, as raw data, in fields and in other files, and what is refused of them.
#include <unistd.h>

#include <array>
#include <filesystem>
#include <limits>
#include <vector>

#include "engine/small_floats.h"
#include "graph/onnx/file.h"
#include "kernels/bf16.h"
#include "kernels/error.h"
#include "tests/graph/onnx/wire_bytes.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;
using onnx::ElementType;

namespace {

onnx::Model read_tensor(const std::string& bytes, const std::filesystem::path& folder = {}) {
    return onnx::read(std::as_bytes(std::span(bytes)), "model", folder);
}

onnx::Array array_of(const std::string& tensor, const std::filesystem::path& folder = {}) {
    return read_tensor(model_with_tensor(part(8, "w") + tensor), folder).initializers.at("w");
}

/// What a constant is refused with.
std::string tensor_refusal(const std::string& tensor, const std::filesystem::path& folder = {}) {
    try {
        array_of(tensor, folder);
    } catch (const InputError& error) {
        return error.what();
    }
    return "no refusal";
}

std::string dims(std::initializer_list<std::int64_t> values) {
    std::string bytes;
    for (const std::int64_t value : values) bytes += number(1, value);
    return bytes;
}

std::string type(int number_of) { return number(2, number_of); }

template <class T>
std::string raw(std::initializer_list<T> values) {
    std::string bytes;
    for (const T value : values) bytes += little_endian(value);
    return part(9, bytes);
}

std::string packed(int field, std::initializer_list<std::int64_t> values) {
    std::string bytes;
    for (const std::int64_t value : values) bytes += varint(static_cast<std::uint64_t>(value));
    return part(field, bytes);
}

using Floats = std::vector<float>;
using Integers = std::vector<std::int64_t>;

std::string external(const std::string& location, const std::string& more = {}) {
    return part(13, part(1, "location") + part(2, location)) + number(14, 1) + more;
}

std::string entry(const std::string& key, const std::string& value) { return part(13, part(1, key) + part(2, value)); }

}  // namespace

TEST_CASE("Raw constants of every type", "[onnx]") {
    const std::string two = dims({2});
    CHECK(array_of(two + type(1) + raw<float>({1.5F, -2})).floats == Floats{1.5F, -2});
    CHECK(array_of(two + type(11) + raw<double>({0.1, -2})).floats == Floats{0.1F, -2});
    CHECK(array_of(two + type(10) + raw<std::uint16_t>({to_half(0.5F), to_half(-3)})).floats == Floats{0.5F, -3});
    CHECK(array_of(two + type(16) + raw<std::uint16_t>({kernels::to_bf16(0.5F), kernels::to_bf16(-3)})).floats ==
          Floats{0.5F, -3});
    CHECK(array_of(two + type(2) + raw<std::uint8_t>({255, 1})).integers == Integers{255, 1});
    CHECK(array_of(two + type(3) + raw<std::int8_t>({-128, 1})).integers == Integers{-128, 1});
    CHECK(array_of(two + type(4) + raw<std::uint16_t>({65535, 1})).integers == Integers{65535, 1});
    CHECK(array_of(two + type(5) + raw<std::int16_t>({-32768, 1})).integers == Integers{-32768, 1});
    CHECK(array_of(two + type(6) + raw<std::int32_t>({-5, 1})).integers == Integers{-5, 1});
    CHECK(array_of(two + type(12) + raw<std::uint32_t>({4294967295U, 1})).integers == Integers{4294967295, 1});
    CHECK(array_of(two + type(7) + raw<std::int64_t>({-5, 1})).integers == Integers{-5, 1});
    CHECK(array_of(two + type(13) + raw<std::uint64_t>({5, 1})).integers == Integers{5, 1});
    CHECK(array_of(two + type(9) + raw<std::uint8_t>({7, 0})).integers == Integers{1, 0});
    CHECK(array_of(two + type(3) + raw<std::int8_t>({-1, 1})).type == ElementType::s8);
}

TEST_CASE("Constants in the fields of their types, packed and one by one", "[onnx]") {
    const std::string two = dims({2});
    CHECK(array_of(two + type(1) + part(4, little_endian(1.5F) + little_endian(-2.F))).floats == Floats{1.5F, -2});
    CHECK(array_of(two + type(1) + fixed(4, 1.5F) + fixed(4, -2.F)).floats == Floats{1.5F, -2});
    CHECK(array_of(two + type(11) + part(10, little_endian(0.1) + little_endian(-2.))).floats == Floats{0.1F, -2});
    CHECK(array_of(two + type(11) + fixed(10, 0.1) + fixed(10, -2.)).floats == Floats{0.1F, -2});
    CHECK(array_of(two + type(10) + packed(5, {to_half(0.5F), to_half(-3)})).floats == Floats{0.5F, -3});
    CHECK(array_of(two + type(16) + packed(5, {kernels::to_bf16(0.5F), kernels::to_bf16(-3)})).floats ==
          Floats{0.5F, -3});
    for (const int small : {2, 3, 4, 5, 6, 9})
        CHECK(array_of(two + type(small) + packed(5, {1, 0})).integers == Integers{1, 0});
    CHECK(array_of(two + type(3) + packed(5, {-128, 127})).integers == Integers{-128, 127});
    CHECK(array_of(two + type(6) + number(5, -7) + number(5, 8)).integers == Integers{-7, 8});
    // As five bytes, which programs other than protobuf's write for a negative int32.
    CHECK(array_of(two + type(6) + packed(5, {0xFFFFFFFF, 8})).integers == Integers{-1, 8});
    CHECK(array_of(two + type(7) + packed(7, {-7, 8})).integers == Integers{-7, 8});
    CHECK(array_of(two + type(7) + number(7, -7) + number(7, 8)).integers == Integers{-7, 8});
    CHECK(array_of(two + type(12) + packed(11, {7, 8})).integers == Integers{7, 8});
    CHECK(array_of(two + type(13) + packed(11, {7, 8})).integers == Integers{7, 8});
}

TEST_CASE("Dims: none, zeros, packed", "[onnx]") {
    CHECK(array_of(type(1) + raw<float>({3})).dims.empty());
    CHECK(array_of(dims({0, 1LL << 40, 4}) + type(1)).floats.empty());
    CHECK(array_of(packed(1, {1, 2}) + type(7) + raw<std::int64_t>({3, 4})).dims == Integers{1, 2});
}

TEST_CASE("Constants whose dims, types or values lie are refused by name", "[onnx]") {
    CHECK_THAT(tensor_refusal(dims({3}) + type(1) + raw<float>({1, 2})),
               contains("tensor 'w': 8 bytes, its dims and type want 12"));
    CHECK_THAT(tensor_refusal(dims({3}) + type(7) + packed(7, {1})), contains("1 values, its dims and type want 3"));
    CHECK_THAT(tensor_refusal(dims({3}) + type(1)), contains("0 values, its dims and type want 3"));
    CHECK_THAT(tensor_refusal(dims({-3}) + type(1)), contains("dims -3, wanted none below 0"));
    CHECK_THAT(tensor_refusal(dims({1LL << 32, 1LL << 32}) + type(1)), contains("whose product no memory holds"));
    CHECK_THAT(tensor_refusal(dims({1LL << 62}) + type(1)), contains("whose product no memory holds"));
    CHECK_THAT(tensor_refusal(dims({1LL << 40}) + type(1)), contains("more than 2^34 bytes of constants"));
    CHECK_THAT(tensor_refusal(dims({(1LL << 28) + 1}) + type(2)), contains("elements of 8 bits, wanted 2^28 at most"));
    CHECK_THAT(tensor_refusal(packed(1, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                         1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}) +
                              type(1)),
               contains("33 dims, wanted 32 at most"));
    CHECK_THAT(tensor_refusal(type(8)), contains("strings, which are not read"));
    CHECK_THAT(tensor_refusal(type(14)), contains("complex numbers, which are not read"));
    CHECK_THAT(tensor_refusal(type(17)), contains("elements of type 17, which is not read"));
    CHECK_THAT(tensor_refusal(raw<float>({1})), contains("elements of type 0, which is not read"));
    CHECK_THAT(tensor_refusal(type(1) + part(3, "") + raw<float>({1})), contains("a segment of a tensor"));
    CHECK_THAT(tensor_refusal(type(2) + number(5, 256)), contains("256 among its values, which is no uint8"));
    CHECK_THAT(tensor_refusal(type(9) + number(5, 2)), contains("2 among its values, which is no bool"));
    CHECK_THAT(tensor_refusal(type(10) + number(5, 65536)), contains("which is no float16"));
    CHECK_THAT(tensor_refusal(type(13) + raw<std::uint64_t>({std::numeric_limits<std::uint64_t>::max()})),
               contains("which is no uint64"));
}

TEST_CASE("Constants in other files of the model's folder", "[onnx]") {
    TemporaryFolder folder;
    write_text(folder / "w.bin", std::string(8, '\0') + little_endian(1.5F) + little_endian(-2.F));
    std::filesystem::create_directory(folder / "deep");
    write_text(folder / "deep/w.bin", little_endian(std::int8_t{-3}));
    const auto two = dims({2}) + type(1);
    const std::string all = entry("offset", "8") + entry("length", "8") + entry("checksum", "0");
    CHECK(array_of(two + external("w.bin", all), folder.path()).floats == Floats{1.5F, -2});
    CHECK(array_of(two + external("w.bin", entry("offset", "8")), folder.path()).floats == Floats{1.5F, -2});
    CHECK(array_of(two + external("w.bin"), folder.path()).floats == Floats{0, 0});
    CHECK(array_of(dims({1}) + type(3) + external("./deep/w.bin"), folder.path()).integers == Integers{-3});
    CHECK(array_of(dims({0}) + type(1) + external("w.bin"), folder.path()).floats.empty());

    // By a file's name, whose folder is meant, also where the name has none.
    write_text(folder / "model.onnx", model_with_tensor(part(8, "w") + two + external("w.bin", all)));
    CHECK(onnx::read_file(folder / "model.onnx").initializers.at("w").floats == Floats{1.5F, -2});
}

TEST_CASE("Data outside of the model's folder, behind links or beyond a file's end are refused", "[onnx]") {
    TemporaryFolder folder;
    write_text(folder / "w.bin", std::string(16, '\0'));
    std::filesystem::create_directories(folder / "model/real");
    write_text(folder / "model/w.bin", std::string(16, '\0'));
    write_text(folder / "model/real/w.bin", std::string(16, '\0'));
    std::filesystem::create_symlink("../w.bin", folder / "model/link.bin");
    std::filesystem::create_symlink("real", folder / "model/folder");
    const auto refused = [&](const std::string& tensor) {
        return tensor_refusal(dims({2}) + type(1) + tensor, folder / "model");
    };
    CHECK_THAT(refused(external("../w.bin")), contains("wanted a path within the model's folder"));
    CHECK_THAT(refused(external("real/../../w.bin")), contains("wanted a path within the model's folder"));
    CHECK_THAT(refused(external(folder / "w.bin")), contains("wanted a path within the model's folder"));
    CHECK_THAT(refused(external("..\\w.bin")), contains("wanted a path within the model's folder"));
    CHECK_THAT(refused(external(std::string("w.bin\0x", 7))), contains("wanted a path within the model's folder"));
    CHECK_THAT(refused(external("link.bin")), contains("symbolic link"));
    CHECK_THAT(refused(external("folder/w.bin")), contains("symbolic link"));
    CHECK_THAT(refused(external("real")), contains("is no regular file"));
    CHECK_THAT(refused(external("")), contains("which is not named"));
    CHECK_THAT(refused(external(".")), contains("wanted the path of a file"));
    CHECK_THAT(refused(external("none.bin")), contains("cannot be opened"));
    CHECK_THAT(refused(external("w.bin/w.bin")), contains("cannot be opened"));
    CHECK_THAT(refused(number(14, 1)), contains("which is not named"));
    CHECK_THAT(refused(external("w.bin", entry("offset", "12"))), contains("reach beyond the end of 'w.bin'"));
    CHECK_THAT(refused(external("w.bin", entry("offset", "999999999999999999"))), contains("reach beyond the end"));
    CHECK_THAT(refused(external("w.bin", entry("offset", "-8"))), contains("wanted a whole number"));
    CHECK_THAT(refused(external("w.bin", entry("length", "99999999999999999999"))), contains("wanted a whole number"));
    CHECK_THAT(refused(external("w.bin", entry("length", "4"))),
               contains("4 bytes in 'w.bin', its dims and type want 8"));
    CHECK_THAT(tensor_refusal(dims({2}) + type(1) + external("w.bin")), contains("there is no folder to look in"));
}

TEST_CASE("A small file of external data cannot become many times its size", "[onnx]") {
    TemporaryFolder folder;
    write_text(folder / "w.bin", std::string(16, '\0'));
    std::string graph = part(1, node_message("Identity", "x", "y"));
    for (int i = 0; i < 4; ++i)
        graph += part(5, part(8, "w" + std::to_string(i)) + dims({4}) + type(1) + external("w.bin"));
    CHECK(read_tensor(model_message(graph), folder.path()).initializers.size() == 4);
    for (int i = 4; i < 6; ++i)
        graph += part(5, part(8, "w" + std::to_string(i)) + dims({4}) + type(1) + external("w.bin"));
    CHECK_THROWS_WITH(read_tensor(model_message(graph), folder.path()),
                      contains("more than 4 times the bytes of their file"));
}
