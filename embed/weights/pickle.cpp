#include "embed/weights/pickle.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <unordered_map>

#include <fmt/core.h>

#include "kernels/error.h"

namespace keel {
namespace {

using Kind = PickleValue::Kind;

/// A value takes 250 bytes and may need but one of the file. Files of more are no models: ResNet152 has 25,000.
constexpr std::size_t kMostValues = 2'000'000;

class Machine {
public:
    explicit Machine(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    Pickle run() {
        while (!stopped_) step(static_cast<char>(byte()));
        pickle_.bytes = at_;
        return std::move(pickle_);
    }

private:
    void step(char code);
    bool step_number(char code);
    bool step_text(char code);
    bool step_container(char code);
    bool step_memo(char code);
    bool step_object(char code);

    [[noreturn]] void refuse(const std::string& why) const {
        throw InputError(fmt::format("the pickle is malformed at byte {}: {}", at_, why));
    }
    std::span<const std::uint8_t> take(std::uint64_t count) {
        if (count > bytes_.size() - at_) refuse("it ends early");
        const auto taken = bytes_.subspan(at_, static_cast<std::size_t>(count));
        at_ += taken.size();
        return taken;
    }
    std::uint8_t byte() { return take(1)[0]; }
    /// A little-endian number of so many bytes.
    std::uint64_t number(std::size_t bytes) {
        std::uint64_t value = 0;
        for (std::size_t i = 0; const std::uint8_t each : take(bytes)) value |= std::uint64_t{each} << 8 * i++;
        return value;
    }
    std::string text(std::uint64_t count) {
        const auto taken = take(count);
        return {reinterpret_cast<const char*>(taken.data()), taken.size()};
    }
    std::string line() {
        const auto rest = bytes_.subspan(at_);
        const auto end = std::ranges::find(rest, std::uint8_t{'\n'});
        if (end == rest.end()) refuse("a line without an end");
        std::string taken = text(static_cast<std::uint64_t>(end - rest.begin()));
        ++at_;
        return taken;
    }
    template <class T>
    T read_line() {
        const std::string digits = line();
        T value{};
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error != std::errc() || end != digits.data() + digits.size()) refuse("'" + digits + "' is no number");
        return value;
    }

    PickleValue& make(Kind kind) {
        if (pickle_.values.size() >= kMostValues) refuse("too many values");
        pickle_.values.emplace_back().kind = kind;
        return pickle_.values.back();
    }
    PickleValue& push(Kind kind) {
        PickleValue& value = make(kind);
        stack_.push_back(&value);
        return value;
    }
    void push_integer(std::int64_t value) { push(Kind::integer).integer = value; }
    void push_boolean(bool value) { push(Kind::boolean).integer = value ? 1 : 0; }
    void push_text(Kind kind, std::string value) { push(kind).text = std::move(value); }
    void push_long(std::span<const std::uint8_t> digits);

    PickleValue* pop() {
        if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) refuse("a value is missing");
        PickleValue* value = stack_.back();
        stack_.pop_back();
        return value;
    }
    PickleValue& top() {
        if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) refuse("a value is missing");
        return *stack_.back();
    }
    /// What was pushed since the last mark.
    std::vector<PickleValue*> pop_marked() {
        if (marks_.empty()) refuse("a mark is missing");
        const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
        std::vector<PickleValue*> items(first, stack_.end());
        stack_.erase(first, stack_.end());
        marks_.pop_back();
        return items;
    }
    PickleValue& make_tuple(std::size_t count) {
        PickleValue& tuple = make(Kind::tuple);
        tuple.items.resize(count);
        for (std::size_t i = count; i-- > 0;) tuple.items[i] = pop();
        stack_.push_back(&tuple);
        return tuple;
    }
    void append(PickleValue& list, std::span<PickleValue* const> items) {
        if (list.kind != Kind::list && list.kind != Kind::set && list.kind != Kind::object)
            refuse("something is appended to what is no list");
        list.items.insert(list.items.end(), items.begin(), items.end());
    }
    void set_items(PickleValue& dict, std::span<PickleValue* const> items) {
        if (dict.kind != Kind::dict && dict.kind != Kind::object) refuse("a key is set of what is no dict");
        if (items.size() % 2 != 0) refuse("a key without a value");
        for (std::size_t i = 0; i < items.size(); i += 2) dict.entries.emplace_back(items[i], items[i + 1]);
    }
    void push_object(const PickleValue* callable, const PickleValue* arguments) {
        PickleValue& object = push(Kind::object);
        object.callable = callable;
        object.arguments = arguments;
    }
    void remember(std::uint64_t index) { memo_[index] = &top(); }
    void recall(std::uint64_t index) {
        const auto found = memo_.find(index);
        if (found == memo_.end()) refuse("a value is recalled that was not kept");
        stack_.push_back(found->second);
    }

    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
    bool stopped_ = false;
    Pickle pickle_;
    std::vector<PickleValue*> stack_;
    std::vector<std::size_t> marks_;
    std::unordered_map<std::uint64_t, PickleValue*> memo_;
};

