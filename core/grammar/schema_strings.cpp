// strings.h but for patterns: characters and formats.
#include "grammar/json.h"
#include "grammar/numbers.h"
#include "grammar/strings.h"

#include <array>

namespace bitnet::grammar {

namespace {

/// `least` to `most` of these ASCII characters; pairs of first and last.
Expr some(Expressions& out, std::string_view pairs, std::uint32_t least,
          std::uint32_t most) noexcept {
  std::array<Range, 8> ranges;
  for (std::size_t i = 0; i < pairs.size() / 2; ++i)
    ranges[i] = {static_cast<std::uint8_t>(pairs[2 * i]),
                 static_cast<std::uint8_t>(pairs[2 * i + 1])};
  return out.repeat(out.characters(std::span(ranges).first(pairs.size() / 2)), least, most);
}
Expr digits(Expressions& out, std::uint32_t count) noexcept {
  return some(out, "09", count, count);
}
Expr two(Expressions& out, char tens, std::string_view units) noexcept {
  return out.sequence({out.literal({&tens, 1}), some(out, units, 1, 1)});
}

/// February ends on the 28th: a day that every year has.
Expr date(Expressions& out) noexcept {
  const Expr upto28 = out.choice({two(out, '0', "19"), two(out, '1', "09"), two(out, '2', "08")});
  const Expr upto30 = out.choice({upto28, out.literal("29"), out.literal("30")});
  const auto months = [&](std::initializer_list<const char*> names) {
    std::array<Expr, 12> choices{};
    std::size_t count = 0;
    for (const char* name : names)
      choices[count++] = out.literal(name);
    return out.choice(std::span(choices).first(count));
  };
  return out.sequence(
      {digits(out, 4), out.literal("-"),
       out.choice({out.sequence({out.literal("02-"), upto28}),
                   out.sequence({months({"04", "06", "09", "11"}), out.literal("-"), upto30}),
                   out.sequence({months({"01", "03", "05", "07", "08", "10", "12"}),
                                 out.literal("-"), out.choice({upto30, out.literal("31")})})})});
}
Expr hours(Expressions& out) noexcept {
  return out.choice({two(out, '0', "09"), two(out, '1', "09"), two(out, '2', "03")});
}
Expr sixty(Expressions& out) noexcept {
  return out.sequence({some(out, "05", 1, 1), digits(out, 1)});
}
Expr time(Expressions& out) noexcept {
  const Expr colon = out.literal(":");
  const Expr offset = out.sequence({some(out, "++--", 1, 1), hours(out), colon, sixty(out)});
  return out.sequence({hours(out), colon, sixty(out), colon, sixty(out),
                       out.optional(out.sequence({out.literal("."), some(out, "09", 1, 9)})),
                       out.choice({out.literal("Z"), offset})});
}
Expr uuid(Expressions& out) noexcept {
  const auto hex = [&](std::uint32_t count) { return some(out, "09afAF", count, count); };
  const Expr dash = out.literal("-");
  return out.sequence({hex(8), dash, hex(4), dash, hex(4), dash, hex(4), dash, hex(12)});
}
Expr email(Expressions& out) noexcept {
  const Expr word = some(out, "09AZaz__--", 1, 32);
  const Expr label = out.sequence(
      {some(out, "09az", 1, 1),
       out.optional(out.sequence({some(out, "09az--", 0, 30), some(out, "09az", 1, 1)}))});
  return out.sequence(
      {word, out.optional(out.sequence({out.literal("."), some(out, "09AZaz__--", 1, 16)})),
       out.literal("@"), out.repeat(out.sequence({label, out.literal(".")}), 1, 3),
       some(out, "az", 2, 12)});
}
Expr ipv4(Expressions& out) noexcept {
  const Expr byte = integers(out, 0, 255);
  return out.sequence({byte, out.repeat(out.sequence({out.literal("."), byte}), 3, 3)});
}

} // namespace

Expr any_json_character(Expressions& out) noexcept {
  const Expr raw = out.characters({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}}, true);
  const Expr code = out.choice(
      {out.sequence({some(out, "09acefACEF", 1, 1), some(out, "09afAF", 3, 3)}),
       out.sequence({some(out, "ddDD", 1, 1), some(out, "07", 1, 1), some(out, "09afAF", 2, 2)})});
  const Expr escape =
      out.sequence({out.literal("\\"), out.choice({some(out, "\"\"\\\\//bbffnnrrtt", 1, 1),
                                                   out.sequence({out.literal("u"), code})})});
  return out.shared(out.choice({raw, escape}));
}

Expr json_characters(Expressions& out, Expr set) noexcept {
  if (set == kNothing)
    return kNothing;
  constexpr std::uint32_t kControls = 0x20;
  std::array<bool, 0x80> inside{};
  Vec<Range> raw;
  Vec<Expr> branches;
  const auto note = [&](const Status& status) {
    if (!status)
      out.fail(status.error());
  };
  for (const Range& range : out.ranges(out[set])) {
    for (std::uint32_t code = range.first; code <= range.last && code < 0x80; ++code)
      inside[code] = true;
    if (range.last >= 0x80)
      note(raw.push({range.first < 0x80 ? 0x80 : range.first, range.last}));
  }
  for (std::uint32_t code = 0; code < inside.size(); ++code) {
    if (!inside[code])
      continue;
    if (code >= kControls && code != '"' && code != '\\') {
      note(raw.push({code, code}));
      continue;
    }
    Text escaped;
    const char c = static_cast<char>(code);
    note(write_json_characters({&c, 1}, escaped));
    note(branches.push(out.literal(view(escaped))));
  }
  note(branches.push(out.characters(raw.span())));
  return branches.size() > 3 ? out.shared(out.choice(branches.span()))
                             : out.choice(branches.span());
}

Expr compile_format(std::string_view format, Expressions& out) noexcept {
  if (format == "date")
    return date(out);
  if (format == "time")
    return time(out);
  if (format == "date-time")
    return out.sequence({date(out), out.literal("T"), time(out)});
  if (format == "uuid")
    return uuid(out);
  if (format == "email")
    return email(out);
  if (format == "ipv4")
    return ipv4(out);
  return kNothing;
}

} // namespace bitnet::grammar
