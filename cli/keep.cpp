// init, config, retry, rm, pause, resume, reap, and what tells about the program: version, help.
#include <fmt/format.h>

#include <functional>

#include "cli/commands.hpp"
#include "cli/documents.hpp"
#include "cli/exit_codes.hpp"
#include "cli/help.hpp"
#include "cli/message_argument.hpp"
#include "cli/queue_argument.hpp"

namespace spoolq::cli {
namespace {

/// Does it for each id. One that fails is reported and the others are done; the exit code is the
/// first error's.
int for_each_message(const Queue& queue, const std::vector<std::string>& ids,
                     const std::vector<State>& states, const Console& console,
                     const std::function<void(const MessageInfo&)>& change) {
  int code = kExitDone;
  const auto report = [&](const std::string& text, ExitCode its_code) {
    console.complain(text);
    if (code == kExitDone) code = its_code;
  };
  for (const std::string& id : ids) {
    try {
      change(find_message(queue, id, states));
    } catch (const Failure& failure) {
      report(failure.what(), failure.code());
    } catch (const Error& error) {
      report(describe(error), exit_code_of(error.code()));
    }
  }
  return code;
}

int retry_all(Queue& queue, const Console& console) {
  std::size_t retried = 0;
  for (const MessageInfo& message : queue.list(State::failed)) {
    try {
      queue.retry(message);
      ++retried;
    } catch (const Error& error) {
      if (error.code() != errc::no_such_message) throw;  // Else somebody was first.
    }
  }
  if (retried > 0) return kExitDone;
  console.complain("no failed messages");
  return kExitNo;
}

}  // namespace

int run(const InitArguments& arguments, Console& console) {
  const std::string path = queue_path(arguments.queue, true);
  try {
    Queue::init(path, arguments.settings, log_handler(console));
  } catch (const Error& error) {
    ExitCode code = exit_code_of(error.code());
    const bool impossible = error.code() == std::errc::not_a_directory ||
                            error.code() == std::errc::file_exists ||
                            error.code() == std::errc::no_such_file_or_directory ||
                            error.code() == std::errc::filename_too_long ||
                            error.code() == std::errc::too_many_symbolic_link_levels ||
                            error.code() == errc::not_a_queue;
    if (impossible) code = kExitCannotCreate;
    throw Failure{code, describe(error)};
  }
  return kExitDone;
}

int run(const ConfigArguments& arguments, Console& console) {
  Queue queue = open_queue(arguments.queue, console);
  if (!arguments.settings.empty()) queue.configure(arguments.settings);
  if (arguments.json) {
    console.out.write(settings_document(queue.path(), queue.settings()));
  } else if (arguments.settings.empty()) {
    for (const auto& [name, value] : queue.settings()) {
      console.out.write(fmt::format("{}={}\n", escape(name), escape(value)));
    }
  }
  return kExitDone;
}

int run(const RetryArguments& arguments, Console& console) {
  Queue queue = open_queue(arguments.queue, console);
  if (arguments.all) return retry_all(queue, console);
  return for_each_message(queue, arguments.ids, {State::failed}, console,
                          [&](const MessageInfo& message) { queue.retry(message); });
}

int run(const RemoveArguments& arguments, Console& console) {
  Queue queue = open_queue(arguments.queue, console);
  const std::vector<State> states = {State::ready, State::claimed, State::delayed, State::failed,
                                     State::done};
  return for_each_message(queue, arguments.ids, states, console, [&](const MessageInfo& message) {
    if (message.state == State::claimed && !arguments.force) {
      throw Failure{kExitClaimLost, fmt::format("{} is claimed; to remove it all the same: --force",
                                                message.id.to_string())};
    }
    queue.remove(message, arguments.force);
  });
}

int run(const PauseArguments& arguments, Console& console) {
  open_queue(arguments.queue, console).pause();
  return kExitDone;
}

int run(const ResumeArguments& arguments, Console& console) {
  open_queue(arguments.queue, console).resume();
  return kExitDone;
}

int run(const ReapArguments& arguments, Console& console) {
  Queue queue = open_queue(arguments.queue, console);
  const ReapCounts counts = queue.reap();
  if (arguments.json) {
    console.out.write(reap_document(queue.path(), counts));
  } else {
    console.out.write(fmt::format("returned {}, failed {}, due {}, swept {}, pruned {}\n",
                                  counts.returned, counts.failed, counts.due, counts.swept,
                                  counts.pruned));
  }
  return kExitDone;
}

int run(const VersionArguments& arguments, Console& console) {
  console.out.write(arguments.json ? version_document(SPOOLQ_VERSION)
                                   : std::string{"spoolq " SPOOLQ_VERSION "\n"});
  return kExitDone;
}

int run(const HelpArguments& arguments, Console& console) {
  if (arguments.verb == nullptr) {
    console.out.write(arguments.full ? full_program_help() : short_program_help());
  } else {
    console.out.write(arguments.full ? full_help(*arguments.verb) : short_help(*arguments.verb));
  }
  return kExitDone;
}

}  // namespace spoolq::cli