/// Two's complement, little-endian, of any length.
void Machine::push_long(std::span<const std::uint8_t> digits) {
    if (digits.size() > 8) {
        push(Kind::big_integer).text.assign(digits.begin(), digits.end());
        return;
    }
    std::uint64_t value = !digits.empty() && (digits.back() & 0x80U) != 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = digits.size(); i-- > 0;) value = value << 8 | digits[i];
    push_integer(static_cast<std::int64_t>(value));
}

bool Machine::step_number(char code) {
    switch (code) {
        case 'N':
            push(Kind::none);
            return true;
        case '\x88':
            push_boolean(true);
            return true;
        case '\x89':
            push_boolean(false);
            return true;
        case 'J':
            push_integer(static_cast<std::int32_t>(number(4)));
            return true;
        case 'K':
            push_integer(byte());
            return true;
        case 'M':
            push_integer(static_cast<std::int64_t>(number(2)));
            return true;
        case '\x8a':
            push_long(take(byte()));
            return true;
        case '\x8b':
            push_long(take(number(4)));
            return true;
        case 'G': {
            std::uint64_t bits = 0;
            for (const std::uint8_t each : take(8)) bits = bits << 8 | each;
            push(Kind::real).real = std::bit_cast<double>(bits);
            return true;
        }
        case 'F':
            push(Kind::real).real = read_line<double>();
            return true;
        case 'I': {
            const std::size_t before = at_;
            const std::string digits = line();
            if (digits == "00" || digits == "01") {
                push_boolean(digits == "01");
                return true;
            }
            at_ = before;
            push_integer(read_line<std::int64_t>());
            return true;
        }
        case 'L': {
            std::string digits = line();
            if (digits.ends_with('L')) digits.pop_back();
            std::int64_t value = 0;
            const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
            if (end != digits.data() + digits.size() || error == std::errc::invalid_argument)
                refuse("a damaged number");
            if (error == std::errc::result_out_of_range)
                push_text(Kind::big_integer, digits);
            else
                push_integer(value);
            return true;
        }
        default:
            return false;
    }
}

bool Machine::step_text(char code) {
    switch (code) {
        case 'X':
            push_text(Kind::text, text(number(4)));
            return true;
        case '\x8c':
            push_text(Kind::text, text(byte()));
            return true;
        case '\x8d':
            push_text(Kind::text, text(number(8)));
            return true;
        case 'V':
            push_text(Kind::text, line());
            return true;
        case 'T':
            push_text(Kind::text, text(number(4)));
            return true;  // Python 2's str
        case 'U':
            push_text(Kind::text, text(byte()));
            return true;
        case 'S': {
            std::string quoted = line();
            if (quoted.size() < 2 || quoted.front() != quoted.back()) refuse("a text without quotes");
            push_text(Kind::text, quoted.substr(1, quoted.size() - 2));
            return true;
        }
        case 'B':
            push_text(Kind::bytes, text(number(4)));
            return true;
        case 'C':
            push_text(Kind::bytes, text(byte()));
            return true;
        case '\x8e':
        case '\x96':
            push_text(Kind::bytes, text(number(8)));
            return true;
        default:
            return false;
    }
}

