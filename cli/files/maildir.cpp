// Copies of messages in a Maildir (maildir(5)), for mail readers and other programs.
//
// 1. Write the copy in tmp/, give it the time of put, sync it.
// 2. Rename it into new/ under a name that is made from the message's id. Where there is one of
// that
//    name with the same content, in new/ or in cur/, it is the same message, exported before: it
//    stands for the new one. Another content under that name is another message; the name gets _1,
//    _2, ...
// 3. In the end sync the folders.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <map>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include "cli/files/export_target.hpp"
#include "cli/files/file.hpp"
#include "cli/files/sync_directory.hpp"
#include "cli/output/exit_codes.hpp"
#include "spoolq/fmt.hpp"

namespace spoolq::cli {
namespace {

constexpr std::size_t kBufferSize = std::size_t{64} * 1024;
constexpr mode_t kMode = 0700;

std::string parent_of(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

File open_folder(const std::string& path) {
  File folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder) throw_export_failure(errno, path);
  return folder;
}

void sync(const File& folder, const std::string& path) {
  if (!sync_directory(folder.get())) throw_export_failure(errno, path);
}

/// Makes a folder unless it is there, durable.
File make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), kMode) == 0) {
    sync(open_folder(parent_of(path)), parent_of(path));
  } else if (errno != EEXIST) {
    throw_export_failure(errno, path);
  }
  return open_folder(path);
}

/// Fills `buffer` as far as the file goes.
std::size_t read_full(const File& file, std::vector<char>& buffer, const std::string& path) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t count = ::read(file.get(), buffer.data() + filled, buffer.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_export_failure(errno, path);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  return filled;
}

class Maildir final : public ExportTarget {
 public:
  explicit Maildir(const std::string& path)
      : path_{path},
        root_{make_folder(path)},
        tmp_{make_folder(path + "/tmp")},
        new_{make_folder(path + "/new")},
        cur_{make_folder(path + "/cur")} {
    look();
  }

  void add(const Queue& queue, const MessageInfo& message, const MessageInfo& source) override {
    const std::string temporary =
        name_of(message, fmt::format("_{}_{:08x}", ::getpid(), std::random_device{}()));
    try {
      write(queue, message, source, temporary);
      publish(message, temporary);
    } catch (...) {
      ::unlinkat(tmp_.get(), temporary.c_str(), 0);
      throw;
    }
  }

  void finish(bool /*durable*/) override {
    sync(new_, path_ + "/new");
    sync(cur_, path_ + "/cur");
    sync(root_, path_);
  }

 private:
  /// SECONDS.UNIQUE.HOST; the host is always the same, so that the message is found again from
  /// everywhere.
  static std::string name_of(const MessageInfo& message, const std::string& more) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(message.enqueued());
    return fmt::format("{}.{}{}.spoolq", seconds.time_since_epoch().count(), message.id, more);
  }

  void write(const Queue& queue, const MessageInfo& message, const MessageInfo& source,
             const std::string& name) const {
    const std::string path = path_ + "/tmp/" + name;
    const File file{::openat(tmp_.get(), name.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file) throw_export_failure(errno, path);
    queue.read_payload(source, [&](std::string_view bytes) {
      while (!bytes.empty()) {
        const ssize_t count = ::write(file.get(), bytes.data(), bytes.size());
        if (count < 0 && errno != EINTR) throw_export_failure(errno, path);
        if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
      }
    });
    const auto put = message.enqueued().time_since_epoch().count();
    const struct timespec time{.tv_sec = put / 1000, .tv_nsec = put % 1000 * 1'000'000};
    const std::array<struct timespec, 2> times{time, time};
    if (::futimens(file.get(), times.data()) != 0) throw_export_failure(errno, path);
    if (::fsync(file.get()) != 0) throw_export_failure(errno, path);
  }

  void publish(const MessageInfo& message, const std::string& temporary) {
    for (int number = 0;; ++number) {
      const std::string name = name_of(message, number == 0 ? "" : fmt::format("_{}", number));
      if (is_there(name, temporary)) {
        ::unlinkat(tmp_.get(), temporary.c_str(), 0);
        return;
      }
      if (there_.contains(name)) continue;
      if (rename(temporary, name)) {
        there_[name] = name;
        return;
      }
    }
  }

  /// False: there is a file of that name.
  [[nodiscard]] bool rename(const std::string& temporary, const std::string& name) {
    if (::renameat2(tmp_.get(), temporary.c_str(), new_.get(), name.c_str(), RENAME_NOREPLACE) ==
        0) {
      return true;
    }
    // No such rename on this file system; a link does not overwrite either.
    if ((errno == EINVAL || errno == ENOSYS) &&
        ::linkat(tmp_.get(), temporary.c_str(), new_.get(), name.c_str(), 0) == 0) {
      return ::unlinkat(tmp_.get(), temporary.c_str(), 0) == 0;
    }
    if (errno != EEXIST) throw_export_failure(errno, path_ + "/new/" + name);
    look();
    return false;
  }

  /// Notes what is in new/ and cur/: by the names without the flags that a mail reader has added.
  void look() {
    there_.clear();
    for (const File* folder : {&new_, &cur_}) {
      const int fd = ::openat(folder->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      DIR* const entries = fd < 0 ? nullptr : ::fdopendir(fd);
      if (entries == nullptr) throw_export_failure(errno, path_);
      while (const struct dirent* const entry = ::readdir(entries)) {
        const std::string_view name{entry->d_name};
        there_[std::string{name.substr(0, name.find(':'))}] = name;
      }
      ::closedir(entries);
    }
  }

  /// Whether the Maildir has this content under the name; it is on disk then.
  bool is_there(const std::string& name, const std::string& temporary) {
    File there = open_copy(name);
    // A mail reader may have moved it since.
    if (!there && there_.contains(name)) {
      look();
      there = open_copy(name);
    }
    if (!there) return false;
    const File ours{::openat(tmp_.get(), temporary.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    if (!ours) throw_export_failure(errno, path_ + "/tmp/" + temporary);
    std::vector<char> left(kBufferSize);
    std::vector<char> right(kBufferSize);
    while (true) {
      const std::size_t count = read_full(there, left, name);
      if (count != read_full(ours, right, temporary)) return false;
      if (std::string_view{left.data(), count} != std::string_view{right.data(), count}) {
        return false;
      }
      if (count < kBufferSize) break;
    }
    sync(there, path_ + "/" + name);
    return true;
  }

  [[nodiscard]] File open_copy(const std::string& name) const {
    const auto found = there_.find(name);
    if (found == there_.end()) return {};
    constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    File copy{::openat(new_.get(), found->second.c_str(), kFlags)};
    return copy ? std::move(copy) : File{::openat(cur_.get(), found->second.c_str(), kFlags)};
  }

  std::string path_;
  File root_;
  File tmp_;
  File new_;
  File cur_;
  std::map<std::string, std::string> there_;  ///< Names without flags, and as they are.
};

}  // namespace

std::unique_ptr<ExportTarget> export_to_maildir(const std::string& directory) {
  if (::access((directory + "/spoolq.json").c_str(), F_OK) == 0) {
    throw Failure{
        kExitCannotCreate,
        fmt::format("export: {} is a queue; into another one: spoolq mv", shown_path(directory))};
  }
  return std::make_unique<Maildir>(directory);
}

}  // namespace spoolq::cli
