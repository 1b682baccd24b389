#include "args.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace cli {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row[b.size()];
}

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

bool is_option(std::string_view argument) { return argument.size() > 1 && argument[0] == '-'; }

} // namespace

std::string_view nearest(std::string_view name, std::span<const std::string_view> names) {
  std::string_view best;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const std::string_view candidate : names) {
    // A cut-off name ("--temp" for "--temperature") is as near as a slip of the finger.
    const bool prefix = name.size() > 3 && candidate.starts_with(name);
    const std::size_t distance = prefix ? 1 : edit_distance(name, candidate);
    if (distance < least && distance < candidate.size()) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

std::optional<std::uint64_t> parse_unsigned(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end)
    return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  unsigned shift = 0;
  for (const auto& [unit, bits] : {std::pair('K', 10U), std::pair('M', 20U), std::pair('G', 30U)}) {
    if (text.ends_with(unit)) {
      shift = bits;
      text.remove_suffix(1);
      break;
    }
  }
  const auto number = parse_unsigned(text);
  if (!number || *number > UINT64_MAX >> shift)
    return std::nullopt;
  return *number << shift;
}

std::optional<float> parse_float(std::string_view text) {
  float value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value))
    return std::nullopt;
  return value;
}

std::optional<std::vector<std::int32_t>> parse_ids(std::string_view text) {
  std::vector<std::int32_t> ids;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, comma);
    while (item.starts_with(' '))
      item.remove_prefix(1);
    while (item.ends_with(' '))
      item.remove_suffix(1);
    std::int32_t id = 0;
    const auto [stop, error] = std::from_chars(item.data(), item.data() + item.size(), id);
    if (error != std::errc() || stop != item.data() + item.size())
      return std::nullopt;
    ids.push_back(id);
    if (comma == text.size())
      break;
    text.remove_prefix(comma + 1);
    if (text.empty()) // "1,"
      return std::nullopt;
  }
  return ids;
}

void Options::add(const char* names, const char* value, const char* help,
                  std::function<std::string(std::string_view)> set) {
  Entry entry;
  for (std::string_view rest = names; !rest.empty();) {
    const std::size_t comma = std::min(rest.find(", "), rest.size());
    entry.names.push_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(rest.size(), comma + 2));
  }
  entry.takes_value = value != nullptr;
  entry.shown = std::string(names) + (value != nullptr ? std::string(" ") + value : "");
  entry.help = help;
  entry.set = std::move(set);
  entries_.push_back(std::move(entry));
}

void Options::flag(const char* names, const char* help, bool& into) {
  add(names, nullptr, help, [&into](std::string_view) {
    into = true;
    return std::string();
  });
}

void Options::text(const char* names, const char* value, const char* help, std::string& into) {
  add(names, value, help, [&into](std::string_view text) {
    into = text;
    return std::string();
  });
}

void Options::maybe_text(const char* names, const char* value, const char* help,
                         std::optional<std::string>& into) {
  add(names, value, help, [&into](std::string_view text) {
    into = std::string(text);
    return std::string();
  });
}

void Options::texts(const char* names, const char* value, const char* help,
                    std::vector<std::string>& into) {
  add(names, value, help, [&into](std::string_view text) {
    into.emplace_back(text);
    return std::string();
  });
}

void Options::number(const char* names, const char* value, const char* help, std::uint32_t& into,
                     std::uint32_t least, std::uint32_t most) {
  add(names, value, help, [&into, least, most](std::string_view text) -> std::string {
    const auto number = parse_unsigned(text);
    if (!number || *number < least || *number > most)
      return "wants a whole number from " + std::to_string(least) + " to " + std::to_string(most);
    into = static_cast<std::uint32_t>(*number);
    return {};
  });
}

void Options::number(const char* names, const char* value, const char* help, std::uint64_t& into) {
  add(names, value, help, [&into](std::string_view text) -> std::string {
    const auto number = parse_unsigned(text);
    if (!number)
      return "wants a whole number";
    into = *number;
    return {};
  });
}

void Options::real(const char* names, const char* value, const char* help, float& into) {
  add(names, value, help, [&into](std::string_view text) -> std::string {
    const auto number = parse_float(text);
    if (!number)
      return "wants a number";
    into = *number;
    return {};
  });
}

void Options::custom(const char* names, const char* value, const char* help,
                     std::function<std::string(std::string_view)> set) {
  add(names, value, help, std::move(set));
}

std::vector<Options::Entry>::const_iterator Options::find(std::string_view name) const {
  return std::ranges::find_if(entries_, [name](const Entry& entry) {
    return std::ranges::find(entry.names, name) != entry.names.end();
  });
}

std::string Options::parse_one(std::span<const std::string_view> arguments, std::size_t& i) const {
  std::string_view argument = arguments[i];
  std::optional<std::string_view> value;
  if (const std::size_t equals = argument.find('=');
      argument.starts_with("--") && equals != std::string_view::npos) {
    value = argument.substr(equals + 1);
    argument = argument.substr(0, equals);
  }
  auto entry = find(argument);
  if (entry == entries_.end() && argument.size() > 2 && argument[1] != '-') { // "-n12"
    entry = find(argument.substr(0, 2));
    if (entry != entries_.end() && entry->takes_value) {
      value = argument.substr(2);
      argument = argument.substr(0, 2);
    } else {
      entry = entries_.end();
    }
  }
  if (entry == entries_.end()) {
    std::vector<std::string_view> names;
    for (const Entry& candidate : entries_)
      names.insert(names.end(), candidate.names.begin(), candidate.names.end());
    const std::string_view near = nearest(argument, names);
    return "unknown option " + quoted(argument) +
           (near.empty() ? "" : "; did you mean " + quoted(near) + "?");
  }
  if (!entry->takes_value && value)
    return "option " + quoted(argument) + " takes no value";
  if (entry->takes_value && !value) {
    if (i + 1 == arguments.size())
      return "option " + quoted(argument) + " wants a value";
    value = arguments[++i];
  }
  if (const std::string wrong = entry->set(value.value_or("")); !wrong.empty())
    return "option " + quoted(argument) + " " + wrong + ", not " + quoted(*value);
  return {};
}

std::string Options::parse(std::span<const std::string_view> arguments,
                           std::vector<std::string>& words, std::size_t most_words) const {
  bool only_words = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (only_words || !is_option(argument)) {
      if (words.size() == most_words)
        return "unexpected argument " + quoted(argument);
      words.emplace_back(argument);
    } else if (argument == "--") {
      only_words = true;
    } else if (std::string wrong = parse_one(arguments, i); !wrong.empty()) {
      return wrong;
    }
  }
  return {};
}

std::string Options::parse_command(std::span<const std::string_view> arguments,
                                   std::vector<std::string>& words) const {
  std::size_t i = 0;
  for (; i < arguments.size() && is_option(arguments[i]) && arguments[i] != "--"; ++i)
    if (std::string wrong = parse_one(arguments, i); !wrong.empty())
      return wrong;
  if (i < arguments.size() && arguments[i] == "--")
    ++i;
  words.assign(arguments.begin() + static_cast<std::ptrdiff_t>(i), arguments.end());
  return {};
}

std::string Options::help() const {
  std::string text;
  for (const Entry& entry : entries_) {
    std::string line = "  " + entry.shown;
    line.resize(std::max<std::size_t>(line.size() + 2, 30), ' ');
    text += line + entry.help + "\n";
  }
  return text;
}

} // namespace cli
