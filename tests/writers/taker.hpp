// A consumer that runs while others write, and what the tests of writers need around it.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/consumer/real_queue.hpp"

namespace spoolq::test {

/// A message as a handler got it.
struct Taken {
  std::string name;
  std::string payload;
  MessageId id;
  unsigned attempts = 0;
};

/// Takes and acknowledges all that comes, on a thread of its own, one message after another. From
/// its construction on it watches and has nothing to do.
class Taker {
 public:
  explicit Taker(RealQueue& queue);
  Taker(const Taker&) = delete;
  Taker& operator=(const Taker&) = delete;
  ~Taker();

  /// How many it has taken up to now.
  [[nodiscard]] std::size_t count() const;
  /// Whether so many were taken, soon.
  bool has(std::size_t count);
  /// Whether one of this name was taken, soon.
  bool has(const std::string& name);
  /// All that it takes before a message that is put now and that everything else comes before: what
  /// could be taken when this was called is among it, so that nothing has to be waited for.
  std::vector<Taken> all();
  /// What it has taken up to now.
  [[nodiscard]] std::vector<Taken> so_far() const;
  /// all() by name, with how often each was taken and whether every payload was `payload`.
  std::map<std::string, int> whole(const std::string& payload);
  /// How often a handler was given something that proved damaged.
  [[nodiscard]] int damaged() const { return damaged_; }

 private:
  void keep(Claim& claim);

  RealQueue& queue_;
  Consumer consumer_;
  mutable std::mutex mutex_;
  std::vector<Taken> taken_;
  std::set<std::string> markers_;  ///< Payloads of the messages that all() has put.
  std::string error_;
  std::atomic<int> damaged_{0};
  std::atomic<pid_t> thread_id_{0};
  std::thread thread_;
};

/// The names that appear in new/ from now on, as inotify(7) tells them; no hidden ones.
class Arrivals {
 public:
  explicit Arrivals(const RealQueue& queue);
  Arrivals(const Arrivals&) = delete;
  Arrivals& operator=(const Arrivals&) = delete;
  ~Arrivals();

  [[nodiscard]] std::set<std::string> names() const;

 private:
  int inotify_ = -1;
};

/// A script of sh in the folder around the queue, with the queue as $Q. Its first line names the
/// programs that it needs: "needs: safecat rsync". Requires that it ends with 0; gives what it
/// printed. `variables` are in its environment.
std::string shell(const RealQueue& queue, const std::string& script,
                  const std::map<std::string, std::string>& variables = {});

/// A running script of the same kind, which can be held on its standard input.
class Script {
 public:
  Script(const RealQueue& queue, const std::string& script);

  /// The next line that it prints.
  std::string line() { return running_.read_line(); }
  /// Lets it go on by one `read`.
  void go_on() { running_.write("\n"); }
  /// Waits for its end, which must be 0.
  void end();
  /// kill -9.
  void kill();

 private:
  Running running_;
};

/// Text of many lines, more than a program writes at once.
std::string long_text();

}  // namespace spoolq::test
