// exp, log, sin, cos from IEEE + - * / and rounding alone, in one fixed order: the same bits on every target, which the
// C libraries do not promise. Accuracy: a few ulp of double; tested against libm with a bound.
#pragma once

namespace bitnet {

double exact_exp(double x) noexcept;           ///< 0 below -745, +infinity above 709.78
double exact_log(double x) noexcept;           ///< x > 0
double exact_pow(double x, double y) noexcept; ///< x > 0: exp(y * log(x))
double exact_sin(double x) noexcept;           ///< |x| up to 2^30
double exact_cos(double x) noexcept;

} // namespace bitnet
