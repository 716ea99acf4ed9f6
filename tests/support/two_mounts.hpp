// Two queues, or a queue and another folder, as if they were on two file systems.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "queue/store/open_queue.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace spoolq::test {

/// Refuses renames between what was put away and all others, with EXDEV.
class TwoMounts final : public ForwardingSys {
 public:
  explicit TwoMounts(Sys& inner) : ForwardingSys{inner} {}

  /// Everything that `queue` has open is on the other file system.
  void put_away(const detail::OpenQueue& queue) {
    for (int i = 0; i < detail::kFolderCount; ++i) {
      away_.insert(queue.fd(static_cast<detail::Folder>(i)));
    }
  }

  /// The folder at this path is on the other file system, whoever opens it from now on.
  void put_away(std::string path) { paths_.insert(std::move(path)); }

 protected:
  SysResult after(const CallInfo& info, SysResult result) override {
    if (info.call == Call::openat2 && result.ok() && paths_.contains(std::string_view{info.name})) {
      away_.insert(result.fd());
    }
    return result;
  }
  std::optional<SysResult> before(const CallInfo& info) override {
    // The number may be another file's next.
    if (info.call == Call::close && !paths_.empty()) away_.erase(info.fd);
    const bool crosses =
        info.call == Call::renameat2 && away_.contains(info.fd) != away_.contains(info.to_dir);
    return crosses ? std::optional{SysResult::failure(EXDEV)} : std::nullopt;
  }

 private:
  std::set<int> away_;
  std::set<std::string, std::less<>> paths_;
};

}  // namespace spoolq::test
