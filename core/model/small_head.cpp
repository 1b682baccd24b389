// See small_head.h.
#include "model/small_head.h"

#include "base/checked.h"
#include "kernels/pack.h"
#include "model/blocks.h"
#include "tensor/rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace bitnet {
namespace {

/// Largest code above and below the offset.
constexpr int levels_of(ScanType type) noexcept { return scan_offset(type) - 1; }

/// Rows scored exactly before anything is known about errors.
constexpr std::size_t kFirstRows = 64;
/// Of the length that Cauchy and Schwarz allow, random errors use about 1 / sqrt(columns); this many times that is always
/// allowed for.
constexpr float kLeastShare = 6.0F;
/// And this many times what has been seen.
constexpr float kSeenShare = 2.0F;
/// Each round scores at least one more row; a head that needs more rounds than this is not worth it.
constexpr std::size_t kRounds = 8;

struct Measure {
  std::uint64_t& total;
  template <class T> Status operator()(Buffer<T>& /*buffer*/, std::uint64_t count) const noexcept {
    total += count * sizeof(T);
    return {};
  }
};

} // namespace

// --- making ---

// Every buffer is named once; making and measuring are two walks over the same list.

template <class Walk>
Status HeadQuantizer::each_buffer(SmallHead& head, const Kernels& kernels, Walk walk) noexcept {
  BITNET_TRY(walk(head.codes, scan_bytes(kernels, head.scan_type(), head.rows, head.columns)));
  BITNET_TRY(walk(head.row_scales, round_up(head.rows, kernels.scan_tile_rows)));
  BITNET_TRY(walk(head.lost, head.rows));
  return walk(head.lengths, head.rows);
}

template <class Walk>
Status HeadQuantizer::each_buffer(HeadQuantizer& quantizer, std::size_t columns,
                                  Walk walk) noexcept {
  const std::size_t padded = round_up(columns, kColumnPad);
  BITNET_TRY(walk(quantizer.weights_, padded));
  BITNET_TRY(walk(quantizer.values_, padded));
  BITNET_TRY(walk(quantizer.sums_, padded / kColumnPad));
  return walk(quantizer.codes_, quantizer.kernels_->scan_tile_rows * padded);
}

std::uint64_t HeadQuantizer::bytes(HeadType type, const Kernels& kernels, std::size_t rows,
                                   std::size_t columns) noexcept {
  if (type == HeadType::kFile)
    return 0;
  SmallHead head;
  head.type = type;
  head.rows = rows;
  head.columns = columns;
  std::uint64_t total = 0;
  (void)each_buffer(head, kernels, Measure{total}); // which cannot fail
  return total;
}

std::uint64_t HeadQuantizer::loading_bytes(HeadType type, const Kernels& kernels,
                                           std::size_t columns) noexcept {
  if (type == HeadType::kFile)
    return 0;
  SmallHead head;
  HeadQuantizer quantizer(kernels, head);
  std::uint64_t total = 0;
  (void)each_buffer(quantizer, columns, Measure{total});
  return total;
}

Status HeadQuantizer::check(std::size_t columns) noexcept {
  if (columns > kScanColumns)
    return Error(ErrorCode::LimitExceeded)
           << "a small output head has at most " << std::uint64_t{kScanColumns} << " columns, not "
           << std::uint64_t{columns};
  return {};
}

Result<HeadQuantizer> HeadQuantizer::make(HeadType type, const Kernels& kernels, std::size_t rows,
                                          std::size_t columns, SmallHead& into) noexcept {
  HeadQuantizer quantizer(kernels, into);
  into.type = type;
  into.rows = rows;
  into.columns = columns;
  const auto take = []<class T>(Buffer<T>& buffer, std::uint64_t count) -> Status {
    auto made = Buffer<T>::make(count, "small output head");
    BITNET_TRY(made);
    buffer = std::move(*made);
    return {};
  };
  BITNET_TRY(each_buffer(into, kernels, take));
  BITNET_TRY(each_buffer(quantizer, columns, take));
  return quantizer;
}

