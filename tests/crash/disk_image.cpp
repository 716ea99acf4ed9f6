// Loop devices, mkfs, mount and the shutdown ioctl.
#include "tests/crash/disk_image.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <system_error>
#include <utility>

#include "tests/crash/program.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
// FS_IOC_SHUTDOWN, which XFS calls XFS_IOC_GOINGDOWN, and its flag "do not flush the log".
constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kNoLogFlush = 2;
constexpr std::uint64_t kWaitMax = 10'000;

[[noreturn]] void fail(const std::string& operation) {
  throw std::system_error{errno, std::generic_category(), operation};
}

void close_fd(int& fd) noexcept {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

/// Runs a program of /usr/sbin without its output. Gives its exit code, 127 when it is not there.
int run(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_IGN);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(null, STDIN_FILENO);
    ::dup2(null, STDOUT_FILENO);
    const char* const path = ::getenv("PATH");
    ::setenv("PATH", fmt::format("/usr/sbin:/sbin:{}", path == nullptr ? "" : path).c_str(), 1);
    ::execvp(argv.front(), argv.data());
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace

const char* to_string(FileSystem type) {
  switch (type) {
    case FileSystem::ext4:
      return "ext4";
    case FileSystem::xfs:
      return "xfs";
    case FileSystem::btrfs:
      return "btrfs";
  }
  return "";
}

FileSystem parse_file_system(const std::string& text) {
  for (const FileSystem type : {FileSystem::ext4, FileSystem::xfs, FileSystem::btrfs}) {
    if (text == to_string(type)) return type;
  }
  throw Usage{"no such file system: " + text};
}

std::uint64_t usual_size(FileSystem type) {
  switch (type) {
    case FileSystem::ext4:
      return 64 * kMiB;
    case FileSystem::xfs:
      return 304 * kMiB;  // mkfs.xfs wants 300
    case FileSystem::btrfs:
      break;
  }
  return 120 * kMiB;
}

void make_mounts_private() {
  if (::geteuid() != 0) throw CannotRun{"root"};
  if (::unshare(CLONE_NEWNS) != 0) throw CannotRun{"CAP_SYS_ADMIN (unshare of mounts failed)"};
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) return;
  // In a chroot: mounts below it could reach the system around it.
  if (errno == EINVAL) throw CannotRun{"a mount point at / (mount --bind DIR DIR; chroot DIR)"};
  fail("mount --make-private");
}

DiskImage::DiskImage(FileSystem type, std::uint64_t size, bool keep, const fs::path& parent)
    : type_{type}, keep_{keep}, nested_{!parent.empty()} {
  const char* const variable = ::getenv("TMPDIR");
  const fs::path place = nested_ ? parent : fs::path{variable == nullptr ? "/var/tmp" : variable};
  std::string folder = fmt::format("{}/spoolq-{}-XXXXXX", place.string(), to_string(type));
  if (::mkdtemp(folder.data()) == nullptr) fail("mkdtemp " + folder);
  folder_ = fs::canonical(folder);
  mount_point_ = folder_ / "mount";
  file_ = folder_ / "image";
  try {
    fs::create_directory(mount_point_);
    make_file(size);
    attach();
    if (!keep_ && !nested_) fs::remove(file_);
    format();
    mount();
  } catch (...) {
    remove();
    throw;
  }
}

DiskImage::~DiskImage() { remove(); }

void DiskImage::make_file(std::uint64_t size) {
  image_fd_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (image_fd_ < 0) fail("create " + file_.string());
  const std::vector<char> zeros(kMiB);
  for (std::uint64_t written = 0; written < size; written += kMiB) {
    check_interrupted();
    if (::write(image_fd_, zeros.data(), zeros.size()) != static_cast<ssize_t>(zeros.size())) {
      fail("write " + file_.string());
    }
  }
}

