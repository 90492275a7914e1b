#include "embed/weights/torch_storage.h"

#include <algorithm>
#include <cstring>
#include <span>

#include <fmt/core.h>

#include "data/formats/zip.h"
#include "embed/weights/torch_view.h"
#include "engine/files.h"
#include "kernels/error.h"

namespace keel::torch {
namespace {

constexpr std::uint64_t kMostPickle = std::uint64_t{1} << 28;  // bytes
constexpr std::string_view kZipMagic = "PK\x03\x04",
                           kStreamMagic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);

std::string first_bytes(const std::filesystem::path& path, std::size_t count) {
    const InputFile file(path.string());
    std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), count)), '\0');
    file.read(0, std::as_writable_bytes(std::span(bytes)));
    return bytes;
}

class ZipStorages final : public Storages {
public:
    explicit ZipStorages(const std::string& path) : archive_(path) {
        for (const ZipEntry& entry : archive_.entries())
            if (entry.name.ends_with("/data.pkl") || entry.name == "data.pkl") {
                if (pickle_ != nullptr) throw InputError("two pickles, " + pickle_->name + " and " + entry.name);
                pickle_ = &entry;
            }
        if (pickle_ == nullptr)
            throw InputError(
                "a zip archive without data.pkl, which torch.save writes; TorchScript and others are not read");
        folder_ = pickle_->name.substr(0, pickle_->name.size() - std::strlen("data.pkl"));
        if (const ZipEntry* order = find("byteorder")) {
            const Bytes text = archive_.extract(*order);
            if (std::string(text.begin(), text.end()) != "little") throw InputError("written on a big-endian machine");
        }
        if (find("constants.pkl") != nullptr)
            throw InputError("a TorchScript archive, which holds code; save its state_dict() instead");
        if (pickle_->size > kMostPickle) throw InputError("a pickle of more than 256 MB");
        const Bytes pickle = archive_.extract(*pickle_);
        object_ = read_pickle(pickle);
    }

    const PickleValue& object() const override { return *object_.root; }

private:
    const ZipEntry* find(const std::string& name) const {
        for (const ZipEntry& entry : archive_.entries())
            if (entry.name == folder_ + name) return &entry;
        return nullptr;
    }
    Bytes read(const std::string& key) override {
        if (by_key_.empty())
            for (const ZipEntry& entry : archive_.entries())
                if (entry.name.starts_with(folder_ + "data/"))
                    by_key_.emplace(entry.name.substr(folder_.size() + std::strlen("data/")), &entry);
        const auto found = by_key_.find(key);
        if (found == by_key_.end()) throw InputError("the storage '" + key + "' is not there");
        return archive_.extract(*found->second);
    }

    ZipArchive archive_;
    const ZipEntry* pickle_ = nullptr;
    std::string folder_;
    Pickle object_;
    std::map<std::string, const ZipEntry*> by_key_;
};

/// The form before PyTorch 1.6: pickles one after another, then the storages.
class StreamStorages final : public Storages {
public:
    explicit StreamStorages(const std::filesystem::path& path) : file_(path.string()) {
        bytes_.resize(static_cast<std::size_t>(std::min(file_.size(), kMostPickle)));
        file_.read(0, std::as_writable_bytes(std::span(bytes_)));
        next();  // the magic number
        if (const Pickle version = next(); version.root->integer != 1001)
            throw InputError(fmt::format("wanted version 1001 of the stream, got {}", version.root->integer));
        const Pickle system = next();
        const PickleValue* little = system.root->find("little_endian");
        if (little != nullptr && little->integer == 0) throw InputError("written on a big-endian machine");
        object_ = next();
        keys_ = next();
        locate();
    }

    const PickleValue& object() const override { return *object_.root; }

private:
    /// The storages follow one another, those of optimizers as well: each has a number of elements, of the size that
    /// its class says.
    void locate() {
        std::map<std::string, std::uint64_t> element_bytes;
        for (const PickleValue& value : object_.values)
            if (is_storage(value)) {
                const View view = view_of_storage(value);
                element_bytes[view.storage] = view.type->bytes;
            }
        if (!keys_.root->is_sequence()) throw InputError("the list of storages is none");
        std::uint64_t at = at_;
        for (const PickleValue* key : keys_.root->items) {
            const auto found = element_bytes.find(key->text);
            if (found == element_bytes.end()) throw InputError("the storage '" + key->text + "' is of no tensor");
            std::uint64_t count = 0;
            if (file_.size() - at < sizeof count) throw InputError("the file ends before its storages do");
            file_.read(at, std::as_writable_bytes(std::span(&count, 1)));
            at += sizeof count;
            if (count > (file_.size() - at) / found->second) throw InputError("the file ends before its storages do");
            places_[key->text] = {at, count * found->second};
            at += count * found->second;
        }
    }

    Pickle next() {
        Pickle pickle = read_pickle(std::span(bytes_).subspan(static_cast<std::size_t>(at_)));
        at_ += pickle.bytes;
        return pickle;
    }
    Bytes read(const std::string& key) override {
        const auto found = places_.find(key);
        if (found == places_.end()) throw InputError("the storage '" + key + "' is not there");
        Bytes bytes(static_cast<std::size_t>(found->second.second));
        file_.read(found->second.first, std::as_writable_bytes(std::span(bytes)));
        return bytes;
    }

    InputFile file_;
    Bytes bytes_;
    std::uint64_t at_ = 0;
    Pickle object_, keys_;
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> places_;  // offset and bytes
};

}  // namespace

const Bytes& Storages::of(const std::string& key) {
    auto& kept = kept_[key];
    if (!kept) {
        kept = std::make_unique<Bytes>(read(key));
        bytes_ += kept->size();
    }
    return *kept;
}

bool is_file(const std::filesystem::path& path) {
    const std::string begin = first_bytes(path, kStreamMagic.size());
    return begin.starts_with(kZipMagic) || begin == kStreamMagic;
}

std::unique_ptr<Storages> open_storages(const std::filesystem::path& path) {
    const std::string begin = first_bytes(path, kStreamMagic.size());
    if (begin.starts_with(kZipMagic)) return std::make_unique<ZipStorages>(path.string());
    if (begin == kStreamMagic) return std::make_unique<StreamStorages>(path);
    throw InputError("not a file of torch.save");
}

}  // namespace keel::torch
