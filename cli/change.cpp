// retry, mv, rm, purge: messages moved and removed by hand.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/message_argument.hpp"
#include "cli/queue_argument.hpp"
#include "cli/usage_error.hpp"

namespace spoolq::cli {
namespace {

/// Changes one message after another. One that cannot be changed is reported and the others are
/// done; the exit code is the first error's.
class Changes {
 public:
  Changes(const Console& console, std::function<void(const MessageInfo&)> change)
      : console_{console}, change_{std::move(change)} {}

  /// Those that `ids` name, among the messages in `states`.
  void change_named(const Queue& queue, const std::vector<std::string>& ids,
                    const std::vector<State>& states) {
    for (const std::string& id : ids) {
      attempt([&] { change_(find_message(queue, id, states)); });
    }
  }
  /// A message that another process was quicker to take is reported, and is no error.
  void change_all(const std::vector<MessageInfo>& messages) {
    for (const MessageInfo& message : messages) {
      if (stopped_) return;
      about_ = message.id.to_string() + ": ";
      attempt([&] {
        try {
          change_(message);
          ++done_;
        } catch (const Error& error) {
          if (error.code() != errc::no_such_message) throw;
          report("left out: it has moved on", kExitDone);
        }
      });
    }
    about_.clear();
  }
  /// Also for what comes after the messages: a sync, say.
  void attempt(const std::function<void()>& step) {
    try {
      step();
    } catch (const Failure& failure) {
      report(failure.what(), failure.code());
    } catch (const Error& error) {
      // A full target, or a disk that failed, would say the same of every message.
      const ExitCode code = exit_code_of(error.code());
      stopped_ = code == kExitInputOutput || error.code() == errc::queue_full ||
                 error.code() == errc::condemned;
      report(describe(error), code);
    }
  }

  [[nodiscard]] int code() const { return code_; }
  /// How many change_all() changed.
  [[nodiscard]] std::size_t done() const { return done_; }

 private:
  void report(const std::string& text, ExitCode code) {
    console_.complain(about_ + text);
    if (code_ == kExitDone) code_ = code;
  }

  const Console& console_;
  std::string about_;  ///< What is in hand, for errors that do not name it.
  std::function<void(const MessageInfo&)> change_;
  int code_ = kExitDone;
  std::size_t done_ = 0;
  bool stopped_ = false;
};

/// Few messages are synced one by one. For many, one sync of the whole file system is quicker,
/// though it waits for what other programs have written too.
Sync sync_of_each(std::size_t count) {
  constexpr std::size_t kFewMax = 16;
  return count <= kFewMax ? Sync::durable : Sync::none;
}

int nothing_selected(const Console& console) {
  console.complain("no such messages");
  return kExitNo;
}

int print_ids(const std::vector<MessageInfo>& messages, Console& console) {
  for (const MessageInfo& message : messages) console.out.write(message.id.to_string() + "\n");
  return messages.empty() ? kExitNo : kExitDone;
}

/// Whether the person at the terminal says yes.
bool confirmed(const std::string& question) {
  const std::string text = question + " [y/N] ";
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
  std::array<char, 64> answer{};
  const ssize_t size = ::read(STDIN_FILENO, answer.data(), answer.size());
  return size > 0 && (answer[0] == 'y' || answer[0] == 'Y');
}

}  // namespace

int run(const RetryArguments& arguments, Console& console) {
  Queue queue = open_queue(arguments.queue, console);
  std::vector<MessageInfo> selected;
  if (arguments.ids.empty()) {
    selected = select(queue, arguments.selection);
    if (selected.empty()) return nothing_selected(console);
  }
  const Sync sync = sync_of_each(arguments.ids.size() + selected.size());
  Changes changes{console, [&](const MessageInfo& message) { queue.retry(message, sync); }};
  changes.change_named(queue, arguments.ids, arguments.selection.states);
  changes.change_all(selected);
  if (sync == Sync::none) changes.attempt([&] { queue.sync(); });
  if (arguments.ids.empty()) console.out.write(fmt::format("retried {}\n", changes.done()));
  return changes.code();
}

int run(const MoveArguments& arguments, Console& console) {
  Queue queue = open_queue(arguments.queue, console);
  Queue target = open_queue(arguments.target, console);
  if (queue.path() == target.path()) {
    throw Failure{kExitBadValue, fmt::format("mv: {} is the same queue", escape(arguments.target))};
  }
  std::vector<MessageInfo> selected;
  if (arguments.ids.empty()) selected = select(queue, arguments.selection);
  if (arguments.dry_run) {
    for (const std::string& id : arguments.ids) {
      selected.push_back(find_message(queue, id, arguments.selection.states));
    }
    return print_ids(selected, console);
  }
  if (arguments.ids.empty() && selected.empty()) return nothing_selected(console);
  const Sync sync = sync_of_each(arguments.ids.size() + selected.size());
  Changes changes{console, [&](const MessageInfo& message) { queue.move(message, target, sync); }};
  changes.change_named(queue, arguments.ids, arguments.selection.states);
  changes.change_all(selected);
  if (sync == Sync::none) {
    changes.attempt([&] {
      target.sync();
      queue.sync();
    });
  }
  if (arguments.ids.empty()) console.out.write(fmt::format("moved {}\n", changes.done()));
  return changes.code();
}

int run(const RemoveArguments& arguments, Console& console) {
  Queue queue = open_queue(arguments.queue, console);
  const Sync sync = sync_of_each(arguments.ids.size());
  Changes changes{console, [&](const MessageInfo& message) {
                    if (message.state == State::claimed && !arguments.force) {
                      throw Failure{kExitClaimLost,
                                    fmt::format("{} is claimed; to remove it all the same: --force",
                                                message.id.to_string())};
                    }
                    queue.remove(message, arguments.force, sync);
                  }};
  changes.change_named(queue, arguments.ids,
                       {State::ready, State::claimed, State::delayed, State::failed, State::done});
  if (sync == Sync::none) changes.attempt([&] { queue.sync(); });
  return changes.code();
}

int run(const PurgeArguments& arguments, Console& console) {
  Queue queue = open_queue(arguments.queue, console);
  const bool asks = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
  if (!arguments.force && !arguments.dry_run && !asks) {
    throw UsageError{
        "purge: it removes messages for good; where nobody can be asked, --force says "
        "that this is meant",
        find_verb("purge")};
  }
  std::vector<MessageInfo> selected = select(queue, arguments.selection);
  if (!arguments.force) {
    const std::size_t claimed = std::erase_if(
        selected, [](const MessageInfo& message) { return message.state == State::claimed; });
    if (claimed > 0) {
      console.complain(fmt::format("{} claimed messages stay; --force removes them too", claimed));
    }
  }
  if (arguments.dry_run) return print_ids(selected, console);
  if (selected.empty()) return nothing_selected(console);
  const auto question = [&] {
    return fmt::format("Remove {} message{} from {} for good?", selected.size(),
                       selected.size() == 1 ? "" : "s", escape(queue.path()));
  };
  if (!arguments.force && !confirmed(question())) return kExitNo;
  const Sync sync = sync_of_each(selected.size());
  Changes changes{
      console, [&](const MessageInfo& message) { queue.remove(message, arguments.force, sync); }};
  changes.change_all(selected);
  if (sync == Sync::none) changes.attempt([&] { queue.sync(); });
  console.out.write(fmt::format("removed {}\n", changes.done()));
  return changes.code();
}

}  // namespace spoolq::cli
