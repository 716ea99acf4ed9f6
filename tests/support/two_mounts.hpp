// Two queues as if they were on two file systems.
#pragma once

#include <set>

#include "queue/open_queue.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace spoolq::test {

/// Refuses renames between the queues that were put away and all others, with EXDEV.
class TwoMounts final : public ForwardingSys {
 public:
  explicit TwoMounts(Sys& inner) : ForwardingSys{inner} {}

  /// Everything that `queue` has open is on the other file system.
  void put_away(const detail::OpenQueue& queue) {
    for (int i = 0; i < detail::kFolderCount; ++i) {
      away_.insert(queue.fd(static_cast<detail::Folder>(i)));
    }
  }

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    const bool crosses =
        info.call == Call::renameat2 && away_.contains(info.fd) != away_.contains(info.to_dir);
    return crosses ? std::optional{SysResult::failure(EXDEV)} : std::nullopt;
  }

 private:
  std::set<int> away_;
};

}  // namespace spoolq::test
