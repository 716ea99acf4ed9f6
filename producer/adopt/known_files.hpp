// What an adopter knows of the names in its folder.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "producer/adopt/completeness.hpp"
#include "producer/adopt/inbox_watch.hpp"
#include "queue/os/sys.hpp"

namespace spoolq::detail {

/// What is known of one name.
struct KnownFile {
  Observation observation{};
  Observation::Clock::time_point next_look{};
  Assessment assessment{};
  std::string reported{};  ///< The error that was reported last.
  bool seen = true;        ///< By the last scan.
  bool put_back = false;   ///< The next rename that is seen is our own.
};

/// The names of a folder. One thread.
class KnownFiles : public std::map<std::string, KnownFile> {
 public:
  using Clock = Observation::Clock;

  /// Reads all names. New ones are to be looked at at once, and what is gone is forgotten.
  void scan(Sys& sys, int directory, const std::string& path);
  /// Notes what events report: how a file came, and that it must be looked at.
  void note(const std::vector<InboxEvent>& events, const Completeness& completeness);
  /// How long until the first file is to be looked at again, at most `limit`.
  [[nodiscard]] Duration time_to_next_look(Duration limit) const;
  /// Whether a file that is settling is to be looked at before `limit`.
  [[nodiscard]] bool settles_before(Clock::time_point limit) const;
};

}  // namespace spoolq::detail
