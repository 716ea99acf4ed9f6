// spoolq wait: waits until messages are done or have failed, or until the queue is empty.
//
// It begins to watch and looks then, so nothing is missed between the two. Where a message seems to
// be nowhere, the monitor has made sure that it did not just move.
#include <fmt/format.h>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "cli/commands/commands.hpp"
#include "cli/output/message_text.hpp"
#include "cli/output/signals.hpp"
#include "spoolq/fmt.hpp"
#include "spoolq/monitor.hpp"

namespace spoolq::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// So many events are taken before a look at the messages that are gone: one look for all of them.
constexpr int kEventsPerLook = 1000;
constexpr int kExitCodeMax = 255;

/// One run of the command.
class Waiting {
 public:
  Waiting(Queue queue, std::optional<Duration> timeout, const Console& console)
      : timeout_{timeout},
        console_{console},
        queue_{std::move(queue)},
        monitor_{queue_},
        stop_on_signals_{monitor_} {}

  int until_empty() {
    for (;;) {
      const auto found = monitor_.find_any({State::ready, State::delayed, State::claimed});
      if (!found) return kExitDone;
      // As long as this one is there, it need not look again.
      for (bool there = true; there;) {
        const std::optional<Event> event = next();
        if (!event) return stopped("it is not empty");
        there = event->kind != EventKind::overflow && !(event->id == found->id && is_end(*event));
      }
    }
  }

  int for_messages(const std::vector<std::string>& words) {
    std::vector<std::optional<MessageId>> ids;
    ids.reserve(words.size());
    for (const std::string& word : words) ids.push_back(resolve(word));
    for (const auto& id : ids) {
      if (id) pending_.insert(*id);
    }
    look_at(std::set<MessageId>{pending_});
    while (!pending_.empty()) {
      std::optional<Event> event = next();
      if (!event) return stopped(fmt::format("{} of {} not done", pending_.size(), ids.size()));
      for (int i = 0; event && i < kEventsPerLook; ++i) {
        note(*event);
        event = monitor_.next(Duration{0});
      }
      if (event) note(*event);
      look_at(std::exchange(gone_, {}));
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const int code = ids[i] ? codes_[*ids[i]] : nowhere(words[i]);
      if (code != kExitDone) return code;
    }
    return kExitDone;
  }

 private:
  static bool is_end(const Event& event) {
    return event.kind == EventKind::gone || event.kind == EventKind::failed;
  }

  /// nullopt: a stop signal, or the time is over.
  std::optional<Event> next() {
    if (stop_signal() != 0) return std::nullopt;
    if (!timeout_) return monitor_.next();
    const auto waited = std::chrono::floor<Duration>(Clock::now() - begin_);
    return monitor_.next(std::max(*timeout_ - waited, Duration{0}));
  }

  [[nodiscard]] int stopped(const std::string& what) const {
    if (const int signal = stop_signal(); signal != 0) return kExitSignal + signal;
    console_.complain(fmt::format("the time is over: {}", what));
    return kExitTimedOut;
  }

  /// The id that a word means, or nothing for one that no message has. Throws Failure, Error.
  std::optional<MessageId> resolve(const std::string& word) {
    const std::string text = id_text(word);
    if (text.starts_with('@')) {
      return find_message(queue_, text,
                          {State::ready, State::delayed, State::claimed, State::failed})
          .id;
    }
    if (const auto id = MessageId::parse(text)) return id;
    if (!may_be_id(text)) {
      throw Failure{kExitBadValue,
                    fmt::format("'{}' can be no message: give an id, four or more of its first or "
                                "last characters, or the path of its file",
                                escape(word))};
    }
    const auto found = monitor_.find_if([&text](const MessageId& id) {
      const std::string whole = id.to_string();
      return whole.starts_with(text) || whole.ends_with(text);
    });
    if (found.empty()) return std::nullopt;
    if (found.size() == 1) return found.begin()->first;
    std::string ids;
    for (const auto& [id, message] : found) ids += " " + id.to_string();
    throw Failure{kExitNotFound, fmt::format("{} messages have '{}':{}", found.size(), text, ids)};
  }

  void note(const Event& event) {
    if (event.kind == EventKind::overflow) {
      gone_ = pending_;  // Perhaps.
    } else if (pending_.contains(event.id) && is_end(event)) {
      if (event.kind == EventKind::failed) {
        failed(event.id);
      } else if (event.state == State::done) {
        end(event.id, kExitDone);
      } else {
        gone_.insert(event.id);
      }
    }
  }

