#include "engine/safetensors.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>

#include "engine/files.h"
#include "engine/hash.h"
#include "engine/json.h"
#include "engine/patience.h"
#include "engine/safetensors_header.h"
#include "engine/small_floats.h"
#include "kernels/bf16.h"

namespace keel {
namespace {

using namespace safetensors;

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little-endian and are copied as they are");

/// What is read is hashed while it is in a core's cache.
constexpr std::size_t kChunkBytes = 1 << 18;

std::span<std::byte> bytes_of(const Tensor& dense) {
    const auto bytes = [](auto* data, std::size_t count) { return std::as_writable_bytes(std::span(data, count)); };
    const auto count = static_cast<std::size_t>(dense.elements());
    switch (dense.dtype()) {
        case DType::f32:
            return bytes(dense.data<float>(), count);
        case DType::f64:
            return bytes(dense.data<double>(), count);
        case DType::u8:
            return bytes(dense.data<std::uint8_t>(), count);
        case DType::s8:
            return bytes(dense.data<std::int8_t>(), count);
        case DType::s32:
            return bytes(dense.data<std::int32_t>(), count);
        case DType::bf16:
            throw UsageError("[safetensors] wanted elements of a type that Keel writes, got bf16");
    }
    return {};
}

std::int32_t narrowed(std::int64_t value, const Entry& entry) {
    if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max())
        throw InputError("tensor " + shown(entry.name) + ": " + std::to_string(value) + " does not fit 32 bits");
    return static_cast<std::int32_t>(value);
}

/// dst[i] = convert(element i of the file), through a small buffer.
template <class From, class To, class Convert>
void read_converted(const InputFile& file, std::uint64_t offset, std::span<To> dst, Hash& hash, Convert&& convert) {
    constexpr std::size_t kChunk = 1 << 16;
    std::vector<From> buffer(std::min(dst.size(), kChunk));
    for (std::size_t i = 0; i < dst.size(); i += kChunk) {
        const auto part = std::span(buffer).first(std::min(dst.size() - i, kChunk));
        file.read(offset + i * sizeof(From), std::as_writable_bytes(part));
        hash.add(std::as_bytes(part));
        std::ranges::transform(part, dst.begin() + static_cast<std::ptrdiff_t>(i), convert);
    }
}

Tensor read_tensor(const InputFile& file, std::uint64_t data_begin, const Entry& entry, Hash& hash) {
    const EncodingTraits& encoding = traits(entry.encoding);
    const Tensor tensor = Tensor::empty(entry.dims, encoding.read_as);
    const std::uint64_t offset = data_begin + entry.begin;
    if (encoding.verbatim) {
        const auto bytes = bytes_of(tensor);
        for (std::size_t i = 0; i < bytes.size(); i += kChunkBytes) {
            const auto part = bytes.subspan(i, std::min(bytes.size() - i, kChunkBytes));
            file.read(offset + i, part);
            hash.add(part);
        }
    } else if (entry.encoding == Encoding::f16) {
        read_converted<std::uint16_t>(file, offset, tensor.values<float>(), hash, from_half);
    } else if (entry.encoding == Encoding::bf16) {
        read_converted<std::uint16_t>(file, offset, tensor.values<float>(), hash, kernels::from_bf16);
    } else if (entry.encoding == Encoding::i16) {
        read_converted<std::int16_t>(file, offset, tensor.values<std::int32_t>(), hash,
                                     [](std::int16_t value) { return value; });
    } else {
        read_converted<std::int64_t>(file, offset, tensor.values<std::int32_t>(), hash,
                                     [&](std::int64_t value) { return narrowed(value, entry); });
    }
    return tensor;
}

/// For a tensor that is left out.
void hash_bytes(const InputFile& file, std::uint64_t begin, std::uint64_t end, Hash& hash) {
    std::vector<std::byte> buffer(kChunkBytes);
    while (begin < end) {
        const auto part =
            std::span(buffer).first(static_cast<std::size_t>(std::min<std::uint64_t>(end - begin, kChunkBytes)));
        file.read(begin, part);
        hash.add(part);
        begin += part.size();
    }
}

/// What stands for the header's hash while it is taken.
constexpr std::string_view kNoHash = "0000000000000000";

/// Where `digits` stand in a header as the hash of it. Within a JSON text quotes are escaped, so only the key itself
/// looks like this.
std::size_t header_hash_position(std::string_view header, std::string_view digits) {
    const std::string key = fmt::format("\"{}\":\"", kHeaderHashKey);
    const std::size_t at = header.find(fmt::format("{}{}\"", key, digits));
    return at == std::string_view::npos ? at : at + key.size();
}

/// Throws InputError where a header, `length` its first 8 bytes, promises a hash that it has not.
void check_header_hash(std::string_view length, std::string json, const std::map<std::string, std::string>& metadata) {
    const auto promised = metadata.find(kHeaderHashKey);
    if (promised == metadata.end()) return;
    const std::size_t at = header_hash_position(json, promised->second);
    if (at != std::string::npos && promised->second.size() == kNoHash.size()) {
        json.replace(at, kNoHash.size(), kNoHash);
        if (Hash().add(length).add(json).hex() == promised->second) return;
    }
    throw InputError("the header is damaged: its XXH3 is not the " + shown(promised->second) + " that it says");
}

/// Throws InputError that says what a file is that begins as one of another program does.
void refuse_other_format(std::uint64_t first_bytes) {
    const auto begins = [&](std::string_view magic) {
        return std::memcmp(&first_bytes, magic.data(), magic.size()) == 0;
    };
    if (begins("PK\x03\x04") || begins("\x80\x02\x8a\x0a"))
        throw InputError("this is a file of PyTorch's torch.save, not safetensors; keel import reads it");
    if (begins("\x89HDF\r\n\x1a\n"))
        throw InputError(
            "this is an HDF5 file, as Keras writes (.h5), not safetensors; save its weights as safetensors");
}

struct ReadHeader {
    Header header;
    std::uint64_t data_begin = 0;
};

ReadHeader read_header(const InputFile& file) {
    std::uint64_t header_bytes = 0;
    if (file.size() < sizeof header_bytes) throw InputError("the file is too short for a header");
    file.read(0, std::as_writable_bytes(std::span(&header_bytes, 1)));
    refuse_other_format(header_bytes);
    const std::uint64_t rest = file.size() - sizeof header_bytes;
    if (header_bytes > std::min(rest, kMaxHeaderBytes))
        throw InputError("wanted a header of at most " + std::to_string(std::min(rest, kMaxHeaderBytes)) +
                         " bytes, its length says " + std::to_string(header_bytes));
    std::string json(static_cast<std::size_t>(header_bytes), '\0');
    file.read(sizeof header_bytes, std::as_writable_bytes(std::span(json)));
    Header header = parse_header(json, rest - header_bytes);
    check_header_hash({reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes}, std::move(json),
                      header.metadata);
    return {std::move(header), sizeof header_bytes + header_bytes};
}

TensorFile read_checked(const InputFile& file, const std::function<bool(const std::string&)>& wanted) {
    auto [header, data_begin] = read_header(file);
    TensorFile result{std::move(header.metadata), {}};
    Hash hash;
    for (const Entry& entry : header.entries)
        if (!wanted || wanted(entry.name))
            result.tensors.push_back({entry.name, read_tensor(file, data_begin, entry, hash)});
        else
            hash_bytes(file, data_begin + entry.begin, data_begin + entry.end, hash);
    const auto promised = result.metadata.find(kDataHashKey);
    if (promised != result.metadata.end() && promised->second != hash.hex())
        throw InputError("the data is damaged: its XXH3 is " + hash.hex() + ", the header says " +
                         shown(promised->second));
    return result;
}

/// What is refused in a file is told with its name.
template <class Read>
auto blamed_on(const std::filesystem::path& path, const Read& read) {
    const InputFile file(path);
    try {
        return read(file);
    } catch (const InputError& error) {
        throw InputError("[safetensors] " + path.string() + ": " + error.what());
    }
}

/// A tensor as it is written: its name in the format, and its bytes.
struct Stored {
    std::string_view type;
    std::uint64_t element_bytes;
};

Stored stored(DType type, StoredFloat floats) {
    if (type == DType::f32 && floats != StoredFloat::f32) return {floats == StoredFloat::f16 ? "F16" : "BF16", 2};
    constexpr std::string_view kNames[] = {"F32", "F64", "U8", "I8", "I32"};
    return {kNames[static_cast<std::size_t>(type)], size_of(type)};
}

/// Gives the bytes of a dense tensor to `take`.
template <class Take>
void with_stored_bytes(const NamedTensor& named, StoredFloat floats, Take&& take) {
    const Tensor dense = named.tensor.contiguous();
    if (stored(dense.dtype(), floats).element_bytes == size_of(dense.dtype())) return take(bytes_of(dense));
    std::vector<std::uint16_t> rounded(static_cast<std::size_t>(dense.elements()));
    const auto values = dense.values<float>();
    std::ranges::transform(values, rounded.begin(), floats == StoredFloat::f16 ? to_half : kernels::to_bf16);
    if (floats == StoredFloat::f16)
        for (std::size_t i = 0; i < rounded.size(); ++i)
            if (std::abs(from_half(rounded[i])) > 65504 && std::abs(values[i]) <= std::numeric_limits<float>::max())
                throw UsageError(
                    fmt::format("[safetensors] tensor {}: {} is beyond half precision", named.name, values[i]));
    take(std::as_writable_bytes(std::span(rounded)));
}

/// The 8 bytes of length and the header, padded with spaces so that the data begins at a multiple of 8.
std::string header_text(const TensorFile& file, const std::vector<NamedTensor>& ordered, const std::string& hash) {
    std::map<std::string, Json> json;
    std::uint64_t offset = 0;
    for (const auto& [name, tensor] : ordered) {
        const std::uint64_t end =
            offset + static_cast<std::uint64_t>(tensor.elements()) * stored(tensor.dtype(), file.floats).element_bytes;
        const std::vector<std::int64_t> shape(tensor.dims().begin(), tensor.dims().end());
        if (json.contains(name)) throw UsageError("[safetensors] two tensors are named " + name);
        json[name] = Json{
            {"data_offsets", {offset, end}}, {"dtype", stored(tensor.dtype(), file.floats).type}, {"shape", shape}};
        offset = end;
    }
    if (json.contains("__metadata__")) throw UsageError("[safetensors] no tensor may be named __metadata__");
    std::map<std::string, std::string> metadata = file.metadata;
    metadata[std::string(kDataHashKey)] = hash;
    metadata[std::string(kHeaderHashKey)] = kNoHash;
    json["__metadata__"] = metadata;
    std::string text;
    try {
        text = json_text(Json(json));
    } catch (const Json::type_error&) {
        throw UsageError("[safetensors] a name or a metadata text is not UTF-8");
    }
    text.append((8 - text.size() % 8) % 8, ' ');
    if (text.size() > kMaxHeaderBytes)
        throw UsageError("[safetensors] the header would take " + std::to_string(text.size()) +
                         " bytes, readers accept " + std::to_string(kMaxHeaderBytes));
    const std::uint64_t length = text.size();
    std::string prefix(sizeof length, '\0');
    std::memcpy(prefix.data(), &length, sizeof length);
    text.replace(header_hash_position(text, kNoHash), kNoHash.size(), Hash().add(prefix).add(text).hex());
    return prefix + text;
}

}  // namespace

