// Text that others wrote, on its way to a terminal.
#pragma once

#include <string>
#include <string_view>

namespace cli {

/// Control characters as '?', but for the `allowed` ones.
std::string printable(std::string_view text, std::string_view allowed = {});

} // namespace cli
