// The worker processes of a crash test: forked, killed, started again.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "tests/crash/ledger.hpp"

namespace spoolq::test {

/// All are killed when it is destroyed, and die when this process does. Requires that this process
/// has one thread.
class Crew {
 public:
  /// Runs in the child, for ever; it gets the worker's number, which is never used again. What it
  /// throws is written down as trouble.
  using Work = std::function<void(std::uint32_t)>;

  explicit Crew(Ledger& ledger) : ledger_{ledger} {}
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew() { kill_all(); }

  void start(Work work);
  [[nodiscard]] std::size_t size() const { return members_.size(); }
  /// Kills a member and starts another in its place.
  void replace(std::size_t index);
  void kill(std::size_t index);
  void kill_all();

 private:
  struct Member {
    pid_t pid = -1;
    std::uint32_t worker = 0;
    Work work;
  };

  Member spawn(Work work);
  void bury(const Member& member);

  Ledger& ledger_;
  std::uint32_t last_ = 0;
  std::vector<Member> members_;
};

}  // namespace spoolq::test
