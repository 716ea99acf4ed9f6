// Ending the claims of the dead, which any living consumer does for all. Each step is a rename with
// one winner, so any number of processes may do this at the same time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "queue/lifecycle/transitions.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// Since when the claims of living consumers have been as they are, seen with our own eyes: with
/// the setting `lease`, only who has seen a claim for that long may end it. One thread.
class Observations {
 public:
  /// Notes that `file` is in cur/ at `now`, and tells how long it has been seen there. Between two
  /// looks at most `step_max` counts: while the machine slept, its owner could not extend it.
  Duration seen_for(const std::string& file, Duration now, Duration step_max);
  /// Forgets the files that were not seen since the last time this was called.
  void forget_unseen();

 private:
  struct Observed {
    Duration last{0};
    Duration credited{0};
    bool again = true;
  };
  std::unordered_map<std::string, Observed> files_;
};

struct TakenBack {
  std::uint64_t returned = 0;
  std::uint64_t failed = 0;
  std::optional<Time> next_lease_end;  ///< The earliest end of a detached claim still to come.
  /// When the claims of living consumers are to be looked at again, because of the lease.
  std::optional<Duration> next_observed_end;
};
/// Whether the files of dead consumers are looked for, too: that is a call or three for each
/// consumer.
enum class Bury { no, yes };
/// Ends the claims of dead consumers, of detached claims whose lease is over, and with
/// `observations` those whose lease we have seen going by; durable when it returns. `self`, a
/// living consumer of this process, is not asked whether it lives.
TakenBack reap(OpenQueue& queue, std::string_view self = {}, Observations* observations = nullptr,
               Bury bury = Bury::yes);

}  // namespace spoolq::detail