  /// Finds out which of these have ended. They are not pending_ itself, which changes on the way.
  void look_at(const std::set<MessageId>& ids) {
    if (ids.empty()) return;
    const auto found = monitor_.find(ids);
    for (const MessageId& id : ids) {
      if (!pending_.contains(id)) continue;
      const auto message = found.find(id);
      if (message == found.end()) {
        end(id, nowhere(id));
      } else if (message->second.state == State::failed) {
        failed(id);
      } else if (message->second.state == State::done) {
        end(id, kExitDone);
      }
    }
  }

  void end(const MessageId& id, int code) {
    codes_[id] = code;
    pending_.erase(id);
  }

  void failed(const MessageId& id) {
    std::optional<Reason> reason;
    try {
      reason = queue_.details(queue_.find(id.to_string(), {State::failed})).reason;
    } catch (const Error& error) {
      // Another process was quick to retry or remove it; it has failed all the same.
      if (error.code() != errc::no_such_message) throw;
    }
    const std::string why = reason ? reason_text(*reason) : "";
    console_.complain(fmt::format("{}: failed{}{}", id, why.empty() ? "" : ": ", why));
    const int code = reason ? reason->exit_code.value_or(kExitNo) : kExitNo;
    end(id, code >= 1 && code <= kExitCodeMax ? code : kExitNo);
  }

  /// The exit code for a message that is nowhere.
  int nowhere(const MessageId& id) {
    if (!monitor_.is_set_aside(id)) return nowhere(id.to_string());
    console_.complain(fmt::format("{}: damaged; it is in {}/bad", id, escape(queue_.path())));
    return kExitBadValue;
  }
  [[nodiscard]] int nowhere(const std::string& word) const {
    const std::string keep_done = setting(queue_, "keep_done");
    if (keep_done.empty() || keep_done == "off") return kExitDone;
    console_.complain(fmt::format("{}: no such message in {}, and what is done is kept there",
                                  escape(word), escape(queue_.path())));
    return kExitNotFound;
  }

  std::optional<Duration> timeout_;  ///< Empty: for ever.
  const Console& console_;
  Clock::time_point begin_ = Clock::now();
  Queue queue_;
  Monitor monitor_;
  StopOnSignals stop_on_signals_;
  std::set<MessageId> pending_;
  std::set<MessageId> gone_;  ///< Of these: perhaps nowhere.
  std::map<MessageId, int> codes_;
};

}  // namespace

int wait_command(Command& command, Console& console) {
  bool empty = false;
  std::optional<Duration> timeout;
  command.describe("wait", "wait for the end of messages", "Q ID...|--empty", 1, kUnlimited);
  command.flag("--empty", empty, "until no message is ready, claimed or delayed");
  command.duration("--timeout", timeout, "at most this long; then the exit code is 124");
  command.example("spoolq wait jobs 97d0a11c", "until the message is done, or has failed");
  command.example("id=$(spoolq put jobs cat.jpg) && spoolq wait jobs \"$id\"",
                  "put it, and wait for its end");
  command.example("spoolq wait jobs --empty --timeout 10m", "until there is nothing left to do");
  command.details =
      R"(Ends with 0 when the message is done: acknowledged, or removed. When it has failed, the reason is
reported, and the exit code is the job's own where it is known, else 1. A message that is tried
again is waited for. Of several, all are waited for, and the exit code is that of the first
argument whose code is not 0.
A message that is nowhere is done, so it does not matter whether the wait begins too late;
with the setting keep_done, finished messages are kept, and then it is not found (66). One that
is in bad/ is damaged (65).
--empty waits until no message is ready, claimed or delayed; failed and finished ones do not
count. While the queue is paused, it waits. It prints nothing on standard output.
ID is a whole id, four or more of its first or last characters, the path of the message's file,
or @oldest or @newest of those that are not done, as it is when the wait begins.)";
  if (!command.parse(console)) return kExitDone;
  const auto ids = command.rest();
  if (empty && !ids.empty()) command.wrong_use("ids and --empty exclude each other");
  if (!empty && ids.empty()) command.wrong_use("what for? Ids, or --empty", true);
  Waiting waiting{open_queue(command.queue(), console), timeout, console};
  return empty ? waiting.until_empty() : waiting.for_messages(ids);
}

}  // namespace spoolq::cli