TensorFile read_safetensors(const std::filesystem::path& path, const std::function<bool(const std::string&)>& wanted) {
    return blamed_on(path, [&](const InputFile& file) { return read_checked(file, wanted); });
}

std::map<std::string, std::string> read_metadata(const std::filesystem::path& path) {
    return blamed_on(path, [](const InputFile& file) { return read_header(file).header.metadata; });
}

void write_safetensors(const std::filesystem::path& path, const TensorFile& file) {
    patiently([&] {
        AtomicFile output(path);
        write_safetensors(output, file);
        output.commit();
    });
}

void write_safetensors(AtomicFile& output, const TensorFile& file) {
    std::vector<NamedTensor> ordered = file.tensors;
    const auto element_bytes = [&](const NamedTensor& each) {
        return stored(each.tensor.dtype(), file.floats).element_bytes;
    };
    std::ranges::sort(ordered, [&](const NamedTensor& a, const NamedTensor& b) {
        return std::pair(element_bytes(b), std::string_view(a.name)) <
               std::pair(element_bytes(a), std::string_view(b.name));
    });
    Hash hash;  // it stands before the data, so the tensors are made plain twice; that is cheap beside the disk
    for (const NamedTensor& named : ordered)
        with_stored_bytes(named, file.floats, [&](std::span<std::byte> bytes) { hash.add(bytes); });
    const std::string header = header_text(file, ordered, hash.hex());

    output.write(header.data(), header.size());
    for (const NamedTensor& named : ordered)
        with_stored_bytes(named, file.floats,
                          [&](std::span<std::byte> bytes) { output.write(bytes.data(), bytes.size()); });
}

}  // namespace keel
