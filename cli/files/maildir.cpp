// Copies of messages in a Maildir (maildir(5)), for mail readers and other programs.
//
// 1. Write the copy in tmp/, give it the time of put, sync it.
// 2. Rename it into new/ under a name that is made from the message's id. Where there is one of
//    that name with the same content, in new/ or in cur/, it is the same message, exported before:
//    it stands for the new one. Another content under that name is another message; the name gets
//    _1, _2, ...
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
#include <random>
#include <string_view>

#include "cli/files/export_target.hpp"
#include "cli/files/new_file.hpp"
#include "cli/output/exit_codes.hpp"
#include "cli/output/units.hpp"
#include "spoolq/fmt.hpp"

namespace spoolq::cli {
namespace {

constexpr mode_t kMode = 0700;

std::string parent_of(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

File require_folder(const std::string& path) {
  File folder = open_folder(path);
  if (!folder) throw export_failure(errno, path);
  return folder;
}

void sync(const File& folder, const std::string& path) {
  if (!sync_folder(folder)) throw export_failure(errno, path);
}

/// Makes a folder unless it is there, durable.
File make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), kMode) == 0) {
    sync(require_folder(parent_of(path)), parent_of(path));
  } else if (errno != EEXIST) {
    throw export_failure(errno, path);
  }
  return require_folder(path);
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
    NewFile copy{tmp_,
                 name_of(message, fmt::format("_{}_{:08x}", ::getpid(), std::random_device{}())),
                 0600};
    write(queue, message, source, copy);
    publish(message, copy);
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
             NewFile& copy) const {
    const std::string path = path_ + "/tmp/" + copy.name();
    if (!copy) throw export_failure(errno, path);
    queue.read_payload(source, [&](std::string_view bytes) {
      if (!copy.write(bytes)) throw export_failure(errno, path);
    });
    const timespec time = to_timespec(message.enqueued());
    const std::array<timespec, 2> times{time, time};
    if (::futimens(copy.get(), times.data()) != 0 || !copy.sync()) {
      throw export_failure(errno, path);
    }
  }

  void publish(const MessageInfo& message, NewFile& copy) {
    for (int number = 0;; ++number) {
      const std::string name = name_of(message, number == 0 ? "" : fmt::format("_{}", number));
      if (is_there(name, copy)) return;
      if (there_.contains(name)) continue;
      if (copy.rename(new_, name)) {
        there_[name] = name;
        return;
      }
      if (errno != EEXIST) throw export_failure(errno, path_ + "/new/" + name);
      look();
    }
  }

  /// Notes what is in new/ and cur/: by the names without the flags that a mail reader has added.
  void look() {
    there_.clear();
    for (const File* folder : {&new_, &cur_}) {
      const int fd = ::openat(folder->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      DIR* const entries = fd < 0 ? nullptr : ::fdopendir(fd);
      if (entries == nullptr) throw export_failure(errno, path_);
      while (const struct dirent* const entry = ::readdir(entries)) {
        const std::string_view name{entry->d_name};
        there_[std::string{name.substr(0, name.find(':'))}] = name;
      }
      ::closedir(entries);
    }
  }

  /// Whether the Maildir has this content under the name; it is on disk then.
  bool is_there(const std::string& name, const NewFile& copy) {
    File there = open_copy(name);
    // A mail reader may have moved it since.
    if (!there && there_.contains(name)) {
      look();
      there = open_copy(name);
    }
    if (!there) return false;
    const auto same = copy.has_content_of(there);
    if (!same) throw export_failure(errno, path_ + "/" + name);
    if (*same) sync(there, path_ + "/" + name);
    return *same;
  }

  [[nodiscard]] File open_copy(const std::string& name) const {
    const auto found = there_.find(name);
    if (found == there_.end()) return {};
    File copy = open_to_read(new_, found->second);
    return copy ? std::move(copy) : open_to_read(cur_, found->second);
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
  if (Queue::is_queue(directory)) {
    throw Failure{
        kExitCannotCreate,
        fmt::format("export: {} is a queue; into another one: spoolq mv", shown_path(directory))};
  }
  return std::make_unique<Maildir>(directory);
}

}  // namespace spoolq::cli