Status HeadQuantizer::add(DType type, const std::uint8_t* data, std::size_t row_bytes,
                          std::size_t ready) noexcept {
  const std::size_t tile_rows = kernels_->scan_tile_rows,
                    padded = round_up(head_->columns, kColumnPad);
  const std::size_t tile_bytes = tile_rows * (padded / scan_planes(head_->scan_type()));
  while (done_ < ready && (ready - done_ >= tile_rows || ready == head_->rows)) {
    const std::size_t rows = std::min(tile_rows, ready - done_);
    std::uint8_t* tile = head_->codes.data() + done_ / tile_rows * tile_bytes;
    for (std::size_t r = 0; r < rows; ++r, ++done_) {
      BITNET_TRY(decode_floats(type, {data + done_ * row_bytes, row_bytes}, 0, head_->columns, 1.0F,
                               weights_.data()));
      add_row(weights_.data(), codes_.data() + r * padded);
    }
    pack_scan_tile(*kernels_, head_->scan_type(), codes_.data(), padded, rows, head_->columns,
                   tile);
  }
  return {};
}

/// Through the kernels' own quantisation to +-127, then by integers to +-7 or +-63. Steps are 128 / levels of those of
/// int8, so that the rounding is a shift and the largest weight still gets the largest code.
void HeadQuantizer::add_row(const float* weights, std::uint8_t* codes) noexcept {
  const std::size_t columns = head_->columns;
  const int offset = scan_offset(head_->scan_type()), levels = levels_of(head_->scan_type());
  float step = 0.0F;
  kernels_->quantize(weights, columns, values_.data(), sums_.data(), &step);
  const float scale = step * (128.0F / static_cast<float>(levels));
  // Eight sums side by side: compilers may not reorder one.
  float lost[8] = {};
  std::int32_t squares[8] = {};
  const auto take = [&](std::size_t column, std::size_t lane) {
    const int small = (levels * values_[column] + 64) >> 7;
    const float difference = weights[column] - static_cast<float>(small) * scale;
    codes[column] = static_cast<std::uint8_t>(small + offset);
    lost[lane] += difference * difference;
    squares[lane] += small * small;
  };
  std::size_t column = 0;
  for (; column + 8 <= columns; column += 8)
    for (std::size_t lane = 0; lane < 8; ++lane)
      take(column + lane, lane);
  for (; column < columns; ++column)
    take(column, column % 8);
  float all_lost = 0.0F;
  std::int32_t all_squares = 0;
  for (std::size_t lane = 0; lane < 8; ++lane) {
    all_lost += lost[lane];
    all_squares += squares[lane];
  }
  const float length = scale * std::sqrt(static_cast<float>(all_squares));
  head_->row_scales[done_] = scale;
  head_->lengths[done_] = length;
  // The exact logit is rounded too, and a bound of nothing would allow for nothing.
  head_->lost[done_] = std::sqrt(all_lost) + 0x1p-16F * length;
}

// --- using ---

namespace {

/// The candidates so far and what has been learnt about errors.
class Search {
public:
  Search(const Pass& pass, const LogitsNeeded& needed) noexcept
      : pass_(pass), head_(pass.network.weights.small_head), found_(pass.state.found),
        logits_(pass.state.a.logits.data()), needed_(needed) {}

  bool run() noexcept {
    const std::size_t first = std::max(std::min(kFirstRows, head_.rows / 2), needed_.best);
    if (needed_.best == 0 || first > found_.rows.size() / 2 ||
        needed_.ids.size() > found_.rows.size() - first)
      return false;
    measure_input();
    if (!std::isfinite(length_) || !std::isfinite(lost_) || !all_finite())
      return false;
    std::memset(found_.exact.data(), 0, found_.exact.size());
    choose_best(first);
    for (const TokenId id : needed_.ids) // penalties move these: any may win or lose
      if (allowed(static_cast<std::size_t>(id)) && found_.exact[static_cast<std::size_t>(id)] == 0)
        add(static_cast<std::uint32_t>(id));
    if (count_ == 0)
      return false;
    for (std::size_t round = 0, scored = 0; round < kRounds; ++round) {
      if (!score(scored))
        return false;
      scored = count_;
      if (!add_possible())
        return false;
      if (scored == count_)
        return true;
    }
    return false;
  }

private:
  bool better(std::uint32_t a, std::uint32_t b) const noexcept {
    return logits_[a] != logits_[b] ? logits_[a] > logits_[b] : a < b;
  }
  auto by_logit() const noexcept {
    return [this](std::uint32_t a, std::uint32_t b) { return better(a, b); };
  }
  bool allowed(std::size_t row) const noexcept {
    return needed_.mask.empty() || (needed_.mask[row / 64] >> row % 64 & 1) != 0;
  }
  /// How far quantisation may have moved a row's logit.
  float bound(std::size_t row) const noexcept {
    return head_.lost[row] * length_ + head_.lengths[row] * lost_;
  }
  /// Whether every small logit is a number: huge scales may have made infinities that the exact product would not.
  bool all_finite() const noexcept {
    constexpr float kMost = std::numeric_limits<float>::max();
    bool good = true;
    for (std::size_t row = 0; row < head_.rows; ++row)
      good &= std::fabs(logits_[row]) <= kMost;
    return good;
  }
  void add(std::uint32_t row) noexcept {
    found_.exact[row] = 1;
    found_.rows[count_++] = row;
  }

