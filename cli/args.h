// Command-line options as a table: parsing, help and "did you mean" all come from the same entries.
// Shared by the programs; knows nothing of models.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

/// Exit statuses; `bitnet help` lists them.
inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

/// The entry of `names` that looks most like `name`, or nothing when none does.
std::string_view nearest(std::string_view name, std::span<const std::string_view> names);

// The whole text is the number, or it is none.
std::optional<std::uint64_t> parse_unsigned(std::string_view text);
/// Of bytes: "1500000", "512M", "8G". K, M and G are powers of 1024.
std::optional<std::uint64_t> parse_size(std::string_view text);
std::optional<float> parse_float(std::string_view text);
/// "1,2,3"; spaces may stand around the numbers. The empty text is the empty list.
std::optional<std::vector<std::int32_t>> parse_ids(std::string_view text);

class Options {
public:
  /// `names` as help shows them: "-m, --model".
  void flag(const char* names, const char* help, bool& into);
  void text(const char* names, const char* value, const char* help, std::string& into);
  void maybe_text(const char* names, const char* value, const char* help,
                  std::optional<std::string>& into);
  void texts(const char* names, const char* value, const char* help,
             std::vector<std::string>& into);
  void number(const char* names, const char* value, const char* help, std::uint32_t& into,
              std::uint32_t least = 0, std::uint32_t most = UINT32_MAX);
  void number(const char* names, const char* value, const char* help, std::uint64_t& into);
  void real(const char* names, const char* value, const char* help, float& into);
  /// `set` answers what is wrong with the value, or "".
  void custom(const char* names, const char* value, const char* help,
              std::function<std::string(std::string_view)> set);

  /// Sets every variable named by the arguments, as "--name VALUE", "--name=VALUE", "-n VALUE" or
  /// "-nVALUE". Words that are no options go to `words` (at most `most_words`). The answer is what
  /// is wrong, or "".
  std::string parse(std::span<const std::string_view> arguments, std::vector<std::string>& words,
                    std::size_t most_words = 0) const;
  /// The same for a program that runs another: the first word ends the options, and whatever
  /// follows it is the other program's.
  std::string parse_command(std::span<const std::string_view> arguments,
                            std::vector<std::string>& words) const;
  /// One line per option.
  std::string help() const;

private:
  struct Entry {
    std::vector<std::string_view> names;
    std::string shown;
    std::string help;
    bool takes_value;
    std::function<std::string(std::string_view)> set;
  };
  std::vector<Entry>::const_iterator find(std::string_view name) const;
  /// One option, with its value taken from `arguments` when that comes after `i`.
  std::string parse_one(std::span<const std::string_view> arguments, std::size_t& i) const;
  void add(const char* names, const char* value, const char* help,
           std::function<std::string(std::string_view)> set);
  std::vector<Entry> entries_;
};

} // namespace cli
