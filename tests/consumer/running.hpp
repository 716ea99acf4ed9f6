// What the tests of Consumer::run() share.
#pragma once

#include <fmt/core.h>

#include <atomic>
#include <functional>
#include <system_error>
#include <thread>
#include <utility>

#include "tests/consumer/real_queue.hpp"

namespace spoolq::test {

/// A run that ends when nothing is ready.
inline RunOptions until_empty(unsigned concurrency = 1) {
  RunOptions options;
  options.concurrency = concurrency;
  options.until = RunOptions::Until::ready_empty;
  return options;
}

inline void put_many(RealQueue& queue, int count) {
  for (int i = 0; i < count; ++i) queue.put(fmt::format("message {}", i));
}

/// run() on a thread of its own.
class Background {
 public:
  Background(Consumer& consumer, std::function<void(Claim&)> handler, RunOptions options = {})
      : thread_{[this, &consumer, handler = std::move(handler), options = std::move(options)] {
          try {
            consumer.run(handler, options);
          } catch (const Error& error) {
            error_ = error.code();
          }
          over_ = true;
        }} {}
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  ~Background() {
    if (thread_.joinable()) thread_.join();
  }

  bool ends() {
    return eventually([this] { return over_.load(); });
  }
  [[nodiscard]] bool over() const { return over_; }
  /// Once it is over.
  [[nodiscard]] std::error_code error() const { return error_; }

 private:
  std::atomic<bool> over_{false};
  std::error_code error_;
  std::thread thread_;
};

/// A handler that waits until it is let go.
class Gate {
 public:
  void wait() {
    ++inside_;
    eventually([this] { return open_.load(); });
    --inside_;
  }
  void open() { open_ = true; }
  bool has(int count) {
    return eventually([&] { return inside_ == count; });
  }

 private:
  std::atomic<int> inside_{0};
  std::atomic<bool> open_{false};
};

}  // namespace spoolq::test
