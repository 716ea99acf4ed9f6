// Changing one message after another.
#include "cli/commands/changes.hpp"

#include "cli/args/message_argument.hpp"

namespace spoolq::cli {

void Changes::change_named(const Queue& queue, const std::vector<std::string>& ids,
                           const std::vector<State>& states) {
  for (const std::string& id : ids) {
    attempt([&] { change_(find_message(queue, id, states)); });
  }
}

void Changes::change_all(const std::vector<MessageInfo>& messages) {
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

void Changes::attempt(const std::function<void()>& step) {
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

void Changes::report(const std::string& text, ExitCode code) {
  console_.complain(about_ + text);
  if (code_ == kExitDone) code_ = code;
}

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

}  // namespace spoolq::cli
