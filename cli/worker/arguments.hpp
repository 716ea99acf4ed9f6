// What `work` was asked for.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "spoolq/consumer.hpp"

namespace spoolq::cli {

/// When a worker ends by itself.
enum class Drain {
  no,
  ready,  ///< When no message is ready, and its jobs have ended.
  all,    ///< When none is delayed either.
};

struct WorkArguments {
  std::string queue;
  std::vector<std::string> command;  ///< CMD ARGS.
  unsigned jobs = 1;
  std::optional<Duration> timeout;
  Duration grace = std::chrono::seconds{10};
  RetryPolicy policy;
  Drain drain = Drain::no;
  bool once = false;
  std::size_t messages_max = 0;  ///< 0: no limit.
  std::optional<Duration> time_max;
  std::optional<std::chrono::nanoseconds> interval;  ///< Between the starts of two jobs.
  Finished finished = Finished::by_setting;
  std::optional<std::string> target;  ///< The queue into which finished messages are moved.
  std::optional<std::string> output_directory;
  std::optional<std::string> job_log;
  bool bar = false;
  bool quiet = false;
  bool json = false;
  Sync ack = Sync::durable;
};

}  // namespace spoolq::cli
