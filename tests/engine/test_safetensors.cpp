#include "engine/safetensors.h"

#include <sys/resource.h>
#include <xxhash.h>

#include <bit>
#include <cmath>
#include <csignal>
#include <cstring>
#include <limits>

#include "engine/json.h"
#include "engine/safetensors_header.h"
#include "kernels/routing/conv2d.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using keel::test::read_text;
using keel::test::TemporaryFolder;
using keel::test::write_text;

namespace {

std::string length_prefix(std::uint64_t length) {
    std::string bytes(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(length >> (8 * i) & 255);
    return bytes;
}

/// A file as the format's text describes it.
std::string file_of(const std::string& header, const std::string& data) {
    return length_prefix(header.size()) + header + data;
}

template <class T>
std::string bytes_of(std::initializer_list<T> values) {
    std::string bytes(values.size() * sizeof(T), '\0');
    std::memcpy(bytes.data(), values.begin(), bytes.size());
    return bytes;
}

const Tensor& find(const TensorFile& file, const std::string& name) {
    for (const auto& named : file.tensors)
        if (named.name == name) return named.tensor;
    throw std::runtime_error("no tensor " + name);
}

std::string message_of(const std::filesystem::path& path) {
    try {
        read_safetensors(path);
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

TensorFile sample_file() {
    return {{{"note", "caf\u00e9 \"quoted\"\n"}},
            {{"b.weight", Tensor::from({1.0F, -2.5F, 3.25F, 0.0F, 5.0F, -6.0F}, {2, 3})},
             {"a.count", Tensor::from({std::int32_t{7}}, {1})},
             {"z.double", Tensor::from({0.1, -1e300}, {2})},
             {"bytes", Tensor::from({std::uint8_t{1}, std::uint8_t{255}, std::uint8_t{3}}, {3})},
             {"signed", Tensor::from({std::int8_t{-128}}, {1, 1, 1, 1})},
             {"nothing", Tensor::zeros({0, 4})}}};
}

}  // namespace

TEST_CASE("safetensors: what is written reads back to the bit") {
    const TemporaryFolder folder;
    const TensorFile file = sample_file();
    write_safetensors(folder / "x.safetensors", file);
    const TensorFile back = read_safetensors(folder / "x.safetensors");
    CHECK(back.metadata.at("note") == file.metadata.at("note"));
    REQUIRE(back.tensors.size() == file.tensors.size());
    for (const auto& [name, tensor] : file.tensors) {
        INFO(name);
        const Tensor& other = find(back, name);
        CHECK(other.dtype() == tensor.dtype());
        REQUIRE(other.dims() == tensor.dims());
        const Tensor wanted = tensor.to(DType::f64), came = other.to(DType::f64);
        CHECK(
            std::equal(wanted.values<double>().begin(), wanted.values<double>().end(), came.values<double>().begin()));
    }
    CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("safetensors: the bytes on disk are those of the format") {
    const TemporaryFolder folder;
    write_safetensors(folder / "x.safetensors", sample_file());
    const std::string bytes = read_text(folder / "x.safetensors");
    std::uint64_t length = 0;
    for (std::size_t i = 8; i-- > 0;) length = length << 8 | static_cast<unsigned char>(bytes.at(i));
    REQUIRE(length % 8 == 0);
    REQUIRE(bytes.size() >= 8 + length);
    const auto header = parse_json(bytes.substr(8, length));
    const std::string data = bytes.substr(8 + length);
    const auto slice = [&](const char* name) {
        const auto offsets = header.at(name).at("data_offsets").get<std::vector<std::size_t>>();
        CHECK(offsets.at(0) % (offsets[1] - offsets[0] >= 4 ? 4 : 1) == 0);
        return data.substr(offsets.at(0), offsets.at(1) - offsets.at(0));
    };
    CHECK(header.at("b.weight").at("dtype") == "F32");
    CHECK(header.at("b.weight").at("shape") == std::vector<int>{2, 3});
    CHECK(slice("b.weight") == bytes_of({1.0F, -2.5F, 3.25F, 0.0F, 5.0F, -6.0F}));
    CHECK(header.at("a.count").at("dtype") == "I32");
    CHECK(slice("a.count") == bytes_of({std::int32_t{7}}));
    CHECK(header.at("z.double").at("dtype") == "F64");
    CHECK(slice("z.double") == bytes_of({0.1, -1e300}));
    CHECK(slice("bytes") == "\x01\xff\x03");
    CHECK(header.at("signed").at("dtype") == "I8");
    CHECK(header.at("nothing").at("shape") == std::vector<int>{0, 4});
    char hex[17];
    std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(XXH3_64bits(data.data(), data.size())));
    CHECK(header.at("__metadata__").at(kDataHashKey) == hex);
}

TEST_CASE("safetensors: types that are converted") {
    const TemporaryFolder folder;
    // Half: 1, -2, the smallest subnormal 2^-24, the largest 65504, infinity, -0. BF16: 1, -3.
    const std::string data = bytes_of<std::uint16_t>({0x3C00, 0xC000, 0x0001, 0x7BFF, 0x7C00, 0x8000}) +
                             bytes_of<std::uint16_t>({0x3F80, 0xC040}) + bytes_of<std::int64_t>({-5, 2147483647}) +
                             bytes_of<std::int16_t>({-32768, 9}) + std::string("\x01\x00", 2) +
                             bytes_of<std::int64_t>({42});
    const std::string header =
        R"({"h":{"dtype":"F16","shape":[6],"data_offsets":[0,12]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[12,16]},)"
        R"("l":{"dtype":"I64","shape":[2],"data_offsets":[16,32]},"s":{"dtype":"I16","shape":[2],"data_offsets":[32,36]},)"
        R"("t":{"dtype":"BOOL","shape":[2],"data_offsets":[36,38]},"n":{"dtype":"I64","shape":[],"data_offsets":[38,46]}}  )";
    write_text(folder / "x", file_of(header, data));
    const TensorFile file = read_safetensors(folder / "x");
    const auto half = find(file, "h").values<float>();
    CHECK(half[0] == 1.0F);
    CHECK(half[1] == -2.0F);
    CHECK(half[2] == 0x1p-24F);
    CHECK(half[3] == 65504.0F);
    CHECK(half[4] == std::numeric_limits<float>::infinity());
    CHECK((half[5] == 0.0F && std::signbit(half[5])));
    CHECK(find(file, "b").values<float>()[0] == 1.0F);
    CHECK(find(file, "b").values<float>()[1] == -3.0F);
    CHECK(find(file, "l").values<std::int32_t>()[0] == -5);
    CHECK(find(file, "l").values<std::int32_t>()[1] == 2147483647);
    CHECK(find(file, "s").values<std::int32_t>()[0] == -32768);
    CHECK(find(file, "t").values<std::uint8_t>()[0] == 1);
    CHECK(find(file, "n").dims() == Dims{1});
    CHECK(find(file, "n").item() == 42);
}

TEST_CASE("safetensors: a hostile file is an InputError that names the file") {
    const TemporaryFolder folder;
    const std::string eight(8, '\0'), four(4, '\0');
    const auto one = [](const std::string& fields) { return "{\"t\":{" + fields + "}}"; };
    const std::string good = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";
    const std::vector<std::pair<const char*, std::string>> cases{
        {"empty", ""},
        {"shorter than the length", "abc"},
        {"length beyond the file", length_prefix(100) + "{}"},
        {"length of all ones", length_prefix(~std::uint64_t{0}) + "{}"},
        {"length above 100 MB", length_prefix(100'000'001) + "{}"},
        {"empty header", file_of("", "")},
        {"not JSON", file_of("{\"a\"", "")},
        {"an array", file_of("[]", "")},
        {"leading space", file_of(" {}", "")},
        {"text behind the object", file_of("{} x", "")},
        {"invalid UTF-8", file_of("{\"\xff\xfe\":1}", "")},
        {"deep nesting", file_of("{\"t\":" + std::string(100000, '['), "")},
        {"nested objects", file_of(R"({"t":{"dtype":{}}})", "")},
        {"a tensor that is a number", file_of(R"({"t":1})", "")},
        {"a tensor that is null", file_of(R"({"t":null})", "")},
        {"metadata that is no string", file_of(R"({"__metadata__":{"a":1}})", "")},
        {"metadata that is an array", file_of(R"({"__metadata__":[]})", "")},
        {"duplicate tensor", file_of("{\"t\":{" + good + "},\"t\":{" + good + "}}", eight)},
        {"duplicate metadata", file_of(R"({"__metadata__":{"a":"1","a":"2"}})", "")},
        {"duplicate metadata object", file_of(R"({"__metadata__":{},"__metadata__":{}})", "")},
        {"duplicate field", file_of(one(R"("dtype":"F32",)" + good), eight)},
        {"unknown field", file_of(one(good + R"(,"x":"y")"), eight)},
        {"unknown dtype", file_of(one(R"("dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8])"), eight)},
        {"no dtype", file_of(one(R"("shape":[2],"data_offsets":[0,8])"), eight)},
        {"no shape", file_of(one(R"("dtype":"F32","data_offsets":[0,8])"), eight)},
        {"no offsets", file_of(one(R"("dtype":"F32","shape":[2])"), eight)},
        {"negative extent", file_of(one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), eight)},
        {"fractional extent", file_of(one(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), eight)},
        {"extent beyond 64 bits",
         file_of(one(R"("dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8])"), eight)},
        {"text as extent", file_of(one(R"("dtype":"F32","shape":["2"],"data_offsets":[0,8])"), eight)},
        {"product that wraps to 8",
         file_of(one(R"("dtype":"F32","shape":[4611686018427387906],"data_offsets":[0,8])"), eight)},
        {"product that wraps to 0",
         file_of(one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])"), "")},
        {"huge beside zero",
         file_of(one(R"("dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0])"), "")},
        {"five dims", file_of(one(R"("dtype":"F32","shape":[1,1,1,1,2],"data_offsets":[0,8])"), eight)},
        {"one offset", file_of(one(R"("dtype":"F32","shape":[2],"data_offsets":[0])"), eight)},
        {"three offsets", file_of(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,8])"), eight)},
        {"offsets reversed", file_of(one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), eight)},
        {"offsets beyond the data", file_of(one(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])"), eight)},
        {"truncated data", file_of(one(good), four)},
        {"trailing data", file_of(one(good), eight + "x")},
        {"data without tensors", file_of("{}", eight)},
        {"smaller than its shape", file_of(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"), four)},
        {"larger than its shape", file_of(one(R"("dtype":"F32","shape":[1],"data_offsets":[0,8])"), eight)},
        {"a hole", file_of(one(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"), eight)},
        {"an overlap",
         file_of("{\"t\":{" + good + R"(},"u":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", eight + four)},
        {"the same bytes twice", file_of("{\"t\":{" + good + "},\"u\":{" + good + "}}", eight)},
        {"I64 beyond 32 bits",
         file_of(one(R"("dtype":"I64","shape":[1],"data_offsets":[0,8])"), bytes_of<std::int64_t>({1LL << 31}))},
        {"wrong hash", file_of(R"({"__metadata__":{"keel.xxh3":"0000000000000000"},"t":{)" + good + "}}", eight)},
    };
    for (const auto& [what, bytes] : cases) {
        INFO(what);
        write_text(folder / "bad.safetensors", bytes);
        CHECK_THAT(message_of(folder / "bad.safetensors"), test::contains("bad.safetensors"));
    }
    write_text(folder / "good.safetensors", file_of(one(good), eight));
    CHECK(message_of(folder / "good.safetensors").empty());
    write_text(folder / "bad.safetensors", file_of(one(R"("dtype":"F33","shape":[2],"data_offsets":[0,8])"), eight));
    CHECK_THAT(message_of(folder / "bad.safetensors"), test::contains("\"t\"") && test::contains("F33"));
}

TEST_CASE("safetensors: every cut and every changed byte of a file with a hash is noticed or harmless") {
    const TemporaryFolder folder;
    write_safetensors(folder / "x", {{}, {{"w", Tensor::from({1.0F, 2.0F}, {2})}, {"v", Tensor::from({3.0F}, {1})}}});
    const std::string bytes = read_text(folder / "x");
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        INFO("cut at " << cut);
        write_text(folder / "y", bytes.substr(0, cut));
        CHECK_THROWS_AS(read_safetensors(folder / "y"), InputError);
    }
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        INFO("changed at " << at);
        std::string other = bytes;
        other[at] = static_cast<char>(other[at] ^ 0x04);
        write_text(folder / "y", other);
        try {  // a changed letter of a name or of the hash's key leaves a valid file with the same numbers
            const TensorFile file = read_safetensors(folder / "y");
            CHECK(at < bytes.size() - 12);
            CHECK(file.tensors.size() == 2);
        } catch (const InputError& error) {
            CHECK(std::string(error.what()).find("[safetensors]") == 0);
        }
    }
}

TEST_CASE("safetensors: tensors that are not wanted are left out, but not their bytes' hash") {
    const TemporaryFolder folder;
    const Tensor large = Tensor::full({300'000}, 0.5);  // more than one piece of reading
    write_safetensors(folder / "x",
                      {{}, {{"a", large}, {"b", Tensor::full({7}, 3)}, {"c", large}, {"nothing", Tensor::zeros({0})}}});
    const auto only_b = [](const std::string& name) { return name == "b"; };
    const TensorFile file = read_safetensors(folder / "x", only_b);
    REQUIRE(file.tensors.size() == 1);
    CHECK(file.tensors[0].tensor.values<float>()[6] == 3);
    std::string bytes = read_text(folder / "x");
    bytes[bytes.size() - 1000] = static_cast<char>(bytes[bytes.size() - 1000] ^ 1);
    write_text(folder / "y", bytes);
    CHECK_THROWS_WITH(read_safetensors(folder / "y", only_b), test::contains("damaged"));
    CHECK_THROWS_WITH(read_safetensors(folder / "y"), test::contains("damaged"));
}

TEST_CASE("safetensors: what cannot be read or is no file") {
    const TemporaryFolder folder;
    CHECK_THROWS_AS(read_safetensors(folder / "absent"), IoError);
    CHECK_THROWS_AS(read_safetensors(folder.path()), InputError);
    CHECK_THROWS_AS(read_safetensors("/dev/zero"), InputError);
}

TEST_CASE("safetensors: a write that fails leaves the old file and nothing else") {
    const TemporaryFolder folder;
    const auto path = folder / "x.safetensors";
    write_safetensors(path, {{}, {{"w", Tensor::full({4}, 1)}}});
    const std::string before = read_text(path);
    CHECK_THROWS_AS(write_safetensors(folder / "absent/x.safetensors", sample_file()), IoError);
    CHECK_THROWS_AS(write_safetensors("/proc/x.safetensors", sample_file()), IoError);

    // A limit of the file size stands for a full disk: write() fails halfway.
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{1 << 16, limit.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    std::string message;
    try {
        write_safetensors(path, {{}, {{"w", Tensor::zeros({1 << 16})}}});
    } catch (const IoError& error) {
        message = error.what();
    }
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, handler);
    CHECK_THAT(message, test::contains("x.safetensors") && test::contains("File too large"));
    CHECK(read_text(path) == before);

    std::filesystem::create_directories(folder / "taken/inside");
    CHECK_THROWS_AS(write_safetensors(folder / "taken", sample_file()), IoError);
    CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 2);
}

TEST_CASE("safetensors: what must not be written") {
    const TemporaryFolder folder;
    const Tensor w = Tensor::zeros({1});
    CHECK_THROWS_AS(write_safetensors(folder / "x", {{}, {{"w", w}, {"w", w}}}), UsageError);
    CHECK_THROWS_AS(write_safetensors(folder / "x", {{}, {{"__metadata__", w}}}), UsageError);
    CHECK_THROWS_AS(write_safetensors(folder / "x", {{{"a", "\xff"}}, {{"w", w}}}), UsageError);
    CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("safetensors: weights in a blocked layout are written plain") {
    const TemporaryFolder folder;
    const kernels::Conv2dGeometry g{1, 5, 8, 8, 7, 3, 3};
    const Tensor plain = Tensor::empty({7, 5, 3, 3});
    for (std::size_t i = 0; float& value : plain.values<float>()) value = static_cast<float>(i++);
    const Tensor blocked = plain.clone();
    blocked.set_layout(kernels::preferred_layout(g, true));
    write_safetensors(folder / "plain", {{}, {{"w", plain}}});
    write_safetensors(folder / "blocked", {{}, {{"w", blocked}}});
    CHECK(read_text(folder / "plain") == read_text(folder / "blocked"));
}
