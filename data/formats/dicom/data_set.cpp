// Where the elements of a DICOM file begin and how they are written (PS3.10, section 7; PS3.5, section 10 and annex A).
#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "data/formats/decode.h"
#include "data/formats/dicom/file.h"
#include "kernels/error.h"

namespace keel::dicom {
namespace {

constexpr std::size_t kPreamble = 128, kMark = 4;
constexpr Tag kMediaClass = 0x00020002, kSyntax = 0x00020010;
constexpr const char* kBigEndian = "1.2.840.10008.1.2.2";
constexpr const char* kDeflated = "1.2.840.10008.1.2.1.99";

bool has_mark(Bytes file) {
    return file.size() >= kPreamble + kMark && std::memcmp(file.data() + kPreamble, "DICM", kMark) == 0;
}

/// How the element at the beginning of `data`, at least 8 bytes, is written. No program writes a group number above
/// 0x00FF first, nor a first value that is as long as two letters say.
Encoding guess_encoding(Bytes data) {
    const bool big = data[0] == 0 && data[1] != 0;
    return {is_known_vr(data.data() + 4), big};
}

/// Reads the elements of group 2; returns how many bytes they take.
std::size_t read_meta(Bytes data, DataSet& set, const std::string& name) {
    if (data.size() < 8) refuse(name, "truncated DICOM file");
    ElementReader reader(data, {guess_encoding(data).explicit_vr, false}, name);
    std::size_t end = 0;
    while (data.size() - end >= 2 && data[end] == 2 && data[end + 1] == 0) {
        Element element;
        if (!reader.next(element)) break;
        if (element.tag == kMediaClass) set.media_class = element.text();
        if (element.tag == kSyntax) set.syntax = element.text();
        end = reader.position();
    }
    return end;
}

/// Inflates to the stream's end. Memory is taken as bytes come out, not as anything claims.
std::vector<std::uint8_t> inflate(Bytes packed, const std::string& name) {
    constexpr std::size_t kStep = std::size_t{1} << 20;
    const auto state = std::make_unique_for_overwrite<inflate_state>();
    isal_inflate_init(state.get());
    state->next_in = const_cast<std::uint8_t*>(packed.data());
    state->avail_in = static_cast<std::uint32_t>(packed.size());
    std::vector<std::uint8_t> out;
    std::size_t done = 0;
    while (state->block_state != ISAL_BLOCK_FINISH) {
        if (done == out.size()) {
            if (out.size() >= static_cast<std::size_t>(kMaxImageFileBytes)) refuse(name, "file is too long");
            out.resize(std::max(kStep, std::min(2 * done, static_cast<std::size_t>(kMaxImageFileBytes))));
        }
        state->next_out = out.data() + done;
        state->avail_out = static_cast<std::uint32_t>(out.size() - done);
        const int status = isal_inflate(state.get());
        const std::size_t now = out.size() - state->avail_out;
        if (status != ISAL_DECOMP_OK || (now == done && state->block_state != ISAL_BLOCK_FINISH))
            refuse(name, "the deflated DICOM data set is damaged");
        done = now;
    }
    out.resize(done);
    return out;
}

/// Whether two elements stand there as a data set without a header begins: of group 2 or 8, the second behind the first
/// and of the same group.
bool begins_as_data_set(Bytes file) {
    if (file.size() < 24) return false;
    const Encoding encoding = guess_encoding(file);
    if (encoding.big_endian ? file[1] != 8 : (file[0] != 8 && file[0] != 2) || file[1] != 0) return false;
    try {
        ElementReader reader(file, encoding, "");
        Element first, second;
        if (!reader.next(first) || first.value.size() > 1024 || !reader.next(second)) return false;
        return first.tag >> 16 == second.tag >> 16 && first.tag < second.tag;
    } catch (const InputError&) {
        return false;
    }
}

}  // namespace

bool begins_as_dicom(Bytes file) { return has_mark(file) || begins_as_data_set(file); }

DataSet find_data_set(Bytes file, std::vector<std::uint8_t>& inflated, const std::string& name) {
    DataSet set{.data = has_mark(file) ? file.subspan(kPreamble + kMark) : file};
    set.data = set.data.subspan(read_meta(set.data, set, name));
    if (set.syntax == kDeflated) {
        inflated = inflate(set.data, name);
        set.data = inflated;
    }
    if (set.data.size() < 8) refuse(name, "truncated DICOM file");
    // What is written counts for more than what is declared: some programs write the one and declare the other.
    set.encoding = guess_encoding(set.data);
    if (set.syntax == kBigEndian) set.encoding.big_endian = true;
    return set;
}

}  // namespace keel::dicom
