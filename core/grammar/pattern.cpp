// compile_pattern of strings.h: the part of ECMAScript's regular expressions that is regular.
#include "grammar/cursor.h"
#include "grammar/gbnf.h"
#include "grammar/strings.h"
#include "text/unicode.h"

#include <algorithm>
#include <array>

namespace bitnet::grammar {

namespace {

constexpr Range kDigits[] = {{'0', '9'}};
constexpr Range kWords[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
constexpr Range kSpaces[] = {{0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680},
                             {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                             {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
constexpr Range kLineEnds[] = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

class PatternParser : Cursor {
public:
  PatternParser(std::string_view text, const Error& where, Expressions& out) noexcept
      : Cursor(text), where_(where), out_(out) {}

  Result<Expr> run() noexcept {
    const Expr any = out_.repeat(any_json_character(out_), 0, kNoMost);
    Vec<Expr> branches;
    do {
      const bool from_start = take("^");
      const auto body = sequence(0);
      BITNET_TRY(body);
      const bool to_end = take("$");
      if (!at_end() && peek() != '|')
        return error() << (to_end || peek() == ')' ? "not expected here" : "not supported here");
      BITNET_TRY(
          branches.push(out_.sequence({from_start ? kEmpty : any, *body, to_end ? kEmpty : any})));
    } while (take("|"));
    return out_.choice(branches.span());
  }

private:
  Error error() const noexcept {
    return Error(where_) << "character " << std::uint64_t{at_ + 1} << " of the pattern: ";
  }
  bool at_quantifier() const noexcept {
    return peek() == '*' || peek() == '+' || peek() == '?' || peek() == '{';
  }

  Result<Expr> sequence(std::uint32_t depth) noexcept {
    Vec<Expr> parts;
    while (!at_end() && peek() != '|' && peek() != ')' && peek() != '$') {
      auto part = atom(depth);
      BITNET_TRY(part);
      if (at_quantifier()) {
        part = quantified(*part);
        BITNET_TRY(part);
        take("?"); // lazy: the same texts
        if (at_quantifier())
          return error() << "nothing to repeat";
      }
      BITNET_TRY(parts.push(*part));
    }
    return out_.sequence(parts.span());
  }

  Result<Expr> atom(std::uint32_t depth) noexcept {
    if (at_quantifier() || peek() == '}' || peek() == ']')
      return error() << "an escape is wanted before this";
    if (peek() == '^')
      return error() << "an anchor here is not supported";
    if (take("("))
      return group(depth);
    if (take("["))
      return set();
    if (take("."))
      return json(out_.characters(kLineEnds, true));
    ranges_.clear();
    bool negated = false;
    BITNET_TRY(member(false, negated));
    return json(out_.characters(ranges_.span(), negated));
  }
  Expr json(Expr set) noexcept { return json_characters(out_, set); }

  Result<Expr> group(std::uint32_t depth) noexcept {
    if (depth == limits::kGroups)
      return error() << "groups nested deeper than " << limits::kGroups;
    if (take("?") && !take(":")) {
      if (!take("<") || peek() == '=' || peek() == '!')
        return error() << "look-around is not supported";
      at_ = std::min(text_.find('>', at_), text_.size()); // a name
      take(">");
    }
    Vec<Expr> branches;
    do {
      const auto branch = sequence(depth + 1);
      BITNET_TRY(branch);
      BITNET_TRY(branches.push(*branch));
    } while (take("|"));
    if (peek() == '$')
      return error() << "an anchor here is not supported";
    if (!take(")"))
      return error() << "a group that does not end";
    return out_.choice(branches.span());
  }

  Result<std::uint32_t> number() noexcept {
    const std::size_t begin = at_;
    std::uint32_t value = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_)
      value =
          std::min(value * 10 + static_cast<std::uint32_t>(peek() - '0'), limits::kRepetitions + 1);
    if (at_ == begin)
      return error() << "a number is wanted here";
    return value;
  }
  Result<Expr> quantified(Expr what) noexcept {
    if (take("*"))
      return out_.repeat(what, 0, kNoMost);
    if (take("+"))
      return out_.repeat(what, 1, kNoMost);
    if (take("?"))
      return out_.optional(what);
    ++at_; // {
    const auto least = number();
    BITNET_TRY(least);
    auto most = least;
    if (take(",")) {
      most = kNoMost;
      if (peek() != '}')
        most = number();
      BITNET_TRY(most);
    }
    if (!take("}") || *most < *least)
      return error() << "no such repetition";
    return out_.repeat(what, *least, *most);
  }

  Result<Expr> set() noexcept {
    bool negated = take("^");
    ranges_.clear();
    while (!take("]")) {
      if (at_end())
        return error() << "a set that does not end";
      const std::size_t before = ranges_.size();
      bool other =
          false; // \D and its like mean all but what they say, which one list of ranges cannot hold
      BITNET_TRY(member(true, other));
      if (other)
        BITNET_TRY(complement(before));
      if (peek() != '-' || text_.substr(at_).starts_with("-]"))
        continue;
      ++at_;
      const std::size_t middle = ranges_.size();
      BITNET_TRY(member(true, other));
      const bool single = middle == before + 1 && ranges_.size() == middle + 1 && !other &&
                          ranges_[before].first == ranges_[before].last &&
                          ranges_[middle].first == ranges_[middle].last;
      if (!single || ranges_[middle].first < ranges_[before].first)
        return error() << "no such range";
      ranges_[before].last = ranges_[middle].last;
      ranges_.truncate(middle);
    }
    return json(out_.characters(ranges_.span(), negated));
  }
  /// Ranges from `begin` on become what they leave out.
  Status complement(std::size_t begin) noexcept {
    const Expr set = out_.characters(ranges_.span().subspan(begin), true);
    ranges_.truncate(begin);
    return set == kNothing ? Status() : ranges_.append(out_.ranges(out_[set]));
  }

  /// One character or class, appended to ranges_; `negated`: all but those.
  Status member(bool in_set, bool& negated) noexcept {
    const Utf8Char c = first_char(text_.substr(at_));
    if (!c.valid)
      return error() << "not UTF-8"; // cannot be: the JSON reader has seen it
    at_ += c.size;
    const auto one = [&](std::uint32_t code) { return ranges_.push({code, code}); };
    if (c.code != '\\')
      return one(static_cast<std::uint32_t>(c.code));
    const char kind = peek();
    at_ += at_end() ? 0 : 1;
    switch (kind) {
    case 'D': negated = true; [[fallthrough]];
    case 'd': return ranges_.append(kDigits);
    case 'W': negated = true; [[fallthrough]];
    case 'w': return ranges_.append(kWords);
    case 'S': negated = true; [[fallthrough]];
    case 's': return ranges_.append(kSpaces);
    case 'n': return one('\n');
    case 'r': return one('\r');
    case 't': return one('\t');
    case 'f': return one('\f');
    case 'v': return one('\v');
    case 'x': return code_point(2);
    case 'u': return code_point(4);
    case 'b':
      if (in_set)
        return one('\b');
      break;
    case '-':
      if (in_set)
        return one('-');
      break;
    default:
      if (kind != '\0' && std::string_view("^$\\.*+?()[]{}|/").find(kind) != std::string_view::npos)
        return one(static_cast<std::uint8_t>(kind));
    }
    return error() << "an escape that is not supported";
  }
  Status code_point(int digits) noexcept {
    std::uint32_t code = 0;
    const bool braces = digits == 4 && take("{");
    int count = 0;
    for (; braces ? count < 6 && peek() != '}' : count < digits; ++count) {
      const int digit = hex_digit();
      if (digit < 0)
        return error() << "a hexadecimal digit is wanted here";
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    if ((braces && (count == 0 || !take("}"))) || code > kLastCode ||
        (code >= 0xD800 && code <= 0xDFFF))
      return error() << "no such character";
    return ranges_.push({code, code});
  }

  const Error& where_;
  Expressions& out_;
  Vec<Range> ranges_;
};

} // namespace

Result<Expr> compile_pattern(std::string_view pattern, const Error& where,
                             Expressions& out) noexcept {
  return PatternParser(pattern, where, out).run();
}

} // namespace bitnet::grammar
