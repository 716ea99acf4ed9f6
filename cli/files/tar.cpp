// Copies of messages in a tar archive, in the pax format: FOLDER/NAME as they are in the queue,
// with what spoolq keeps of them as extended attributes. Extracted into a queue (tar -x --xattrs),
// they are messages again.
//
// An archive cannot be taken back what was written to it, so a payload is compared with its name
// before its first byte is written. A file is written under a hidden name, synced, and gets its own
// last, when it is whole.
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <random>
#include <string_view>
#include <vector>

#include "cli/files/export_target.hpp"
#include "cli/files/new_file.hpp"
#include "cli/output/exit_codes.hpp"
#include "cli/output/units.hpp"

namespace spoolq::cli {
namespace {

/// The last two parts of a path: the folder of the queue and the name in it.
std::string name_in_queue(const std::string& path) {
  const std::size_t name = path.rfind('/');
  return path.substr(path.rfind('/', name - 1) + 1);
}

/// Hands over what the library keeps with a message, byte for byte.
void copy_attributes(int fd, archive_entry* entry, const std::string& path) {
  std::vector<char> names(kBufferSize);
  const ssize_t size = ::flistxattr(fd, names.data(), names.size());
  if (size < 0 && errno == ENOTSUP) return;
  if (size < 0) throw system_failure(errno, "read attributes of", path);
  std::vector<char> value(kBufferSize);
  for (std::string_view rest{names.data(), static_cast<std::size_t>(size)}; !rest.empty();) {
    const std::string name{rest.data()};
    rest.remove_prefix(name.size() + 1);
    if (!name.starts_with(kAttributePrefix)) continue;
    const ssize_t length = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
    if (length < 0) throw system_failure(errno, "read attributes of", path);
    archive_entry_xattr_add_entry(entry, name.c_str(), value.data(),
                                  static_cast<std::size_t>(length));
  }
}

class Tar : public ExportTarget {
 public:
  explicit Tar(std::string shown)
      : shown_{std::move(shown)}, archive_{::archive_write_new(), &free} {
    require(archive_write_set_format_pax(archive_.get()));
    // Attributes as GNU tar, star and bsdtar read them. libarchive's own form beside it makes GNU
    // tar complain.
    require(archive_write_set_format_option(archive_.get(), "pax", "xattrheader", "SCHILY"));
    require(archive_write_open(archive_.get(), this, nullptr, &Tar::pass_on, nullptr));
  }

  Tar(const Tar&) = delete;
  Tar& operator=(const Tar&) = delete;
  /// What libarchive still writes to end an archive that is given up goes nowhere.
  ~Tar() override { is_given_up_ = true; }

  void add(const Queue& queue, const MessageInfo& message, const MessageInfo& source) final {
    queue.read_payload(source, [](std::string_view) {});
    const Payload file = queue.open_payload(source);
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) throw system_failure(errno, "stat", source.path);
    write_header(message, file.get(), status);
    write_payload(message, file.get(), status.st_size);
  }

  void finish(bool durable) final {
    require(archive_write_close(archive_.get()));
    end(durable);
  }

 protected:
  /// Takes the next bytes of the archive.
  virtual void write(std::string_view bytes) = 0;
  /// Called after the last byte, as finish().
  virtual void end(bool durable) = 0;

 private:
  /// An archive that was not closed is abandoned: what freeing it would write goes nowhere.
  static void free(struct archive* archive) { (void)archive_write_free(archive); }

  static la_ssize_t pass_on(struct archive* archive, void* self, const void* bytes,
                            std::size_t size) {
    Tar& tar = *static_cast<Tar*>(self);
    if (tar.is_given_up_) return static_cast<la_ssize_t>(size);
    try {
      tar.write({static_cast<const char*>(bytes), size});
      return static_cast<la_ssize_t>(size);
    } catch (...) {
      // Not through the functions of C that stand in between.
      tar.failure_ = std::current_exception();
      archive_set_error(archive, EIO, "not written");
      return -1;
    }
  }

