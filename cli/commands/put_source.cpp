// Reading sources, whole or in parts.
#include "cli/commands/put_source.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/output/signals.hpp"

namespace spoolq::cli {
namespace {

/// What has been put is not kept waiting longer than this for slow input.
constexpr int kIdleMilliseconds = 100;

/// One FILE, or standard input.
class Source {
 public:
  Source(std::string name, Publisher& publisher)
      : name_{std::move(name)}, publisher_{publisher}, file_{open(name_)} {
    struct stat status{};
    if (::fstat(descriptor(), &status) == 0 && S_ISDIR(status.st_mode)) {
      throw SourceFailure{input_failure(EISDIR, shown())};
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
    if (publisher_.waits() && !wait_for_input(descriptor(), kIdleMilliseconds)) publisher_.flush();
    while (true) {
      // When a signal ends the wait, the draft in hand removes its file.
      wait_for_input(descriptor(), -1);
      const ssize_t count = ::read(descriptor(), buffer_.data(), buffer_.size());
      if (count >= 0) return {buffer_.data(), static_cast<std::size_t>(count)};
      // The parent process made the pipe so that it does not block, and another reader was first.
      if (errno != EINTR && errno != EAGAIN) throw SourceFailure{input_failure(errno, shown())};
    }
  }

  /// What it is called in words.
  [[nodiscard]] std::string shown() const { return is_input() ? "standard input" : name_; }

 private:
  [[nodiscard]] int descriptor() const { return is_input() ? STDIN_FILENO : file_.get(); }
  [[nodiscard]] bool is_input() const { return name_ == "-"; }

  static File open(const std::string& name) {
    if (name == "-") return {};
    File file{::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (file) return file;
    const int error = errno;
    const Failure failure = input_failure(error, name);
    if (error != ENOENT || name.find('/') != std::string::npos) throw SourceFailure{failure};
    throw SourceFailure{{failure.code(), fmt::format("{}. A message itself goes to standard input",
                                                     failure.what())}};
  }

  std::string name_;
  Publisher& publisher_;
  File file_;  ///< Empty for standard input.
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

/// Puts one message for each part that ends in `end`; the last part needs no end. A part that is
/// too large is reported and the others are put.
class Parts {
 public:
  Parts(Source& source, Publisher& publisher, char end, ErrorReport& errors)
      : source_{source}, publisher_{publisher}, end_{end}, errors_{errors} {}

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
      errors_.add(fmt::format("{}, {} {}: {}", shown_path(source_.shown()),
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
  ErrorReport& errors_;
  std::optional<Draft> draft_;
  bool begun_ = false;    ///< A part has begun, with however few bytes.
  bool refused_ = false;  ///< It was too large; its rest is passed over.
  std::size_t number_ = 1;
};

}  // namespace

void put_source(const std::string& name, Publisher& publisher, std::optional<char> end_of_part,
                ErrorReport& errors) {
  Source source{name, publisher};
  if (!end_of_part) return put_whole(source, publisher);
  Parts{source, publisher, *end_of_part, errors}.put();
}

}  // namespace spoolq::cli
