// A row goes when its fault is mended.
#include "tests/model/known_faults.hpp"

namespace spoolq::test {

const std::vector<KnownFault>& known_faults() {
  static const std::vector<KnownFault> all{
      // Settings are read, changed and replaced.
      {"init x init, no queue", "the setting"},
      {"init x init, an empty queue", "the setting"},
      {"init x configure, an empty queue", "the setting"},
      {"configure x configure, an empty queue", "the setting"},
  };
  return all;
}

}  // namespace spoolq::test
