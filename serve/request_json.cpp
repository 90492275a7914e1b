#include "serve/request_json.h"

#include <cmath>
#include <limits>
#include <utility>

#include "engine/text.h"
#include "kernels/error.h"

namespace keel::serve {
namespace {

constexpr std::size_t kMostNodes = 4096;  // beside the data
constexpr std::size_t kDeepest = 16;
constexpr std::size_t kMostTexts = 1 << 16;  // of a tensor: an empty one takes more memory than it took of the body

/// Collects one tensor from the events of its lists.
class TensorReader {
public:
    explicit TensorReader(TensorJson& into) : into_(into) {}

    void begin_list() {
        if (leaf_depth_ != 0 && counts_.size() >= leaf_depth_) refuse_ragged();
        if (counts_.size() == kDeepest) throw InputError("data is nested too deep");
        counts_.push_back(0);
    }
    /// Returns whether it was the outermost.
    bool end_list() {
        const std::size_t depth = counts_.size(), length = counts_.back();
        counts_.pop_back();
        if (into_.lengths.size() < depth) into_.lengths.resize(depth, kUnknown);
        std::size_t& known = into_.lengths[depth - 1];
        if (known != kUnknown && known != length) refuse_ragged();
        known = length;
        if (!counts_.empty()) ++counts_.back();
        return counts_.empty();
    }
    void number(double value) {
        if (!(std::abs(value) <= double{std::numeric_limits<float>::max()}))
            throw InputError("data holds a number beyond the range of FP32");
        leaf();
        if (!into_.texts.empty()) throw InputError("data holds numbers and texts");
        into_.whole = into_.whole && std::trunc(value) == value;
        into_.numbers.push_back(static_cast<float>(value));
    }
    void text(std::string value) {
        leaf();
        if (!into_.numbers.empty()) throw InputError("data holds numbers and texts");
        if (into_.texts.size() == kMostTexts) throw InputError("data holds too many texts");
        into_.texts.push_back(std::move(value));
    }

private:
    static constexpr std::size_t kUnknown = std::numeric_limits<std::size_t>::max();

    [[noreturn]] static void refuse_ragged() { throw InputError("data is no tensor: its lists differ in length"); }

    void leaf() {
        if (counts_.empty()) throw InputError("data is to be a list");
        if (leaf_depth_ == 0) leaf_depth_ = counts_.size();
        if (leaf_depth_ != counts_.size() || into_.lengths.size() > leaf_depth_) refuse_ragged();
        ++counts_.back();
    }

    TensorJson& into_;
    std::vector<std::size_t> counts_;  ///< items so far, of each list that is open
    std::size_t leaf_depth_ = 0;       ///< 0: not known yet
};

/// Builds the document, but for {"inputs": [{"data": ...}]}, which a TensorReader gets.
class RequestReader {
public:
    explicit RequestReader(RequestJson& into) : into_(into) {}

    bool null() { return value(nullptr); }
    bool boolean(bool v) { return value(v); }
    bool number_integer(std::int64_t v) { return tensor_ ? (tensor_->number(static_cast<double>(v)), true) : value(v); }
    bool number_unsigned(std::uint64_t v) {
        return tensor_ ? (tensor_->number(static_cast<double>(v)), true) : value(v);
    }
    bool number_float(double v, const std::string&) { return tensor_ ? (tensor_->number(v), true) : value(v); }
    bool string(std::string& v) { return tensor_ ? (tensor_->text(std::move(v)), true) : value(std::move(v)); }
    bool binary(Json::binary_t&) { return false; }

    bool start_object(std::size_t) { return open(Json::object()); }
    bool end_object() { return close(); }
    bool start_array(std::size_t) {
        if (!tensor_) return open(Json::array());
        tensor_->begin_list();
        return true;
    }
    bool end_array() {
        if (!tensor_) return close();
        if (tensor_->end_list()) tensor_.reset();
        return true;
    }

    bool key(std::string& name) {
        if (open_.back()->contains(name)) throw InputError("the key '" + excerpt(name) + "' is there twice");
        const bool of_input = open_.size() == 3 && keys_.front() == "inputs" && open_[1]->is_array();
        key_ = name;
        if (!of_input || name != "data") return true;
        (*open_.back())["data"] = nullptr;  // to be found if it comes again
        into_.data.resize(open_[1]->size());
        into_.data.back().emplace();
        tensor_.emplace(*into_.data.back());
        return true;
    }

    bool parse_error(std::size_t, const std::string&, const Json::exception& error) {
        throw InputError(std::string("this is no JSON: ") + error.what());
    }

private:
    Json& insert(Json item) {
        if (++nodes_ > kMostNodes) throw InputError("the request has too many parts");
        if (open_.empty()) return into_.rest = std::move(item);
        Json& parent = *open_.back();
        if (parent.is_object()) return parent[key_] = std::move(item);
        parent.push_back(std::move(item));
        return parent.back();
    }
    bool value(Json item) {
        if (tensor_) throw InputError("data is to hold numbers or texts");
        insert(std::move(item));
        return true;
    }
    bool open(Json item) {
        if (tensor_) throw InputError("data is to hold numbers or texts");
        if (open_.size() == kDeepest) throw InputError("the request is nested too deep");
        keys_.push_back(key_);
        if (open_.size() == 1) keys_.front() = key_;  // of the root's member
        open_.push_back(&insert(std::move(item)));
        return true;
    }
    bool close() {
        open_.pop_back();
        keys_.pop_back();
        return true;
    }

    RequestJson& into_;
    std::vector<Json*> open_;        ///< objects and lists that are open, from the root in
    std::vector<std::string> keys_;  ///< one for each; the first is the key of the root's member that is open
    std::string key_;
    std::size_t nodes_ = 0;
    std::optional<TensorReader> tensor_;
};

}  // namespace

RequestJson parse_request_json(std::string_view text) {
    RequestJson request;
    RequestReader reader(request);
    if (!Json::sax_parse(text.begin(), text.end(), &reader)) throw InputError("this is no JSON");
    return request;
}

}  // namespace keel::serve
