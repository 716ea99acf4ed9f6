// Changing one message after another.
#include "cli/commands/changes.hpp"

#include <fmt/format.h>

#include "cli/args/message_argument.hpp"
#include "cli/commands/error_report.hpp"

namespace spoolq::cli {
namespace {

Sync sync_of_each(std::size_t count) {
  constexpr std::size_t kFewMax = 16;
  return count <= kFewMax ? Sync::durable : Sync::none;
}

void sync_all(const Changed& changed) {
  for (Queue* queue : changed) queue->sync();
}

}  // namespace

int change_named(const Console& console, const Queue& queue, const std::vector<std::string>& ids,
                 const std::vector<State>& states, const Change& change, const Changed& changed) {
  const Sync sync = sync_of_each(ids.size());
  ErrorReport errors{console};
  for (const std::string& id : ids) {
    errors.attempt([&] { change(find_message(queue, id, states), sync); });
  }
  if (sync == Sync::none) errors.attempt([&] { sync_all(changed); });
  return errors.code();
}

int change_selected(const Console& console, const std::vector<MessageInfo>& messages,
                    const Change& change, const Changed& changed, std::string_view done) {
  if (messages.empty()) return nothing_selected(console);
  const Sync sync = sync_of_each(messages.size());
  ErrorReport errors{console};
  std::size_t count = 0;
  for (const MessageInfo& message : messages) {
    const std::string about = message.id.to_string() + ": ";
    const auto change_it = [&] {
      try {
        change(message, sync);
        ++count;
      } catch (const Error& error) {
        if (error.code() != errc::no_such_message) throw;
        console.complain(about + "left out: it has moved on");
      }
    };
    if (!errors.attempt(change_it, about)) break;
  }
  if (sync == Sync::none) errors.attempt([&] { sync_all(changed); });
  console.out.write(fmt::format("{} {}\n", done, count));
  return errors.code();
}

int nothing_selected(const Console& console) {
  console.complain("no such messages");
  return kExitNo;
}

int print_ids(const std::vector<MessageInfo>& messages, const Console& console) {
  for (const MessageInfo& message : messages) console.out.write(message.id.to_string() + "\n");
  return messages.empty() ? kExitNo : kExitDone;
}

}  // namespace spoolq::cli
