// Resolving queue arguments.
#include "cli/args/queue_argument.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "spoolq/units.hpp"

namespace spoolq::cli {
namespace {

bool exists(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

bool is_bare_word(const std::string& argument) { return argument.find('/') == std::string::npos; }

/// How to say in a command that makes it which queue is meant.
std::string as_typed(const std::string& argument) {
  if (argument == "@") return shell_quote(environment("SPOOLQ_QUEUE"));
  const bool plain = !is_bare_word(argument) || !environment("SPOOLQ_ROOT").empty();
  return shell_quote(plain ? argument : "./" + argument);
}

/// Why `init` would not help at a path where there is no queue; empty: it would.
std::string obstacle(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0) {
    if (!S_ISDIR(status.st_mode)) return "what is there is not a folder";
    if (Queue::is_queue(path + "/..")) return "it is a folder of the queue that is above it";
    return "";
  }
  if (errno == ENOENT) return exists(path) ? "what is there is a link that leads nowhere" : "";
  return std::error_code{errno, std::generic_category()}.message();
}

}  // namespace

std::string queue_path(const std::string& argument, bool to_make) {
  if (argument.empty()) throw Failure{kExitUsage, "the queue's path is empty"};
  if (argument == "@") {
    const std::string queue{environment("SPOOLQ_QUEUE")};
    if (queue.empty() || queue == "@") {
      throw Failure{kExitUsage, "@ stands for $SPOOLQ_QUEUE, which is not set"};
    }
    return queue_path(queue, to_make);
  }
  const std::string root{environment("SPOOLQ_ROOT")};
  if (root.empty() || !is_bare_word(argument) || exists(argument)) return argument;
  const std::string under_root = root + "/" + argument;
  return to_make || exists(under_root) ? under_root : argument;
}

Queue open_queue(const std::string& argument, const Console& console) {
  return open_queue(argument, log_handler(console));
}

Queue open_queue(const std::string& argument, LogHandler log) {
  const std::string path = queue_path(argument);
  try {
    return Queue::open(path, std::move(log));
  } catch (const Error& error) {
    const bool missing = error.code() == errc::not_a_queue || leads_nowhere(error.code());
    // A queue that lacks something is described by what it lacks.
    if (!missing || Queue::is_queue(path)) throw;
    if (const std::string why = obstacle(path); !why.empty()) {
      throw Failure{kExitNotFound, fmt::format("no queue at {}: {}", escape(path), why)};
    }
    throw Failure{kExitNotFound, fmt::format("no queue at {}. Make one: spoolq init {}",
                                             escape(path), as_typed(argument))};
  }
}

void require_takeable(const Queue& queue) {
  if (!queue.is_maildir()) return;
  throw Failure{kExitNotFound,
                fmt::format("{} is a Maildir. To take from it, make it a queue: spoolq init {}",
                            escape(queue.path()), shell_quote(queue.path()))};
}

Consumer open_consumer(const std::string& argument, LogHandler log) {
  const Queue queue = open_queue(argument, std::move(log));
  require_takeable(queue);
  return Consumer{queue};
}

Failure queue_is_paused(const Queue& queue) {
  return Failure{kExitPaused, fmt::format("{} is paused. To go on: spoolq resume {}",
                                          escape(queue.path()), shell_quote(queue.path()))};
}

std::string setting(const Queue& queue, std::string_view name) {
  for (const auto& [each, value] : queue.settings()) {
    if (each == name) return value;
  }
  return {};
}

Duration detached_lease(const Queue& queue) {
  if (const auto lease = parse_duration(setting(queue, "detached_lease"))) return *lease;
  throw Failure{kExitSettings, "the setting detached_lease is not a duration; give --lease"};
}

LogHandler log_handler(const Console& console) {
  const Console copy = console;
  return [copy](LogLevel level, std::string_view text) {
    if (level == LogLevel::warning || copy.verbose) copy.complain(text);
  };
}

}  // namespace spoolq::cli
