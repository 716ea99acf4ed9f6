// spoolq put: puts messages into a queue.
//
// --sync=fs, for up to kGroupMax messages at a time:
//   1. Write them all in tmp/.
//   2. syncfs: every payload is on disk before anybody can see it.
//   3. Rename them all into new/.
//   4. syncfs: the names are on disk too. Print the ids.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "cli/args/queue_argument.hpp"
#include "cli/args/usage_error.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output/exit_codes.hpp"
#include "cli/output/signals.hpp"
#include "cli/output/units.hpp"
#include "spoolq/producer.hpp"

namespace spoolq::cli {
namespace {

constexpr std::string_view kAliases[] = {"send"};

constexpr OptionText kOptions[] = {
    {.name = "priority", .value = "N", .help = "0 (served first) to 9; default 5"},
    {.name = "delay", .value = "D", .help = "not before this long from now, such as 10m"},
    {.name = "at", .value = "T", .help = "not before this time: RFC 3339, or +10m"},
    {.name = "ttl", .value = "D", .help = "not delivered later than this after the put"},
    {.name = "key", .value = "KEY", .help = "a key, carried with the message"},
    {.name = "type", .value = "TYPE", .help = "content type"},
    {.name = "name",
     .value = "NAME",
     .help = "original file name; default: FILE without its folder"},
    {.name = "header", .value = "K=V", .help = "a header; may be given again", .repeatable = true},
    {.name = "sync",
     .value = "HOW",
     .help = "durable (default); fs: one sync of the file system for many messages; none"},
    {.name = "each-line", .help = "one message for each line, without its newline"},
    {.name = "each-nul", .help = "one message for each part that ends in a NUL byte"},
};

constexpr Example kExamples[] = {
    {"spoolq put jobs cat.jpg", "the file becomes a message; its id is printed"},
    {"date | spoolq put jobs", "a message from standard input"},
    {"spoolq put jobs --delay 10m --header user=7 cat.jpg", "later, with a header"},
    {"find . -name '*.jpg' -print0 | spoolq put jobs --each-nul", "one message for each name"},
};

constexpr std::string_view kDetails =
    "Without FILE, or where FILE is -, the payload is standard input. Ids are printed one a line,\n"
    "each as soon as its message would survive a power cut. A FILE that cannot be read is\n"
    "reported and the others are put; the exit code is that of the first error.\n"
    "With --each-line an empty line is an empty message, and the last line needs no newline.\n"
    "Header names are of a-z 0-9 . _ -, all headers together at most 2,048 bytes; key, type and "
    "name\n"
    "at most 98 bytes in the file's name. Nothing is deduplicated or ordered by the key. A "
    "message\n"
    "whose time to live is over goes to failed/.\n"
    "--sync=fs puts up to 128 messages between two syncs of the whole file system (syncfs); what\n"
    "standard input is slow to give is not waited for. --sync=none syncs nothing: such messages\n"
    "survive the death of the program, not of the machine.";

enum class Split { none, lines, nuls };

enum class PutSync { durable, file_system, none };

struct PutArguments {
  std::string queue;
  std::vector<std::string> files;  ///< "-" is standard input; empty: only that.
  PutOptions options;              ///< Its `sync` is not used.
  bool named = false;              ///< options.name was given, so it is not taken from the file.
  Split split = Split::none;
  PutSync sync = PutSync::durable;
};

PutArguments parse_put(const Parsed& parsed) {
  PutArguments put;
  put.queue = parsed.queue();
  put.files = parsed.rest();
  PutOptions& options = put.options;
  options.priority = static_cast<int>(parsed.number("priority", 9).value_or(5));
  options.delay = parsed.duration("delay").value_or(Duration{0});
  if (const auto at = parsed.value("at")) {
    if (parsed.value("delay")) parsed.wrong_use("--delay and --at exclude each other");
    options.due = parse_time(*at, now());
    if (!options.due)
      parsed.bad_value("at", *at, "not a time such as 2026-11-23T03:16:21Z or +10m");
  }
  options.time_to_live = parsed.duration("ttl");
  options.key = parsed.value("key").value_or("");
  options.type = parsed.value("type").value_or("");
  put.named = parsed.value("name").has_value();
  options.name = parsed.value("name").value_or("");
  for (const std::string& header : parsed.values("header")) {
    const std::size_t equals = header.find('=');
    if (equals == std::string::npos || equals == 0) {
      parsed.bad_value("header", header, "not NAME=VALUE");
    }
    options.headers[header.substr(0, equals)] = header.substr(equals + 1);
  }
  if (parsed.flag("each-line") && parsed.flag("each-nul")) {
    parsed.wrong_use("--each-line and --each-nul exclude each other");
  }
  if (parsed.flag("each-line")) put.split = Split::lines;
  if (parsed.flag("each-nul")) put.split = Split::nuls;
  put.sync = std::array{PutSync::durable, PutSync::file_system,
                        PutSync::none}[parsed.choice("sync", {"durable", "fs", "none"})];
  return put;
}

/// Messages between two syncs of the file system, as far as descriptors allow: each open draft
/// holds one.
constexpr std::size_t kGroupMax = 128;
/// What has been put is not kept waiting longer than this for slow input.
constexpr int kIdleMilliseconds = 100;
constexpr std::size_t kBufferSize = std::size_t{64} * 1024;

std::size_t group_max() {
  struct rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
  return std::clamp<std::size_t>(limit.rlim_cur / 4, 1, kGroupMax);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_{fd} {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

/// A source that cannot be read. The others still can.
class SourceFailure : public Failure {
 public:
  using Failure::Failure;
};

SourceFailure source_failure(int error, const std::string& source) {
  const std::error_code code{error, std::generic_category()};
  ExitCode exit_code = exit_code_of(code);
  if (error == ENOENT || error == ENOTDIR || error == EISDIR || error == ENAMETOOLONG ||
      error == ELOOP) {
    exit_code = kExitNotFound;
  }
  return SourceFailure{exit_code, fmt::format("{}: {}", shown_path(source), code.message())};
}

/// Publishes drafts and prints each id as soon as its message is as durable as was asked for.
class Publisher {
 public:
  Publisher(const PutArguments& arguments, Console& console)
      : arguments_{arguments},
        console_{console},
        queue_{open_queue(arguments.queue, console)},
        // Opened before anything is written: syncfs reports the errors since then.
        directory_{arguments.sync == PutSync::file_system
                       ? ::open(queue_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                       : -1},
        producer_{queue_} {
    if (arguments.sync == PutSync::file_system && directory_.get() < 0) {
      throw system_failure(errno, "open", queue_.path());
    }
  }

  [[nodiscard]] Draft draft(const std::string& file_name,
                            std::optional<std::uint64_t> size = std::nullopt) {
    PutOptions options = arguments_.options;
    options.sync = arguments_.sync == PutSync::durable ? Sync::durable : Sync::none;
    if (!arguments_.named) options.name = file_name;
    return producer_.draft(options, size);
  }

  void publish(Draft draft) {
    if (arguments_.sync == PutSync::file_system) {
      group_.push_back(std::move(draft));
      if (group_.size() >= group_max_) flush();
      return;
    }
    print(commit(draft));
    console_.out.flush();
  }

  /// Whether messages wait for a sync.
  [[nodiscard]] bool waits() const { return !group_.empty(); }

  /// Publishes the messages that wait for a sync.
  void flush() {
    std::vector<Draft> group = std::exchange(group_, {});
    if (group.empty()) return;
    if (::syncfs(directory_.get()) != 0) throw system_failure(errno, "syncfs", queue_.path());
    std::vector<MessageId> ids;
    std::exception_ptr failure;
    for (Draft& draft : group) {
      try {
        ids.push_back(commit(draft));
      } catch (const Error&) {
        failure = std::current_exception();
        break;  // Those before it are visible and must still be synced.
      }
    }
    if (::syncfs(directory_.get()) != 0) {
      const int error = errno;
      for (const MessageId& id : ids) complain_indeterminate(id);
      throw Failure{kExitIndeterminate, system_failure(error, "syncfs", queue_.path()).what()};
    }
    for (const MessageId& id : ids) print(id);
    console_.out.flush();
    if (failure) std::rethrow_exception(failure);
  }

 private:
  MessageId commit(Draft& draft) {
    const MessageId id = draft.id();
    try {
      return draft.commit();
    } catch (const Error& error) {
      if (error.code() == errc::indeterminate) complain_indeterminate(id);
      throw;
    }
  }

  void complain_indeterminate(const MessageId& id) const {
    console_.complain(
        fmt::format("{} is visible, but may not survive a power cut", id.to_string()));
  }

  void print(const MessageId& id) { console_.out.write(id.to_string() + "\n"); }

  const PutArguments& arguments_;
  Console& console_;
  Queue queue_;
  Descriptor directory_;
  Producer producer_;
  std::size_t group_max_ = group_max();
  std::vector<Draft> group_;
};

/// One FILE, or standard input.
class Source {
 public:
  Source(std::string name, Publisher& publisher)
      : name_{std::move(name)}, publisher_{publisher}, file_{open(name_)} {
    struct stat status{};
    if (::fstat(file_.get(), &status) == 0 && S_ISDIR(status.st_mode)) {
      throw source_failure(EISDIR, shown());
    }
    // Standard input may have been read in part.
    if (!is_input() && S_ISREG(status.st_mode)) size_ = static_cast<std::uint64_t>(status.st_size);
  }

  /// Of a regular file, as it is now.
  [[nodiscard]] std::optional<std::uint64_t> size() const { return size_; }

  /// What the message is called: the file's name without its folder.
  [[nodiscard]] std::string message_name() const {
    if (is_input()) return {};
    return name_.substr(name_.rfind('/') + 1);
  }

  /// The next bytes; none at the end.
  std::string_view read() {
    if (publisher_.waits() && !wait_for_input(file_.get(), kIdleMilliseconds)) publisher_.flush();
    while (true) {
      // When a signal ends the wait, the draft in hand removes its file.
      wait_for_input(file_.get(), -1);
      const ssize_t count = ::read(file_.get(), buffer_.data(), buffer_.size());
      if (count >= 0) return {buffer_.data(), static_cast<std::size_t>(count)};
      // Whoever started us made the pipe so that it does not block, and another reader was first.
      if (errno != EINTR && errno != EAGAIN) throw source_failure(errno, shown());
    }
  }

  /// What it is called in words.
  [[nodiscard]] std::string shown() const { return is_input() ? "standard input" : name_; }

 private:
  [[nodiscard]] bool is_input() const { return name_ == "-"; }

  static int open(const std::string& name) {
    if (name == "-") return STDIN_FILENO;
    const int fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0) return fd;
    const int error = errno;
    if (error != ENOENT || name.find('/') != std::string::npos) throw source_failure(error, name);
    const SourceFailure failure = source_failure(error, name);
    throw SourceFailure{failure.code(),
                        fmt::format("{}. A message itself goes to standard input", failure.what())};
  }

  std::string name_;
  Publisher& publisher_;
  Descriptor file_;
  std::optional<std::uint64_t> size_;
  std::vector<char> buffer_ = std::vector<char>(kBufferSize);
};

void put_whole(Source& source, Publisher& publisher) {
  Draft draft = publisher.draft(source.message_name(), source.size());
  for (std::string_view bytes = source.read(); !bytes.empty(); bytes = source.read()) {
    draft.write(bytes);
  }
  publisher.publish(std::move(draft));
}

/// Says what is wrong with one message; the others go on.
using Report = std::function<void(const std::string& text, ExitCode code)>;

/// Puts one message for each part that ends in `end`; the last part needs no end. A part that is
/// too large is reported and the others are put.
class Parts {
 public:
  Parts(Source& source, Publisher& publisher, char end, const Report& report)
      : source_{source}, publisher_{publisher}, end_{end}, report_{report} {}

  void put() {
    for (std::string_view bytes = source_.read(); !bytes.empty(); bytes = source_.read()) {
      while (!bytes.empty()) {
        const std::size_t length = bytes.find(end_);
        append(bytes.substr(0, length));
        if (length == std::string_view::npos) break;
        bytes.remove_prefix(length + 1);
        finish();
      }
    }
    if (begun_) finish();
  }

 private:
  void append(std::string_view bytes) {
    begun_ = true;
    if (refused_) return;
    try {
      if (!draft_) draft_ = publisher_.draft(source_.message_name());
      draft_->write(bytes);
    } catch (const Error& error) {
      if (error.code() != errc::too_large) throw;
      draft_.reset();
      refused_ = true;
      report_(fmt::format("{}, {} {}: {}", shown_path(source_.shown()),
                          end_ == '\n' ? "line" : "part", number_, describe(error)),
              kExitBadValue);
    }
  }
  void finish() {
    if (draft_) publisher_.publish(*std::exchange(draft_, std::nullopt));
    begun_ = refused_ = false;
    ++number_;
  }

  Source& source_;
  Publisher& publisher_;
  char end_;
  const Report& report_;
  std::optional<Draft> draft_;
  bool begun_ = false;    ///< A part has begun, with however few bytes.
  bool refused_ = false;  ///< It was too large; its rest is passed over.
  std::size_t number_ = 1;
};

void put_source(Source& source, Publisher& publisher, Split split, const Report& report) {
  switch (split) {
    case Split::none:
      return put_whole(source, publisher);
    case Split::lines:
      return Parts{source, publisher, '\n', report}.put();
    case Split::nuls:
      return Parts{source, publisher, '\0', report}.put();
  }
}

int run(const Parsed& parsed, Console& console) {
  const PutArguments arguments = parse_put(parsed);
  std::vector<std::string> names = arguments.files;
  if (names.empty()) {
    if (::isatty(STDIN_FILENO) == 1) {
      throw UsageError{"put: standard input is a terminal; name a file, or - to type the message",
                       &kPutCommand.text, true};
    }
    names.emplace_back("-");
  }
  console.out.check();
  const StopOnSignals stop_on_signals;
  Publisher publisher{arguments, console};
  int code = kExitDone;
  const Report report = [&](const std::string& text, ExitCode its_code) {
    console.complain(text);
    if (code == kExitDone) code = its_code;
  };
  try {
    for (const std::string& name : names) {
      try {
        Source source{name, publisher};
        put_source(source, publisher, arguments.split, report);
      } catch (const SourceFailure& failure) {
        report(failure.what(), failure.code());
      } catch (const Error& error) {
        // Too large is this file; anything else would meet the next one too.
        if (error.code() != errc::too_large) throw;
        const std::string source = name == "-" ? "standard input" : escape(name);
        report(fmt::format("{}: {}", source, describe(error)), kExitBadValue);
      }
    }
    publisher.flush();
  } catch (const Error& error) {
    report(describe(error), exit_code_of(error.code()));
  }
  return code;
}

}  // namespace

const Command kPutCommand{.text = {.name = "put",
                                   .aliases = kAliases,
                                   .group = Group::send,
                                   .summary = "put messages into a queue",
                                   .usage = "Q [FILE...|-]",
                                   .arguments_min = 1,
                                   .arguments_max = kUnlimited,
                                   .options = kOptions,
                                   .examples = kExamples,
                                   .details = kDetails},
                          .run = run};

}  // namespace spoolq::cli
