// One function per command: its arguments in, its exit status out.
#pragma once

#include "common.h"

namespace cli {

int run(Arguments arguments);
int chat(Arguments arguments);
int info(Arguments arguments);
int tokenize(Arguments arguments);
int logits(Arguments arguments);
int bench(Arguments arguments);
int selftest(Arguments arguments);
/// `bitnet-cpu --model FILE --prompt TEXT --max-tokens N`, as published articles spell it.
int cpu(Arguments arguments);

/// `arguments` into `options`; the exit status to return right away when they are wrong or ask for
/// help.
std::optional<int> parse(const char* command, const char* usage, const Options& options,
                         Arguments arguments, Words& words, std::size_t most_words = 0);

} // namespace cli