void DiskImage::attach() {
  constexpr int kTries = 50;
  if (image_fd_ < 0) image_fd_ = ::open(file_.c_str(), O_RDWR | O_CLOEXEC);
  if (image_fd_ < 0) fail("open " + file_.string());
  int control = ::open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) throw CannotRun{"/dev/loop-control"};
  for (int i = 0; i < kTries && loop_fd_ < 0; ++i) {
    loop_number_ = ::ioctl(control, LOOP_CTL_GET_FREE);
    if (loop_number_ < 0) break;
    device_ = fmt::format("/dev/loop{}", loop_number_);
    int loop = ::open(device_.c_str(), O_RDWR | O_CLOEXEC);
    if (loop < 0) continue;
    struct loop_config config = {};
    config.fd = static_cast<std::uint32_t>(image_fd_);
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(loop, LOOP_CONFIGURE, &config) == 0) {
      loop_fd_ = loop;
    } else {
      close_fd(loop);  // Somebody else was faster.
    }
  }
  close_fd(control);
  if (loop_fd_ < 0) throw CannotRun{"a free loop device"};
}

void DiskImage::detach() noexcept {
  // The device lets go of the image when the last one closes it, a little later than we.
  close_fd(loop_fd_);
  const std::string attached = fmt::format("/sys/block/loop{}/loop/backing_file", loop_number_);
  for (std::uint64_t i = 0; i < kWaitMax; ++i) {
    std::string backing;
    std::getline(std::ifstream{attached}, backing);
    if (!backing.starts_with(file_.string())) return;
    ::usleep(1000);
  }
  fmt::print(stderr, "{} is still attached to {}\n", device_, file_.string());
}

void DiskImage::format() const {
  std::vector<std::string> words{fmt::format("mkfs.{}", to_string(type_)), "-q"};
  switch (type_) {
    case FileSystem::ext4:
      words.insert(words.end(),
                   {"-F", "-m", "0", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"});
      break;
    case FileSystem::xfs:
      words.insert(words.end(), {"-f", "-K"});
      break;
    case FileSystem::btrfs:
      words.insert(words.end(), {"-f", "-K"});
      break;
  }
  words.push_back(device_);
  const int code = run(words);
  if (code == 127) throw CannotRun{words.front()};
  if (code != 0) throw std::runtime_error{fmt::format("{}: exit {}", words.front(), code)};
}

void DiskImage::mount() {
  if (loop_fd_ < 0) attach();
  if (::mount(device_.c_str(), mount_point_.c_str(), to_string(type_), 0, "nodiscard") != 0) {
    if (errno == ENODEV) throw CannotRun{fmt::format("{} in the kernel", to_string(type_))};
    fail(fmt::format("mount {} ({})", device_, to_string(type_)));
  }
  mounted_ = true;
}

void DiskImage::unmount() {
  // Those who were killed may still be closing their files.
  const bool settled = wait_until(kWaitMax, [&] {
    mounted_ = ::umount2(mount_point_.c_str(), 0) != 0;
    return !mounted_ || errno != EBUSY;
  });
  if (mounted_) fail(fmt::format("umount {}{}", mount_point_.string(), settled ? "" : " in time"));
  // With the device goes its cache. In it is metadata of ext4 that never got to the disk, and a
  // machine that comes up again does not have it.
  detach();
  if (nested_) close_fd(image_fd_);
}

void DiskImage::sync() const {
  int fd = ::open(mount_point_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail("open " + mount_point_.string());
  const bool synced = ::syncfs(fd) == 0;
  close_fd(fd);
  if (!synced) fail("syncfs " + mount_point_.string());
}

void DiskImage::shut_down() const {
  int fd = ::open(mount_point_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail("open " + mount_point_.string());
  std::uint32_t flags = kNoLogFlush;
  const bool down = ::ioctl(fd, kShutdown, &flags) == 0;
  const int error = errno;
  close_fd(fd);
  if (down) return;
  errno = error;
  if (error == ENOTTY) throw CannotRun{fmt::format("FS_IOC_SHUTDOWN of {}", to_string(type_))};
  fail("shut down " + mount_point_.string());
}

std::uint64_t DiskImage::free_bytes() const {
  struct statvfs status = {};
  if (::statvfs(mount_point_.c_str(), &status) != 0) fail("statvfs " + mount_point_.string());
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

void DiskImage::remove() noexcept {
  if (mounted_ && ::umount2(mount_point_.c_str(), 0) != 0) {
    ::umount2(mount_point_.c_str(), MNT_DETACH);
  }
  if (loop_fd_ >= 0) detach();
  close_fd(image_fd_);
  std::error_code ignored;
  fs::remove(mount_point_, ignored);
  if (keep_) {
    fmt::print("kept: {}\n", file_.string());
  } else {
    fs::remove(file_, ignored);
    fs::remove(folder_, ignored);
  }
}

}  // namespace spoolq::test
