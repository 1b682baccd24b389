// See gbnf.h.
#include "grammar/gbnf.h"

#include "grammar/cursor.h"
#include "text/hash_index.h"
#include "text/unicode.h"

#include <algorithm>

namespace bitnet::grammar {

namespace {

bool is_name_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

class Parser : Cursor {
public:
  Parser(std::string_view text, Expressions& out) noexcept : Cursor(text), out_(out) {}

  Result<RuleId> run() noexcept {
    if (text_.size() > limits::kGrammarBytes)
      return Error(ErrorCode::LimitExceeded) << "grammar of " << std::uint64_t{text_.size()}
                                             << " bytes, at most " << limits::kGrammarBytes;
    auto names = HashIndex::make(std::min<std::uint64_t>(limits::kRules, text_.size()), "grammar");
    BITNET_TRY(names);
    names_ = std::move(*names);
    skip_space(true);
    while (!at_end())
      BITNET_TRY(rule());
    BITNET_TRY(out_.status());
    const std::uint32_t root = find("root");
    if (root == HashIndex::kNone)
      return Error(ErrorCode::BadGrammar) << "there is no rule named root";
    for (std::uint32_t i = 0; i < uses_.size(); ++i)
      if (out_.rules()[i].line == 0)
        return error_at(uses_[i]) << "rule " << out_.name(out_.rules()[i]) << " is not defined";
    return root;
  }

private:
  std::uint64_t lines(std::size_t begin, std::size_t end) const noexcept {
    const std::string_view part = text_.substr(begin, end - begin);
    return static_cast<std::uint64_t>(std::count(part.begin(), part.end(), '\n'));
  }
  Error error_at(std::size_t at) const noexcept {
    return Error(ErrorCode::BadGrammar)
           << "line " << 1 + lines(0, at) << ", column " << column_of(at) << ": ";
  }
  Error error() const noexcept { return error_at(at_); }

  /// Spaces and comments; with `newlines`, these too.
  void skip_space(bool newlines) noexcept {
    for (; !at_end(); ++at_) {
      const char c = text_[at_];
      if (c == '#') { // up to the end of the line
        at_ = std::min(text_.find('\n', at_), text_.size());
        if (at_end())
          break;
      }
      const bool is_newline = text_[at_] == '\n' || text_[at_] == '\r';
      if (is_newline ? !newlines : text_[at_] != ' ' && text_[at_] != '\t')
        break;
      line_ended_ = line_ended_ || is_newline;
    }
  }

  std::string_view name() noexcept {
    const std::size_t begin = at_;
    while (!at_end() && is_name_char(text_[at_]))
      ++at_;
    return text_.substr(begin, at_ - begin);
  }
  /// Does a rule begin here?
  bool at_rule() noexcept {
    const std::size_t begin = at_;
    const bool is_name = !name().empty();
    skip_space(false);
    const bool found = is_name && text_.substr(at_).starts_with("::=");
    at_ = begin;
    return found;
  }

  std::uint32_t find(std::string_view wanted) const noexcept {
    return names_.find(text_hash(wanted),
                       [&](std::uint32_t i) { return out_.name(out_.rules()[i]) == wanted; });
  }
  /// The rule of that name, made when it is new.
  Result<RuleId> rule_named(std::string_view wanted, std::size_t at) noexcept {
    if (const std::uint32_t known = find(wanted); known != HashIndex::kNone)
      return known;
    const RuleId id = out_.add_rule(wanted);
    BITNET_TRY(out_.status());
    BITNET_TRY(uses_.push(at));
    BITNET_TRY(names_.insert(text_hash(wanted), id, [](std::uint32_t) { return false; }));
    return id;
  }

  Status rule() noexcept {
    const std::size_t begin = at_;
    const std::string_view called = name();
    if (called.empty())
      return error() << "a rule is wanted here: name ::= ...";
    const auto id = rule_named(called, begin);
    BITNET_TRY(id);
    if (out_.rules()[*id].line != 0)
      return error_at(begin) << "rule " << called << " is defined in line "
                             << out_.rules()[*id].line << " already";
    skip_space(false);
    if (!take("::="))
      return error() << "::= is wanted here";
    skip_space(true);
    const auto body = alternatives(0);
    BITNET_TRY(body);
    line_ += lines(line_begin_, begin);
    line_begin_ = begin;
    out_.define(*id, *body, static_cast<std::uint32_t>(line_));
    skip_space(true);
    if (!at_end() && !line_ended_)
      return error() << "this does not belong here";
    return out_.status();
  }

