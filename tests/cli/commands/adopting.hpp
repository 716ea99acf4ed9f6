// A folder that is adopted into a queue, those who write there, and those who take.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {

/// Payloads, or verdicts, by name.
using Messages = std::map<std::string, std::string>;

/// A queue, and a folder on the same file system.
class Inbox {
 public:
  Inbox() {
    run_well({"init", queue()});
    std::filesystem::create_directory(folder());
  }

  [[nodiscard]] std::string queue() const { return scratch_ / "q"; }
  [[nodiscard]] std::string folder() const { return scratch_ / "in"; }
  [[nodiscard]] std::string operator/(const std::string& name) const {
    return folder() + "/" + name;
  }
  [[nodiscard]] std::string outside(const std::string& name) const { return scratch_ / name; }
  /// A file that nobody has touched for long.
  void drop_old(const std::string& name, const std::string& content) const {
    write_file(*this / name, content);
  }
  void drop_by_rename(const std::string& name, const std::string& content) const {
    write_file(outside(name), content);
    std::filesystem::rename(outside(name), *this / name);
  }
  [[nodiscard]] std::vector<std::string> left() const { return names_in(folder()); }

  [[nodiscard]] std::vector<std::string> arguments(const std::vector<std::string>& options) const {
    std::vector<std::string> all = {"adopt", folder(), queue()};
    all.insert(all.end(), options.begin(), options.end());
    return all;
  }
  [[nodiscard]] Outcome adopt(const std::vector<std::string>& options = {}) const {
    return run(arguments(options));
  }
  /// The verdict on each file, with its reason.
  [[nodiscard]] Messages verdicts(std::vector<std::string> options = {}) const {
    options.emplace_back("--dry-run");
    Messages verdicts;
    for (const std::string& line : lines_of(run_well(arguments(options)))) {
      const std::size_t first = line.find('\t');
      const std::size_t second = line.find('\t', first + 1);
      verdicts[line.substr(first + 1, second - first - 1)] =
          line.substr(0, first) + ": " + line.substr(second + 1);
    }
    return verdicts;
  }
  /// Takes all messages: payloads by name.
  [[nodiscard]] Messages drain() const {
    const std::string target = outside("out");
    std::filesystem::create_directory(target);
    run({"take", queue(), "-n0", "-o", target, "--name-as={name}"});
    Messages messages;
    for (const std::string& name : names_in(target))
      messages[name] = read_file(target + "/" + name);
    std::filesystem::remove_all(target);
    return messages;
  }
  [[nodiscard]] std::size_t ready() const { return names_in(queue() + "/new").size(); }

 private:
  Scratch scratch_;
};

/// A file that is open for writing, as its writer has it.
class Writer {
 public:
  explicit Writer(const std::string& path)
      : fd_{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)} {
    REQUIRE(fd_ >= 0);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { close(); }
  void write(const std::string& bytes) const {
    REQUIRE(::write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

/// `adopt --follow`, which has begun to watch.
class Follower {
 public:
  Follower(const Inbox& inbox, std::vector<std::string> options, bool polls = false)
      : running_{Invocation{.arguments = inbox.arguments(with_follow(std::move(options))),
                            .environment = environment(polls)}} {
    if (!polls) REQUIRE(eventually([this] { return running_.sleeps(); }));
  }
  /// The name of the next file that it has taken.
  std::string next() {
    const std::string line = running_.read_line();
    const std::size_t tab = line.find('\t');
    return tab == std::string::npos ? line : line.substr(tab + 1, line.size() - tab - 2);
  }
  Outcome stop(int signal = SIGTERM) {
    running_.signal(signal);
    return running_.wait();
  }
  Outcome wait() { return running_.wait(); }

 private:
  static std::vector<std::string> with_follow(std::vector<std::string> options) {
    options.emplace_back("--follow");
    return options;
  }
  static std::map<std::string, std::string> environment(bool polls) {
    if (!polls) return {};
    return {{"SPOOLQ_POLL", "1"}};
  }

  Running running_;
};

}  // namespace spoolq::test
