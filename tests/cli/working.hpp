// A queue and workers on it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/program.hpp"

namespace spoolq::test {

using Words = std::vector<std::string>;

/// A queue in a folder of its own, in which its workers run.
class Workplace {
 public:
  /// Nothing waits after a failed run unless `settings` say so.
  explicit Workplace(const Words& settings = {});

  [[nodiscard]] const std::string& queue() const { return queue_; }
  /// The path of something in the folder.
  [[nodiscard]] std::string operator/(const std::string& name) const { return scratch_ / name; }

  /// Puts a message; its id.
  std::string put(const std::string& payload = "x", const Words& options = {}) const;
  /// Puts so many.
  void put_many(int count) const;
  [[nodiscard]] std::size_t count(const std::string& state) const;
  /// What `show --json` tells.
  [[nodiscard]] nlohmann::json show(const std::string& id) const;

  /// `work Q OPTIONS -- COMMAND`, in the folder.
  [[nodiscard]] Invocation worker(const Words& options, const Words& command) const;
  /// The same with a script of sh.
  [[nodiscard]] Invocation script(const Words& options, const std::string& script) const;
  /// A worker whose standard error is the file `err` in the folder, to be read while it runs.
  [[nodiscard]] Invocation logged(const Words& options, const std::string& script) const;

  /// Runs a worker with a script until the queue is drained; it must end with 0.
  Outcome drain(const std::string& script, const Words& options = {}) const;

 private:
  Scratch scratch_;
  std::string queue_;
};

/// Whether a process exists and has not ended.
bool is_alive(long process);
/// The numbers in the files of a folder, one a line in each.
std::vector<long> numbers_in(const std::string& folder);

}  // namespace spoolq::test
