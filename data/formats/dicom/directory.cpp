#include "data/formats/dicom/directory.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include "data/formats/decode.h"
#include "data/formats/dicom/file.h"
#include "data/formats/image_format.h"
#include "engine/paths.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

namespace fs = std::filesystem;
using namespace dicom;

constexpr const char* kMediaDirectory = "1.2.840.10008.1.3.10";
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 28;
constexpr Tag kRecords = 0x00041220, kRecordType = 0x00041430, kFile = 0x00041500;

/// A name as it is compared: in lower case, without a version and the dot before it.
std::string key_of(std::string_view name) {
    name = name.substr(0, name.find(';'));
    while (name.size() > 1 && name.back() == '.') name.remove_suffix(1);
    std::string key(name);
    for (char& c : key)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return key;
}

/// Finds files below a folder; remembers the folders that it has listed.
class Finder {
public:
    explicit Finder(fs::path root) : root_(std::move(root)) {}

    /// Returns the path of a file whose name is given part by part; nothing where it is not there.
    std::optional<fs::path> find(const std::vector<std::string>& parts) {
        fs::path path = root_;
        for (const std::string& part : parts) {
            if (fs::path exact = path / part; is_there(exact)) {
                path = std::move(exact);
                continue;
            }
            const auto& names = list(path);
            const auto found = names.find(key_of(part));
            if (found == names.end()) return std::nullopt;
            path /= found->second;
        }
        return path;
    }

private:
    const std::map<std::string, std::string>& list(const fs::path& folder) {
        const auto [known, is_new] = listed_.try_emplace(folder);
        if (is_new && is_folder(folder))
            for (const FolderEntry& entry : list_folder(folder)) known->second.emplace(key_of(entry.name), entry.name);
        return known->second;
    }

    fs::path root_;
    std::map<fs::path, std::map<std::string, std::string>> listed_{};
};

/// The parts of a file's name, which are separated by backslashes. Throws where they could lead out of the folder.
std::vector<std::string> parts_of(const std::string& file_id, const std::string& name) {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at <= file_id.size();) {
        const std::size_t end = std::min(file_id.find('\\', at), file_id.size());
        std::string part = file_id.substr(at, end - at);
        part.erase(part.find_last_not_of(' ') + 1);
        part.erase(0, part.find_first_not_of(' '));
        if (part.empty() || part == "." || part == ".." || part.size() > 255 || part.find('/') != std::string::npos ||
            part.find('\0') != std::string::npos)
            throw InputError("[dicomdir] " + name + ": names a file that is none below its folder");
        parts.push_back(std::move(part));
        at = end + 1;
    }
    return parts;
}

std::string joined(const std::vector<std::string>& parts) {
    std::string path;
    for (const std::string& part : parts) path += (path.empty() ? "" : "/") + part;
    return excerpt(path);
}

void read_record(Bytes record, Encoding encoding, const std::string& name, Finder& finder, DicomDirectory& to) {
    std::string type, file_id;
    ElementReader reader(record, encoding, name);
    for (Element element; reader.next(element);) {
        if (element.tag == kRecordType) type = element.text();
        if (element.tag == kFile) file_id = element.text();
    }
    if (file_id.empty()) return;  // of a patient, a study or a series
    if (type != "IMAGE") {
        ++to.others;
        return;
    }
    const std::vector<std::string> parts = parts_of(file_id, name);
    if (const auto path = finder.find(parts))
        to.images.push_back(path->string());
    else
        to.missing.push_back(joined(parts));
}

}  // namespace

bool is_dicom_directory(const fs::path& path) {
    return key_of(path.filename().string()).starts_with("dicomdir") && begins_as(kDicomFormat, path);
}

DicomDirectory read_dicom_directory(const fs::path& path) {
    const std::string name = path.string();
    const std::vector<std::uint8_t> file = read_bytes(name, kMaxBytes);
    if (!begins_as_dicom(file)) throw InputError("[dicomdir] " + name + ": no DICOM file");
    std::vector<std::uint8_t> inflated;
    const DataSet set = find_data_set(file, inflated, name);
    if (set.media_class != kMediaDirectory) throw InputError("[dicomdir] " + name + ": no DICOMDIR");
    DicomDirectory directory;
    Finder finder(path.parent_path());
    ElementReader reader(set.data, set.encoding, name);
    for (Element element; reader.next(element);) {
        if (element.tag != kRecords) continue;
        for_items(element, name, [&](Bytes record) { read_record(record, element.encoding, name, finder, directory); });
    }
    return directory;
}

}  // namespace keel
