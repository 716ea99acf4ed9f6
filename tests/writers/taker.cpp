// Taking beside writers; running them.
#include "tests/writers/taker.hpp"

#include <fmt/core.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

// Ends the script where a program is missing, with the name that the test prints then.
constexpr const char* kPreamble = R"sh(
needs() {
  for program; do
    command -v "$program" >/dev/null || {
      echo "$program is not installed; scripts/install-packages test installs it" >&2
      exit 1
    }
  done
}
set -eu
)sh";

/// The script with its line of needs as a command.
std::string complete(std::string script) {
  if (script.starts_with("needs:")) script.erase(script.find(':'), 1);
  return kPreamble + script;
}

Invocation invocation_of(const RealQueue& queue, const std::string& script) {
  return Invocation{.arguments = {"-c", complete(script), "writer"},
                    .environment = {{"Q", queue.path()}, {"LC_ALL", "C"}, {"HOME", "/"}},
                    .directory = queue.around().path(),
                    .program = "/bin/sh"};
}

std::string require_success(const Outcome& outcome, const std::string& script) {
  if (outcome.exit != 0) {
    throw std::runtime_error{fmt::format("exit {}: {}\n{}", outcome.exit, script, outcome.err)};
  }
  return outcome.out;
}

}  // namespace

Taker::Taker(RealQueue& queue)
    : queue_{queue}, consumer_{queue.consumer()}, thread_{[this] {
        thread_id_ = this_thread();
        try {
          consumer_.run([this](Claim& claim) { keep(claim); });
        } catch (const std::exception& error) {
          const std::lock_guard lock{mutex_};
          error_ = error.what();
        }
      }} {
  const bool waits =
      eventually([this] { return thread_id_ != 0; }) && when_waiting(thread_id_, [] {});
  if (waits) return;
  consumer_.stop();
  thread_.join();
  throw std::runtime_error{"the consumer does not wait: " + error_};
}

Taker::~Taker() {
  consumer_.stop();
  if (thread_.joinable()) thread_.join();
}

void Taker::keep(Claim& claim) {
  try {
    Taken taken{claim.info().name, claim.payload(), claim.id(), claim.info().attempts};
    claim.ack(Sync::none);
    const std::lock_guard lock{mutex_};
    taken_.push_back(std::move(taken));
  } catch (const Error& error) {
    if (error.code() != errc::damaged) throw;
    ++damaged_;
    throw;
  }
}

std::size_t Taker::count() const {
  const std::lock_guard lock{mutex_};
  return taken_.size() - markers_.size();
}

bool Taker::has(std::size_t count) {
  return eventually([&] { return this->count() >= count; });
}

bool Taker::has(const std::string& name) {
  return eventually([&] {
    const auto list = so_far();
    return std::any_of(list.begin(), list.end(), [&](const Taken& t) { return t.name == name; });
  });
}

std::vector<Taken> Taker::all() {
  PutOptions last;
  last.priority = 9;
  const std::string marker = queue_.put("marker", last).to_string();
  const auto seen = [&] {
    const std::lock_guard lock{mutex_};
    return !error_.empty() || std::any_of(taken_.begin(), taken_.end(), [&](const Taken& each) {
      return each.id.to_string() == marker;
    });
  };
  if (!eventually(seen)) throw std::runtime_error{"nothing is taken any more"};
  const std::lock_guard lock{mutex_};
  if (!error_.empty()) throw std::runtime_error{"taking failed: " + error_};
  markers_.insert(marker);
  std::vector<Taken> result;
  for (const Taken& each : taken_) {
    if (!markers_.contains(each.id.to_string())) result.push_back(each);
  }
  return result;
}

std::map<std::string, int> Taker::whole(const std::string& payload) {
  std::map<std::string, int> counts;
  for (const Taken& each : all()) {
    ++counts[each.name];
    if (each.payload != payload) {
      counts[fmt::format("{} with {} bytes instead of {}", each.name, each.payload.size(),
                         payload.size())] = 1;
    }
  }
  return counts;
}

std::vector<Taken> Taker::so_far() const {
  const std::lock_guard lock{mutex_};
  std::vector<Taken> result;
  for (const Taken& each : taken_) {
    if (!markers_.contains(each.id.to_string())) result.push_back(each);
  }
  return result;
}

Arrivals::Arrivals(const RealQueue& queue) : inotify_{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)} {
  if (inotify_ < 0 || ::inotify_add_watch(inotify_, queue.path(Folder::ready).c_str(),
                                          IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0) {
    throw std::system_error{errno, std::generic_category(), "inotify"};
  }
}

Arrivals::~Arrivals() {
  if (inotify_ >= 0) ::close(inotify_);
}

std::set<std::string> Arrivals::names() const {
  std::set<std::string> names;
  alignas(inotify_event) std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t size = ::read(inotify_, buffer.data(), buffer.size());
    if (size <= 0) return names;
    for (std::size_t position = 0; position < static_cast<std::size_t>(size);) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + position, sizeof event);
      const std::string name = event.len > 0 ? buffer.data() + position + sizeof event : "";
      position += sizeof event + event.len;
      if (!name.empty() && !name.starts_with('.')) names.insert(name);
    }
  }
}

std::string shell(const RealQueue& queue, const std::string& script,
                  const std::map<std::string, std::string>& variables) {
  Invocation invocation = invocation_of(queue, script);
  invocation.environment.insert(variables.begin(), variables.end());
  return require_success(run(invocation), script);
}

Script::Script(const RealQueue& queue, const std::string& script)
    : running_{invocation_of(queue, script)} {}

void Script::end() { require_success(running_.wait(), "the script"); }

void Script::kill() {
  running_.signal(SIGKILL);
  static_cast<void>(running_.wait());
}

std::string long_text() {
  std::string text = "Subject: long\n\n";
  for (int line = 0; text.size() < 300'000; ++line) text += fmt::format("line {}\n", line);
  return text;
}

}  // namespace spoolq::test
