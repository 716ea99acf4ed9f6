// spoolq init: makes a queue.
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "cli/commands/commands.hpp"
#include "cli/commands/settings.hpp"

namespace spoolq::cli {
namespace {

/// Throws Failure where no folder is.
void require_inbox(const std::string& inbox) {
  struct stat status{};
  if (::stat(inbox.c_str(), &status) == 0 || errno != ENOENT) return;
  throw Failure{kExitNotFound, fmt::format("init: no folder at {}. Make it: mkdir {}",
                                           escape(inbox), shell_quote(inbox))};
}

}  // namespace

int init_command(Command& command, Console& console) {
  std::optional<std::string> inbox;
  command.describe("init", "make a queue", "Q [k=v...]", 1, kUnlimited);
  command.elsewhere = {"create", "new"};
  command.text("--inbox", inbox, "DIR",
               "the folder DIR, into which other programs drop files, is new/ of the queue");
  command.example("spoolq init jobs", "make a queue in the folder jobs");
  command.example("spoolq init jobs max_attempts=3 keep_done=7d", "and set two of its settings");
  command.example("spoolq init jobs --inbox inbox",
                  "a queue of the files that are dropped into inbox");
  command.details =
      R"(Doing it again changes nothing, and completes a queue whose making was interrupted. A Maildir
becomes a queue this way; nothing in it is touched. With SPOOLQ_ROOT set, a bare word that is
no path here is made under it. `spoolq config Q` lists the settings.

With --inbox the programs that drop files into DIR go on as they are: Q/new is a link to it.
Each file there is a message once it is complete: at once when it came by rename or link, else
when nobody writes to it and it was left alone for `settle`. Names that begin with a dot or end
in .tmp, .part, .crdownload or ~ are left alone, folders too. What is given back appears in DIR
under a name of spoolq's. DIR must exist, be on the file system of Q (Q may be DIR/.spoolq), and
keeps its owner and mode.)";
  if (!command.parse(console)) return kExitDone;
  require_queue(command);
  std::vector<SettingChange> settings;
  for (const std::string& word : command.rest()) settings.push_back(parse_setting(command, word));
  const std::string path = queue_path(command.queue(), true);
  if (inbox) require_inbox(*inbox);
  try {
    if (inbox) {
      Queue::init_with_inbox(path, *inbox, settings, log_handler(console));
    } else {
      Queue::init(path, settings, log_handler(console));
    }
  } catch (const Error& error) {
    ExitCode code = exit_code_of(error.code());
    const bool impossible = leads_nowhere(error.code()) || error.code() == std::errc::file_exists ||
                            error.code() == std::errc::directory_not_empty ||
                            error.code() == std::errc::cross_device_link ||
                            error.code() == errc::not_a_queue || error.code() == errc::bad_value;
    if (impossible) code = kExitCannotCreate;
    throw Failure{code, describe(error)};
  }
  return kExitDone;
}

}  // namespace spoolq::cli