  void require(int result) const {
    if (failure_) std::rethrow_exception(failure_);
    // A warning: a name that is not UTF-8 is written as it is.
    if (result >= ARCHIVE_WARN) return;
    const char* const text = archive_error_string(archive_.get());
    throw Failure{kExitInputOutput, fmt::format("export: {}: {}", shown_path(shown_),
                                                text == nullptr ? "not written" : text)};
  }

  void write_header(const MessageInfo& message, int file, const struct stat& status) {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry{archive_entry_new(),
                                                                              &archive_entry_free};
    archive_entry_set_pathname(entry.get(), name_in_queue(message.path).c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), status.st_mode & 0777U);
    archive_entry_set_uid(entry.get(), status.st_uid);
    archive_entry_set_gid(entry.get(), status.st_gid);
    archive_entry_set_size(entry.get(), status.st_size);
    const timespec put = to_timespec(message.enqueued());
    archive_entry_set_mtime(entry.get(), put.tv_sec, put.tv_nsec);
    copy_attributes(file, entry.get(), message.path);
    require(archive_write_header(archive_.get(), entry.get()));
  }

  void write_payload(const MessageInfo& message, int file, off_t size) {
    std::vector<char> buffer(kBufferSize);
    off_t left = size;
    while (left > 0) {
      const ssize_t count =
          ::read(file, buffer.data(), std::min(buffer.size(), static_cast<std::size_t>(left)));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw system_failure(errno, "read", message.path);
      if (count == 0) {
        throw Failure{kExitInputOutput,
                      fmt::format("export: {}: it became shorter meanwhile", escape(message.path))};
      }
      const la_ssize_t written =
          archive_write_data(archive_.get(), buffer.data(), static_cast<std::size_t>(count));
      require(written < 0 ? ARCHIVE_FATAL : ARCHIVE_OK);
      left -= count;
    }
    require(archive_write_finish_entry(archive_.get()));
  }

  std::string shown_;
  bool is_given_up_ = false;
  std::exception_ptr failure_;
  std::unique_ptr<struct archive, decltype(&free)> archive_;
};

/// An archive in a file that gets its name when it is whole and on disk.
class TarFile final : public Tar {
 public:
  explicit TarFile(const std::string& path)
      : Tar{path},
        path_{path},
        name_{path.substr(path.rfind('/') + 1)},
        folder_path_{path == name_ ? "." : path.substr(0, path.size() - name_.size())},
        folder_{open_folder(folder_path_)},
        file_{create()} {}

 private:
  void write(std::string_view bytes) override {
    if (!file_.write(bytes)) throw export_failure(errno, path_);
  }
  void end(bool /*durable*/) override {
    if (!file_.sync() || !file_.rename(folder_, name_)) throw export_failure(errno, path_);
    if (!sync_folder(folder_)) throw export_failure(errno, folder_path_);
  }
  [[nodiscard]] NewFile create() const {
    if (!folder_) throw export_failure(errno, folder_path_);
    if (::faccessat(folder_.get(), name_.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
      throw export_failure(EEXIST, path_);
    }
    NewFile file{folder_,
                 fmt::format(".{}.{}.{:08x}.tmp", name_, ::getpid(), std::random_device{}()), 0600};
    if (!file) throw export_failure(errno, path_);
    return file;
  }

  std::string path_;
  std::string name_;
  std::string folder_path_;
  File folder_;
  NewFile file_;
};

class PrintedTar final : public Tar {
 public:
  explicit PrintedTar(Output& out) : Tar{"standard output"}, out_{out} {}

 private:
  void write(std::string_view bytes) override { out_.write(bytes); }
  void end(bool durable) override {
    out_.flush();
    if (durable && ::fsync(STDOUT_FILENO) != 0) throw export_failure(errno, "standard output");
  }

  Output& out_;
};

}  // namespace

std::unique_ptr<ExportTarget> export_to_tar_file(const std::string& file) {
  return std::make_unique<TarFile>(file);
}

std::unique_ptr<ExportTarget> export_to_tar(Output& out) {
  return std::make_unique<PrintedTar>(out);
}

}  // namespace spoolq::cli
