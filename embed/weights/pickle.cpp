#include "embed/weights/pickle.h"

#include <algorithm>
#include <array>
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

    Pickle run();

private:
    struct Opcode {
        std::uint8_t code;
        void (*run)(Machine&);
    };
    static const Opcode kOpcodes[];
    /// By their codes; null: there is none.
    static std::array<void (*)(Machine&), 256> table();

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
    /// "module.name" of the two lines of a global.
    std::string two_lines() {
        const std::string module = line();
        return module + "." + line();
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
    PickleValue& make_text(std::string value) {
        PickleValue& made = make(Kind::text);
        made.text = std::move(value);
        return made;
    }
    void push_integer(std::int64_t value) { push(Kind::integer).integer = value; }
    void push_boolean(bool value) { push(Kind::boolean).integer = value ? 1 : 0; }
    void push_text(Kind kind, std::string value) { push(kind).text = std::move(value); }
    void push_long(std::span<const std::uint8_t> digits);
    void push_big_endian_real();
    void push_line_integer();
    void push_line_long();
    void push_quoted();

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
    /// The last so many values, in the order of their coming.
    std::vector<PickleValue*> pop_last(std::size_t count) {
        std::vector<PickleValue*> items(count);
        for (std::size_t i = count; i-- > 0;) items[i] = pop();
        return items;
    }
    void push_tuple(std::size_t count) {
        const std::vector<PickleValue*> items = pop_last(count);
        push(Kind::tuple).items.assign(items.begin(), items.end());
    }
    void push_marked(Kind kind) {
        const std::vector<PickleValue*> items = pop_marked();
        push(kind).items.assign(items.begin(), items.end());
    }
    void push_dict(const std::vector<PickleValue*>& items) {
        push(Kind::dict);
        set_items(items);
    }
    /// Both change the value on top.
    void append(const std::vector<PickleValue*>& items) {
        PickleValue& list = top();
        if (list.kind != Kind::list && list.kind != Kind::set && list.kind != Kind::object)
            refuse("something is appended to what is no list");
        list.items.insert(list.items.end(), items.begin(), items.end());
    }
    void set_items(const std::vector<PickleValue*>& items) {
        PickleValue& dict = top();
        if (dict.kind != Kind::dict && dict.kind != Kind::object) refuse("a key is set of what is no dict");
        if (items.size() % 2 != 0) refuse("a key without a value");
        for (std::size_t i = 0; i < items.size(); i += 2) dict.entries.emplace_back(items[i], items[i + 1]);
    }
    void push_object(const PickleValue* callable, const PickleValue* arguments) {
        PickleValue& object = push(Kind::object);
        object.callable = callable;
        object.arguments = arguments;
    }
    /// What a class or function would make of arguments.
    void push_call() {
        const PickleValue *const arguments = pop(), *const callable = pop();
        push_object(callable, arguments);
    }
    void push_named_instance();
    void push_marked_instance();
    void push_global();
    void build();
    void pop_value_or_mark() {
        if (stack_.size() > (marks_.empty() ? 0 : marks_.back()))
            pop();
        else
            pop_marked();  // of nothing: the mark itself
    }
    void check_protocol(int protocol) const {
        if (protocol > 5) refuse("a protocol after 5");
    }
    void remember(std::uint64_t index) { memo_[index] = &top(); }
    void recall(std::uint64_t index) {
        const auto found = memo_.find(index);
        if (found == memo_.end()) refuse("a value is recalled that was not kept");
        stack_.push_back(found->second);
    }

    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
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

void Machine::push_big_endian_real() {
    std::uint64_t bits = 0;
    for (const std::uint8_t each : take(8)) bits = bits << 8 | each;
    push(Kind::real).real = std::bit_cast<double>(bits);
}

/// "00" and "01" are False and True.
void Machine::push_line_integer() {
    const std::size_t before = at_;
    const std::string digits = line();
    if (digits == "00" || digits == "01") return push_boolean(digits == "01");
    at_ = before;
    push_integer(read_line<std::int64_t>());
}

/// A number of any length, with an L after it.
void Machine::push_line_long() {
    std::string digits = line();
    if (digits.ends_with('L')) digits.pop_back();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (end != digits.data() + digits.size() || error == std::errc::invalid_argument) refuse("a damaged number");
    if (error == std::errc::result_out_of_range) return push_text(Kind::big_integer, digits);
    push_integer(value);
}

void Machine::push_quoted() {
    const std::string quoted = line();
    if (quoted.size() < 2 || quoted.front() != quoted.back()) refuse("a text without quotes");
    push_text(Kind::text, quoted.substr(1, quoted.size() - 2));
}

void Machine::push_global() {
    const PickleValue *const name = pop(), *const module = pop();
    if (!name->is_text() || !module->is_text()) refuse("a global without a name");
    push_text(Kind::global, module->text + "." + name->text);
}

/// Of a class that is named here, with what was marked as arguments.
void Machine::push_named_instance() {
    const std::vector<PickleValue*> items = pop_marked();
    PickleValue &arguments = make(Kind::tuple), &callable = make(Kind::global);
    arguments.items.assign(items.begin(), items.end());
    callable.text = two_lines();
    push_object(&callable, &arguments);
}

/// Of the class that was marked first, with the rest as arguments.
void Machine::push_marked_instance() {
    const std::vector<PickleValue*> items = pop_marked();
    if (items.empty()) refuse("an object without a class");
    PickleValue& arguments = make(Kind::tuple);
    arguments.items.assign(items.begin() + 1, items.end());
    push_object(items.front(), &arguments);
}

void Machine::build() {
    const PickleValue* const state = pop();
    if (top().kind != Kind::object) refuse("what is built is no object");
    top().state = state;
}

const Machine::Opcode Machine::kOpcodes[] = {
    // numbers
    {'N', [](Machine& m) { m.push(Kind::none); }},
    {0x88, [](Machine& m) { m.push_boolean(true); }},
    {0x89, [](Machine& m) { m.push_boolean(false); }},
    {'J', [](Machine& m) { m.push_integer(static_cast<std::int32_t>(m.number(4))); }},
    {'K', [](Machine& m) { m.push_integer(m.byte()); }},
    {'M', [](Machine& m) { m.push_integer(static_cast<std::int64_t>(m.number(2))); }},
    {0x8a, [](Machine& m) { m.push_long(m.take(m.byte())); }},
    {0x8b, [](Machine& m) { m.push_long(m.take(m.number(4))); }},
    {'G', [](Machine& m) { m.push_big_endian_real(); }},
    {'F', [](Machine& m) { m.push(Kind::real).real = m.read_line<double>(); }},
    {'I', [](Machine& m) { m.push_line_integer(); }},
    {'L', [](Machine& m) { m.push_line_long(); }},
    // texts and bytes; T, U and S are Python 2's str
    {'X', [](Machine& m) { m.push_text(Kind::text, m.text(m.number(4))); }},
    {0x8c, [](Machine& m) { m.push_text(Kind::text, m.text(m.byte())); }},
    {0x8d, [](Machine& m) { m.push_text(Kind::text, m.text(m.number(8))); }},
    {'V', [](Machine& m) { m.push_text(Kind::text, m.line()); }},
    {'T', [](Machine& m) { m.push_text(Kind::text, m.text(m.number(4))); }},
    {'U', [](Machine& m) { m.push_text(Kind::text, m.text(m.byte())); }},
    {'S', [](Machine& m) { m.push_quoted(); }},
    {'B', [](Machine& m) { m.push_text(Kind::bytes, m.text(m.number(4))); }},
    {'C', [](Machine& m) { m.push_text(Kind::bytes, m.text(m.byte())); }},
    {0x8e, [](Machine& m) { m.push_text(Kind::bytes, m.text(m.number(8))); }},
    {0x96, [](Machine& m) { m.push_text(Kind::bytes, m.text(m.number(8))); }},
    // containers
    {'(', [](Machine& m) { m.marks_.push_back(m.stack_.size()); }},
    {')', [](Machine& m) { m.push(Kind::tuple); }},
    {0x85, [](Machine& m) { m.push_tuple(1); }},
    {0x86, [](Machine& m) { m.push_tuple(2); }},
    {0x87, [](Machine& m) { m.push_tuple(3); }},
    {'t', [](Machine& m) { m.push_marked(Kind::tuple); }},
    {'l', [](Machine& m) { m.push_marked(Kind::list); }},
    {0x91, [](Machine& m) { m.push_marked(Kind::set); }},
    {']', [](Machine& m) { m.push(Kind::list); }},
    {'}', [](Machine& m) { m.push(Kind::dict); }},
    {0x8f, [](Machine& m) { m.push(Kind::set); }},
    {'d', [](Machine& m) { m.push_dict(m.pop_marked()); }},
    {'a', [](Machine& m) { m.append(m.pop_last(1)); }},
    {'e', [](Machine& m) { m.append(m.pop_marked()); }},
    {0x90, [](Machine& m) { m.append(m.pop_marked()); }},
    {'s', [](Machine& m) { m.set_items(m.pop_last(2)); }},
    {'u', [](Machine& m) { m.set_items(m.pop_marked()); }},
    // the memo and the stack
    {'q', [](Machine& m) { m.remember(m.byte()); }},
    {'r', [](Machine& m) { m.remember(m.number(4)); }},
    {'p', [](Machine& m) { m.remember(m.read_line<std::uint64_t>()); }},
    {0x94, [](Machine& m) { m.remember(m.memo_.size()); }},
    {'h', [](Machine& m) { m.recall(m.byte()); }},
    {'j', [](Machine& m) { m.recall(m.number(4)); }},
    {'g', [](Machine& m) { m.recall(m.read_line<std::uint64_t>()); }},
    {'0', [](Machine& m) { m.pop_value_or_mark(); }},
    {'1', [](Machine& m) { m.pop_marked(); }},
    {'2', [](Machine& m) { m.stack_.push_back(&m.top()); }},
    // what would be called
    {'c', [](Machine& m) { m.push_text(Kind::global, m.two_lines()); }},
    {0x93, [](Machine& m) { m.push_global(); }},
    {'R', [](Machine& m) { m.push_call(); }},
    {0x81, [](Machine& m) { m.push_call(); }},
    {0x92, [](Machine& m) { m.pop(), m.push_call(); }},  // arguments by keyword are left out
    {'i', [](Machine& m) { m.push_named_instance(); }},
    {'o', [](Machine& m) { m.push_marked_instance(); }},
    {'b', [](Machine& m) { m.build(); }},
    {'Q', [](Machine& m) { m.push_object(nullptr, m.pop()); }},
    {'P', [](Machine& m) { m.push_object(nullptr, &m.make_text(m.line())); }},
    // the pickle itself; the length of a frame (0x95) is not needed: what it holds is read as it comes
    {0x80, [](Machine& m) { m.check_protocol(m.byte()); }},
    {0x95, [](Machine& m) { m.take(8); }},
    {'.', [](Machine& m) { m.pickle_.root = m.pop(); }},
    {0x82, [](Machine& m) { m.refuse("it wants a registry of extensions"); }},
    {0x83, [](Machine& m) { m.refuse("it wants a registry of extensions"); }},
    {0x84, [](Machine& m) { m.refuse("it wants a registry of extensions"); }},
    {0x97, [](Machine& m) { m.refuse("it wants buffers that are not in the file"); }},
    {0x98, [](Machine& m) { m.refuse("it wants buffers that are not in the file"); }},
};

std::array<void (*)(Machine&), 256> Machine::table() {
    std::array<void (*)(Machine&), 256> runs{};
    for (const Opcode& opcode : kOpcodes) runs[opcode.code] = opcode.run;
    return runs;
}

Pickle Machine::run() {
    static const auto kRuns = table();
    while (pickle_.root == nullptr) {
        const std::uint8_t code = byte();
        if (kRuns[code] == nullptr) refuse(fmt::format("no opcode {:#04x}", code));
        kRuns[code](*this);
    }
    pickle_.bytes = at_;
    return std::move(pickle_);
}

}  // namespace

const PickleValue* PickleValue::find(std::string_view key) const {
    for (const auto& [name, value] : entries)
        if (name->is_text() && name->text == key) return value;
    return nullptr;
}

Pickle read_pickle(std::span<const std::uint8_t> bytes) { return Machine(bytes).run(); }

}  // namespace keel
