#include "cli/options.h"

#include <fmt/core.h>
#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <type_traits>

namespace keel::cli {
namespace {

template <class T>
void add_list_of(CLI::App& app, const std::string& name, T& values, const std::string& kind, const ListForm& form,
                 const std::string& help) {
    CLI::Option* const option = app.add_option(name, values, help)->type_name(kind)->required(form.least > 0);
    if (form.commas) option->delimiter(',');
    if (form.one_each)
        option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(false);
    else if (form.most != ListForm{}.most)
        option->expected(form.least, form.most);
}

}  // namespace

void add_flag(CLI::App& app, const std::string& name, bool& value, const std::string& help) {
    app.add_flag(name, value, help);
}

void add_text(CLI::App& app, const std::string& name, std::string& value, const std::string& kind,
              const std::string& help, Need need) {
    app.add_option(name, value, help)->type_name(kind)->capture_default_str()->required(need == Need::required);
}

void add_choice(CLI::App& app, const std::string& name, std::string& value, const Words& choices,
                const std::string& help) {
    app.add_option(name, value, help)
        ->check(CLI::IsMember(std::vector<std::string>(choices.begin(), choices.end())))
        ->capture_default_str();
}

void add_list(CLI::App& app, const std::string& name, std::vector<std::string>& values, const std::string& kind,
              const ListForm& form, const std::string& help) {
    add_list_of(app, name, values, kind, form, help);
}

void add_list(CLI::App& app, const std::string& name, std::vector<int>& values, const std::string& kind,
              const ListForm& form, const std::string& help) {
    add_list_of(app, name, values, kind, form, help);
}

std::function<std::string(const std::string&)> number(const NumberRange& range, bool whole) {
    return [=](const std::string& text) {
        const auto read = [&]<class T>(T value) {
            const char* const end = text.data() + text.size();
            const auto [at, error] = std::from_chars(text.data(), end, value);
            return error == std::errc() && at == end && range.holds(static_cast<double>(value));
        };
        if (whole ? read(std::int64_t{}) : read(double{})) return std::string();
        return fmt::format("wanted a {} {}, not '{}'", whole ? "whole number" : "number", range.text(), text);
    };
}

template <class T>
void add_number(CLI::App& app, const std::string& name, T& value, const NumberRange& range, const std::string& help) {
    constexpr bool kWhole = std::is_integral_v<T>;
    app.add_option(name, value, help + " [" + range.text() + "]")
        ->type_name(kWhole ? "N" : "X")
        ->check(number(range, kWhole))
        ->capture_default_str();
}
template void add_number(CLI::App&, const std::string&, int&, const NumberRange&, const std::string&);
template void add_number(CLI::App&, const std::string&, std::int64_t&, const NumberRange&, const std::string&);
template void add_number(CLI::App&, const std::string&, std::uint64_t&, const NumberRange&, const std::string&);
template void add_number(CLI::App&, const std::string&, double&, const NumberRange&, const std::string&);

template <class T>
void add_number(CLI::App& app, const std::string& name, std::optional<T>& value, const NumberRange& range,
                const std::string& help) {
    constexpr bool kWhole = std::is_integral_v<T>;
    app.add_option(name, value, help)->type_name(kWhole ? "N" : "X")->check(number(range, kWhole));
}
template void add_number(CLI::App&, const std::string&, std::optional<std::uint64_t>&, const NumberRange&,
                         const std::string&);
template void add_number(CLI::App&, const std::string&, std::optional<double>&, const NumberRange&, const std::string&);

}  // namespace keel::cli