  Result<Expr> alternatives(std::uint32_t depth) noexcept {
    if (depth > limits::kGroups)
      return Error(ErrorCode::LimitExceeded) << "grammar, line " << 1 + lines(0, at_)
                                             << ": groups nested deeper than " << limits::kGroups;
    Vec<Expr> branches;
    for (;;) {
      const auto branch = sequence(depth);
      BITNET_TRY(branch);
      BITNET_TRY(branches.push(*branch));
      const std::size_t end = at_;
      skip_space(true); // a line may begin with the next alternative
      if (!take("|")) {
        at_ = depth == 0 ? end : at_;
        return out_.choice(branches.span());
      }
      skip_space(true);
    }
  }

  Result<Expr> sequence(std::uint32_t depth) noexcept {
    Vec<Expr> parts;
    for (;;) {
      if (at_end() || peek() == '|' || peek() == ')' || (depth == 0 && at_rule()) ||
          (depth == 0 && (peek() == '\n' || peek() == '\r')))
        return out_.sequence(parts.span());
      auto part = element(depth);
      BITNET_TRY(part);
      line_ended_ = false;
      skip_space(depth > 0);
      while (peek() == '*' || peek() == '+' || peek() == '?' || peek() == '{') {
        part = repetition(*part);
        BITNET_TRY(part);
        line_ended_ = false;
        skip_space(depth > 0);
      }
      BITNET_TRY(parts.push(*part));
    }
  }

  Result<Expr> element(std::uint32_t depth) noexcept {
    const std::size_t begin = at_;
    if (take("\""))
      return literal(begin);
    if (take("["))
      return set(begin);
    if (take("."))
      return out_.characters({{0, kLastCode}});
    if (take("(")) {
      skip_space(true);
      const auto group = alternatives(depth + 1);
      BITNET_TRY(group);
      if (!take(")"))
        return error_at(begin) << "this group does not end";
      return group;
    }
    const std::string_view called = name();
    if (called.empty())
      return Error(error()) << (peek() == '<' ? "tokens are not supported"
                                              : "this is no element of a rule");
    const auto id = rule_named(called, begin);
    BITNET_TRY(id);
    return out_.rule(*id);
  }

  Result<std::uint32_t> number() noexcept {
    const std::size_t begin = at_;
    std::uint64_t value = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_)
      value =
          std::min<std::uint64_t>(value * 10 + static_cast<std::uint64_t>(peek() - '0'), kNoMost);
    if (at_ == begin)
      return Error(error()) << "a number is wanted here";
    if (value > limits::kRepetitions)
      return Error(ErrorCode::LimitExceeded)
             << "grammar, line " << 1 + lines(0, begin) << ": a repetition of more than "
             << limits::kRepetitions;
    return static_cast<std::uint32_t>(value);
  }

  Result<Expr> repetition(Expr what) noexcept {
    const std::size_t begin = at_;
    if (take("*"))
      return out_.repeat(what, 0, kNoMost);
    if (take("+"))
      return out_.repeat(what, 1, kNoMost);
    if (take("?"))
      return out_.optional(what);
    ++at_; // {
    skip_space(true);
    std::uint32_t least = 0;
    if (peek() != ',') {
      const auto given = number();
      BITNET_TRY(given);
      least = *given;
    }
    skip_space(true);
    std::uint32_t most = least;
    if (take(",")) {
      skip_space(true);
      most = kNoMost;
      if (peek() != '}') {
        const auto given = number();
        BITNET_TRY(given);
        most = *given;
      }
      skip_space(true);
    }
    if (!take("}"))
      return Error(error()) << "} is wanted here";
    if (most < least)
      return error_at(begin) << "a repetition of at least " << least << " and at most " << most;
    return out_.repeat(what, least, most);
  }

