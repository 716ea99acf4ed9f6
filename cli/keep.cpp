// init, config, pause, resume, reap, and what tells about the program: version, help.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "cli/commands.hpp"
#include "cli/documents.hpp"
#include "cli/exit_codes.hpp"
#include "cli/help.hpp"
#include "cli/queue_argument.hpp"

namespace spoolq::cli {
namespace {

/// Throws Failure where no folder is.
void require_folder(const std::string& inbox) {
  struct stat status{};
  if (::stat(inbox.c_str(), &status) == 0 || errno != ENOENT) return;
  throw Failure{kExitNotFound, fmt::format("init: no folder at {}. Make it: mkdir {}",
                                           escape(inbox), shell_quote(inbox))};
}

}  // namespace

int run(const InitArguments& arguments, Console& console) {
  const std::string path = queue_path(arguments.queue, true);
  if (arguments.inbox) require_folder(*arguments.inbox);
  try {
    if (arguments.inbox) {
      Queue::init_with_inbox(path, *arguments.inbox, arguments.settings, log_handler(console));
    } else {
      Queue::init(path, arguments.settings, log_handler(console));
    }
  } catch (const Error& error) {
    ExitCode code = exit_code_of(error.code());
    const bool impossible = error.code() == std::errc::not_a_directory ||
                            error.code() == std::errc::file_exists ||
                            error.code() == std::errc::directory_not_empty ||
                            error.code() == std::errc::no_such_file_or_directory ||
                            error.code() == std::errc::cross_device_link ||
                            error.code() == std::errc::filename_too_long ||
                            error.code() == std::errc::too_many_symbolic_link_levels ||
                            error.code() == errc::not_a_queue || error.code() == errc::bad_value;
    if (impossible) code = kExitCannotCreate;
    throw Failure{code, describe(error)};
  }
  return kExitDone;
}

int run(const ConfigArguments& arguments, Console& console) {
  Queue queue = open_queue(arguments.queue, console);
  if (!arguments.settings.empty()) queue.configure(arguments.settings);
  const std::vector<SettingChange> settings = queue.settings();
  if (arguments.json) {
    console.out.write(settings_document(queue.path(), settings));
    return kExitDone;
  }
  if (arguments.names.empty() && arguments.settings.empty()) {
    for (const auto& [name, value] : settings) {
      console.out.write(fmt::format("{}={}\n", escape(name), escape(value)));
    }
  }
  for (const std::string& wanted : arguments.names) {
    const auto found = std::ranges::find(settings, wanted, &SettingChange::first);
    if (found == settings.end()) {
      throw Failure{kExitSettings, fmt::format("config: no setting '{}'; `spoolq config {}` prints "
                                               "all of them",
                                               escape(wanted), shell_quote(arguments.queue))};
    }
    console.out.write(escape(found->second) + "\n");
  }
  return kExitDone;
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
