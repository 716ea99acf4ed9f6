// export: copies of messages for other programs. The queue stays as it is, unless --move says that
// what has been copied is to be removed.
//
// 1. Copy one message after another. What cannot be read, or has moved on, is reported.
// 2. Make the copies durable.
// 3. With --move: remove the messages that were copied. One that was taken in the meantime is not
//    ours to remove; its copy is taken back where that can be done.
#include "cli/export.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
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

/// A message that was copied, and the file that it was then. Under the name of a file that another
/// program has dropped there may be another one later.
struct Copied {
  MessageInfo message;
  struct stat file{};

  explicit Copied(const MessageInfo& what) : message{what}, file{look()} {}
  [[nodiscard]] bool is_same() const {
    const struct stat now = look();
    return now.st_ino == file.st_ino && now.st_size == file.st_size &&
           now.st_ctim.tv_sec == file.st_ctim.tv_sec && now.st_ctim.tv_nsec == file.st_ctim.tv_nsec;
  }

 private:
  /// All zero when nothing is there.
  [[nodiscard]] struct stat look() const {
    struct stat status{};
    if (::lstat(message.path.c_str(), &status) != 0) return {};
    return status;
  }
};

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
    std::vector<Copied> copied;
    for (const MessageInfo& message : selected) {
      const Copied file{message};
      if (copy(message)) copied.push_back(file);
    }
    target_->finish(arguments_.move);
    if (arguments_.move) remove(copied);
    const bool is_archive_printed = arguments_.format == ExportFormat::tar && !arguments_.output;
    if (!is_archive_printed) console_.out.write(fmt::format("exported {}\n", copied.size()));
    return code_;
  }

 private:
  bool copy(const MessageInfo& message) {
    try {
      if (!queue_.is_complete(message)) {
        report(message, "left out: it is still being written, or has moved on");
        return false;
      }
      target_->add(queue_, message);
      return true;
    } catch (const Error& error) {
      if (error.code() == errc::no_such_message) {
        report(message, "left out: it has moved on");
      } else {
        report(message, describe(error));
        if (code_ == kExitDone) code_ = exit_code_of(error.code());
      }
      return false;
    }
  }

  /// Those that are not there any more leave `copied`.
  void remove(std::vector<Copied>& copied) {
    std::erase_if(copied, [&](const Copied& each) {
      if (remove(each)) return false;
      const bool taken_back = target_->take_back(each.message);
      report(each.message, taken_back ? "left out: it has moved on"
                                      : "it has moved on, and its copy is there as well");
      return taken_back;
    });
    queue_.sync();
  }

  /// False: it has moved on.
  bool remove(const Copied& copied) {
    if (!copied.is_same()) return false;
    try {
      queue_.remove(copied.message, false, Sync::none);
      return true;
    } catch (const Error& error) {
      if (error.code() != errc::no_such_message) throw;
      return false;
    }
  }

  void report(const MessageInfo& message, const std::string& text) {
    console_.complain(fmt::format("{}: {}", message.id.to_string(), text));
  }

  const ExportArguments& arguments_;
  Console& console_;
  Queue queue_;
  std::unique_ptr<ExportTarget> target_;
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