  /// One character of a literal or a set, escapes understood.
  Result<std::uint32_t> character() noexcept {
    const std::size_t begin = at_;
    const Utf8Char c = first_char(text_.substr(at_));
    if (!c.valid)
      return Error(error()) << "this is not UTF-8";
    at_ += c.size;
    if (c.code != '\\')
      return static_cast<std::uint32_t>(c.code);
    const char kind = peek();
    at_ += at_end() ? 0 : 1;
    switch (kind) {
    case 'n': return std::uint32_t{'\n'};
    case 'r': return std::uint32_t{'\r'};
    case 't': return std::uint32_t{'\t'};
    case '\\':
    case '"':
    case '[':
    case ']':
    case '^':
    case '-': return static_cast<std::uint32_t>(kind);
    case 'x': return hexadecimal(begin, 2);
    case 'u': return hexadecimal(begin, 4);
    case 'U': return hexadecimal(begin, 8);
    default: return error_at(begin) << "no such escape";
    }
  }
  Result<std::uint32_t> hexadecimal(std::size_t begin, int digits) noexcept {
    std::uint64_t value = 0;
    for (int i = 0; i < digits; ++i) {
      const int digit = hex_digit();
      if (digit < 0)
        return error_at(begin) << "an escape of " << digits << " hexadecimal digits";
      value = value * 16 + static_cast<std::uint64_t>(digit);
    }
    if (value > kLastCode || (value >= 0xD800 && value <= 0xDFFF))
      return error_at(begin) << "no such character";
    return static_cast<std::uint32_t>(value);
  }

  Result<Expr> literal(std::size_t begin) noexcept {
    Text bytes;
    while (!take("\"")) {
      if (at_end())
        return error_at(begin) << "this literal does not end";
      const auto code = character();
      BITNET_TRY(code);
      BITNET_TRY(append_utf8(*code, bytes));
    }
    return out_.literal(view(bytes));
  }

  Result<Expr> set(std::size_t begin) noexcept {
    const bool negated = take("^");
    Vec<Range> ranges;
    while (!take("]")) {
      if (at_end())
        return error_at(begin) << "this set does not end";
      const std::size_t first_at = at_;
      const auto first = character();
      BITNET_TRY(first);
      Range range{*first, *first};
      if (peek() == '-' && !text_.substr(at_).starts_with("-]")) {
        ++at_;
        const auto last = at_end()
                              ? Result<std::uint32_t>(error_at(begin) << "this set does not end")
                              : character();
        BITNET_TRY(last);
        range.last = *last;
      }
      if (range.last < range.first)
        return error_at(first_at) << "a range that ends before it begins";
      BITNET_TRY(ranges.push(range));
    }
    if (ranges.empty() && !negated)
      return error_at(begin) << "a set of no character";
    return out_.characters(ranges.span(), negated);
  }

  Expressions& out_;
  bool line_ended_ = false; ///< between the last element and here
  std::uint64_t line_ = 1;  ///< of line_begin_, where the last rule began
  std::size_t line_begin_ = 0;
  HashIndex names_;
  Vec<std::size_t> uses_; ///< of each rule: where it was named first
};

} // namespace

Status append_utf8(std::uint32_t code, Text& out) noexcept {
  const auto tail = [&](unsigned shift) {
    return static_cast<char>(0x80U | (code >> shift & 0x3fU));
  };
  if (code < 0x80)
    return out.push(static_cast<char>(code));
  if (code < 0x800) {
    BITNET_TRY(out.push(static_cast<char>(0xc0U | code >> 6)));
    return out.push(tail(0));
  }
  if (code < 0x10000) {
    BITNET_TRY(out.push(static_cast<char>(0xe0U | code >> 12)));
  } else {
    BITNET_TRY(out.push(static_cast<char>(0xf0U | code >> 18)));
    BITNET_TRY(out.push(tail(12)));
  }
  BITNET_TRY(out.push(tail(6)));
  return out.push(tail(0));
}

Result<RuleId> parse_gbnf(std::string_view text, Expressions& out) noexcept {
  return Parser(text, out).run();
}

} // namespace bitnet::grammar