bool Machine::step_container(char code) {
    switch (code) {
        case '(':
            marks_.push_back(stack_.size());
            return true;
        case ')':
            push(Kind::tuple);
            return true;
        case '\x85':
            make_tuple(1);
            return true;
        case '\x86':
            make_tuple(2);
            return true;
        case '\x87':
            make_tuple(3);
            return true;
        case 't':
        case 'l':
        case '\x91': {
            const std::vector<PickleValue*> items = pop_marked();
            PickleValue& value = push(code == 't' ? Kind::tuple : code == 'l' ? Kind::list : Kind::set);
            value.items.assign(items.begin(), items.end());
            return true;
        }
        case ']':
            push(Kind::list);
            return true;
        case '}':
            push(Kind::dict);
            return true;
        case '\x8f':
            push(Kind::set);
            return true;
        case 'd': {
            const std::vector<PickleValue*> items = pop_marked();
            set_items(push(Kind::dict), items);
            return true;
        }
        case 'a': {
            PickleValue* const item = pop();
            append(top(), std::vector{item});
            return true;
        }
        case 'e':
        case '\x90': {
            const std::vector<PickleValue*> items = pop_marked();
            append(top(), items);
            return true;
        }
        case 's': {
            PickleValue* const value = pop();
            PickleValue* const key = pop();
            set_items(top(), std::vector{key, value});
            return true;
        }
        case 'u': {
            const std::vector<PickleValue*> items = pop_marked();
            set_items(top(), items);
            return true;
        }
        default:
            return false;
    }
}

bool Machine::step_memo(char code) {
    switch (code) {
        case 'q':
            remember(byte());
            return true;
        case 'r':
            remember(number(4));
            return true;
        case 'p':
            remember(read_line<std::uint64_t>());
            return true;
        case '\x94':
            remember(memo_.size());
            return true;
        case 'h':
            recall(byte());
            return true;
        case 'j':
            recall(number(4));
            return true;
        case 'g':
            recall(read_line<std::uint64_t>());
            return true;
        case '0':
            if (stack_.size() > (marks_.empty() ? 0 : marks_.back()))
                pop();
            else
                pop_marked();  // of nothing: the mark itself
            return true;
        case '1':
            pop_marked();
            return true;
        case '2':
            stack_.push_back(&top());
            return true;
        default:
            return false;
    }
}

bool Machine::step_object(char code) {
    switch (code) {
        case 'c': {
            const std::string module = line();
            push_text(Kind::global, module + "." + line());
            return true;
        }
        case '\x93': {
            const PickleValue *const name = pop(), *const module = pop();
            if (!name->is_text() || !module->is_text()) refuse("a global without a name");
            push_text(Kind::global, module->text + "." + name->text);
            return true;
        }
        case 'R':
        case '\x81': {
            const PickleValue *const arguments = pop(), *const callable = pop();
            push_object(callable, arguments);
            return true;
        }
        case '\x92': {
            pop();  // arguments by keyword
            const PickleValue *const arguments = pop(), *const callable = pop();
            push_object(callable, arguments);
            return true;
        }
        case 'i':
        case 'o': {
            PickleValue& arguments = make(Kind::tuple);
            std::vector<PickleValue*> items = pop_marked();
            const PickleValue* callable = nullptr;
            if (code == 'i') {
                PickleValue& global = make(Kind::global);
                global.text = line();
                global.text += "." + line();
                callable = &global;
            } else {
                if (items.empty()) refuse("an object without a class");
                callable = items.front();
                items.erase(items.begin());
            }
            arguments.items.assign(items.begin(), items.end());
            push_object(callable, &arguments);
            return true;
        }
        case 'b': {
            const PickleValue* const state = pop();
            if (top().kind != Kind::object) refuse("what is built is no object");
            top().state = state;
            return true;
        }
        case 'Q':
            push_object(nullptr, pop());
            return true;
        case 'P': {
            PickleValue& id = make(Kind::text);
            id.text = line();
            push_object(nullptr, &id);
            return true;
        }
        default:
            return false;
    }
}

void Machine::step(char code) {
    if (step_number(code) || step_text(code) || step_container(code) || step_memo(code) || step_object(code)) return;
    switch (code) {
        case '\x80':
            if (byte() > 5) refuse("a protocol after 5");
            return;
        case '\x95':
            number(8);
            return;  // the length of a frame: what it holds is read as it comes
        case '.':
            pickle_.root = pop();
            stopped_ = true;
            return;
        case '\x82':
        case '\x83':
        case '\x84':
            refuse("it wants a registry of extensions");
        case '\x97':
        case '\x98':
            refuse("it wants buffers that are not in the file");
        default:
            refuse(fmt::format("no opcode {:#04x}", static_cast<unsigned char>(code)));
    }
}

}  // namespace

const PickleValue* PickleValue::find(std::string_view key) const {
    for (const auto& [name, value] : entries)
        if (name->is_text() && name->text == key) return value;
    return nullptr;
}

Pickle read_pickle(std::span<const std::uint8_t> bytes) { return Machine(bytes).run(); }

}  // namespace keel