  /// Small logits of all rows; lengths of the input and of what its quantisation took.
  void measure_input() noexcept {
    const float* x = pass_.state.a.x.data();
    const Int8Batch small = scan(pass_, head_, logits_);
    double squares = 0.0, lost = 0.0;
    for (std::size_t i = 0; i < head_.columns; ++i) {
      const double value = static_cast<double>(x[i]);
      const double difference = value - small.values[i] * static_cast<double>(small.scales[0]);
      squares += value * value;
      lost += difference * difference;
    }
    length_ = static_cast<float>(std::sqrt(squares));
    lost_ = static_cast<float>(std::sqrt(lost));
  }

  /// The best rows by their small logits: the list is halved whenever it is full.
  void choose_best(std::size_t count) noexcept {
    std::uint32_t* rows = found_.rows.data();
    std::size_t full = 0;
    const auto halve = [&] {
      std::nth_element(rows, rows + (count - 1), rows + full, by_logit());
      full = count;
    };
    float bar = -std::numeric_limits<float>::infinity();
    for (std::uint32_t row = 0; row < head_.rows; ++row) {
      if (!(logits_[row] > bar) || !allowed(row))
        continue;
      rows[full++] = row;
      if (full == 2 * count) {
        halve();
        bar = logits_[rows[count - 1]];
      }
    }
    if (full > count)
      halve();
    for (count_ = 0; count_ < full;)
      add(rows[count_]);
  }

  /// Exact logits of the candidates from `first`, and how much of their bounds the errors used.
  bool score(std::size_t first) noexcept {
    for (std::size_t i = first; i < count_; ++i)
      found_.small[i] = logits_[found_.rows[i]];
    linear_rows(pass_, pass_.network.weights.output_head(),
                {found_.rows.data() + first, count_ - first}, logits_);
    for (std::size_t i = first; i < count_; ++i) {
      const float exact = logits_[found_.rows[i]];
      const float error = std::fabs(exact - found_.small[i]);
      if (!std::isfinite(error))
        return false;
      if (error > 0.0F)
        share_ = std::max(share_, error / bound(found_.rows[i]));
    }
    return std::isfinite(share_);
  }

  /// All other rows that might be among the best; false when they are too many.
  bool add_possible() noexcept {
    std::uint32_t* rows = found_.rows.data();
    const std::size_t best = std::min(needed_.best, count_);
    std::nth_element(rows, rows + (best - 1), rows + count_, by_logit());
    const float bar = logits_[rows[best - 1]];
    const float share =
        std::max(kSeenShare * share_, kLeastShare / std::sqrt(static_cast<float>(head_.columns)));
    constexpr std::size_t kTogether = 64;
    for (std::size_t row = 0; row < head_.rows; row += kTogether) {
      const std::size_t end = std::min(row + kTogether, head_.rows);
      bool any = false;
      for (std::size_t r = row; r < end; ++r)
        any |= !(logits_[r] + share * bound(r) <
                 bar); // a bound that is not a number rules nothing out
      for (std::size_t r = row; any && r < end; ++r) {
        if (found_.exact[r] != 0 || logits_[r] + share * bound(r) < bar || !allowed(r))
          continue;
        if (count_ == found_.rows.size())
          return false;
        add(static_cast<std::uint32_t>(r));
      }
    }
    return true;
  }

  const Pass& pass_;
  const SmallHead& head_;
  Found& found_;
  float* logits_;
  const LogitsNeeded& needed_;
  std::size_t count_ = 0; ///< candidates
  float length_ = 0.0F;
  float lost_ = 0.0F;
  float share_ = 0.0F; ///< the largest share of its bound that an error used
};

} // namespace

bool small_logits(const Pass& pass, const LogitsNeeded& needed) noexcept {
  return Search(pass, needed).run();
}

} // namespace bitnet
