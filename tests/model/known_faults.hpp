// The pairs of actors that break a promise today.
#pragma once

#include <vector>

namespace spoolq::test {

/// An expected failure: the test of the pair is red when this does not happen any more.
struct KnownFault {
  const char* meeting;  ///< As Meeting::name() says it.
  const char* wrong;    ///< How the first line of what is wrong begins.
};

const std::vector<KnownFault>& known_faults();

}  // namespace spoolq::test
