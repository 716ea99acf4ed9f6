// export: copies of messages for other programs. The queue stays as it is, unless --move says that
// what has been copied is to be removed.
//
// 1. Copy one message after another. With --move each is claimed first, so that no other program
//    takes it meanwhile. What cannot be read, or has moved on, is reported.
// 2. Make the copies durable.
// 3. With --move: remove the messages that were copied. If the export ends before, they go back to
//    where they were.
#include "cli/export.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/queue_argument.hpp"
#include "cli/usage_error.hpp"

namespace spoolq::cli {
namespace {

/// An archive behind another one is not read by who does not ask for it.
bool is_empty_regular_file(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0;
}

/// Throws UsageError for an archive that nobody would want where it goes.
void require_usable_output(const ExportArguments& arguments, const Console& console) {
  if (arguments.format != ExportFormat::tar || arguments.output) return;
  if (console.terminal) {
    throw UsageError{"export: an archive is not for a terminal; -o FILE", find_verb("export")};
  }
  if (arguments.move && !is_empty_regular_file(STDOUT_FILENO)) {
    throw UsageError{
        "export: --move removes what is safe on disk, which only an empty file can promise; -o "
        "FILE",
        find_verb("export")};
  }
  console.out.check();
}

std::unique_ptr<ExportTarget> make_target(const ExportArguments& arguments, Console& console) {
  if (arguments.format == ExportFormat::maildir) return export_to_maildir(*arguments.directory);
  return arguments.output ? export_to_tar_file(*arguments.output) : export_to_tar(console.out);
}

/// One run of the verb.
class Export {
 public:
  Export(const ExportArguments& arguments, Console& console)
      : arguments_{arguments}, console_{console}, queue_{open_queue(arguments.queue, console)} {
    if (arguments.move) require_takeable(queue_);
    require_usable_output(arguments, console);
  }

  int run() {
    const std::vector<MessageInfo> selected = select(queue_, arguments_.selection);
    if (selected.empty()) {
      console_.complain("no such messages");
      return kExitNo;
    }
    target_ = make_target(arguments_, console_);
    for (const MessageInfo& message : selected) copy(message);
    target_->finish(arguments_.move);
    if (arguments_.move) remove();
    const bool is_archive_printed = arguments_.format == ExportFormat::tar && !arguments_.output;
    if (!is_archive_printed) console_.out.write(fmt::format("exported {}\n", copied_));
    return code_;
  }

 private:
  void copy(const MessageInfo& message) {
    try {
      if (!queue_.is_complete(message)) {
        report(message, "left out: it is still being written, or has moved on");
        return;
      }
      if (arguments_.move) {
        MoveOut claimed = queue_.move_out(message);
        target_->add(queue_, message, claimed.info());
        claimed_.push_back(std::move(claimed));
      } else {
        target_->add(queue_, message, message);
      }
      ++copied_;
    } catch (const Error& error) {
      if (error.code() == errc::no_such_message) {
        report(message, "left out: it has moved on");
      } else if (error.code() == std::errc::resource_unavailable_try_again) {
        report(message, "left out: it is still being written");
      } else {
        report(message, describe(error));
        if (code_ == kExitDone) code_ = exit_code_of(error.code());
      }
    }
  }

  void remove() {
    for (MoveOut& claimed : claimed_) {
      try {
        claimed.remove(Sync::none);
      } catch (const Error& error) {
        if (error.code() != errc::claim_lost) throw;
        report(claimed.info(), "it has moved on, and its copy is there as well");
        if (code_ == kExitDone) code_ = exit_code_of(error.code());
      }
    }
    queue_.sync();
  }

  void report(const MessageInfo& message, const std::string& text) {
    console_.complain(fmt::format("{}: {}", message.id.to_string(), text));
  }

  const ExportArguments& arguments_;
  Console& console_;
  Queue queue_;
  std::unique_ptr<ExportTarget> target_;
  std::vector<MoveOut> claimed_;  ///< With --move: what was copied, until it is removed.
  std::size_t copied_ = 0;
  int code_ = kExitDone;
};

}  // namespace

void throw_export_failure(int error, const std::string& path) {
  const std::error_code code{error, std::generic_category()};
  ExitCode exit_code = kExitInputOutput;
  if (error == EACCES || error == EPERM || error == EROFS) exit_code = kExitPermission;
  if (error == ENOENT || error == ENOTDIR || error == EEXIST || error == ENAMETOOLONG ||
      error == ELOOP) {
    exit_code = kExitCannotCreate;
  }
  throw Failure{exit_code, fmt::format("export: {}: {}", shown_path(path), code.message())};
}

int run(const ExportArguments& arguments, Console& console) {
  return Export{arguments, console}.run();
}

}  // namespace spoolq::cli
