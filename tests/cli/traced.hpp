// Running the program under strace(1).
#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>

#include "tests/support/program.hpp"

namespace spoolq::test {

inline constexpr const char* kStrace = "/usr/bin/strace";

/// Ends the test as skipped where strace is missing or may not trace. Before anything is made,
/// because nothing is tidied up then.
inline void require_strace() {
  const Outcome probe = run(Invocation{.arguments = {"-c", "-f", "/bin/true"}, .program = kStrace});
  if (probe.exit == 0) return;
  fmt::print("skipped: strace {}\n", probe.exit == 127 ? "is not installed" : "may not trace here");
  std::fflush(stdout);
  std::_Exit(77);
}

}  // namespace spoolq::test
