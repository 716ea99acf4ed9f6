// The table of plausible errors, and when a fault comes.
#include "tests/support/failing_sys.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <vector>

namespace spoolq::test {
namespace {

// openat2: EPERM is what a sandbox gives for a call it does not know. unlinkat: EROFS is what ext4
// gives after it has met an I/O error. fsync and close: EINTR is an answer there, not restarted.
constexpr std::array kOpenat = {ENOSPC, EDQUOT, EMFILE, ENFILE, EACCES, EIO, ENOMEM, EROFS};
constexpr std::array kOpenat2 = {EMFILE, ENFILE, EACCES, EIO, ENOMEM, ENOSYS, EPERM};
constexpr std::array kClose = {EIO, ENOSPC, EDQUOT, EINTR};
constexpr std::array kRead = {EIO};
constexpr std::array kWrite = {ENOSPC, EDQUOT, EIO, EFBIG, kShortWrite};
constexpr std::array kTruncate = {EIO, ENOSPC, EDQUOT, EROFS};
constexpr std::array kFallocate = {ENOSPC, EDQUOT, EIO, EFBIG, EOPNOTSUPP};
constexpr std::array kFchmod = {EPERM, EROFS, EIO};
constexpr std::array kFsync = {EIO, ENOSPC, EDQUOT, EINTR};
constexpr std::array kSyncfs = {EIO};
constexpr std::array kFlock = {ENOLCK};
constexpr std::array kTouchat = {EACCES, EPERM, EROFS, EIO};
constexpr std::array kLease = {EACCES, EAGAIN, ENOMEM, EINVAL};
constexpr std::array kStat = {EIO, ENOMEM};
constexpr std::array kEio = {EIO};
constexpr std::array kMkdirat = {ENOSPC, EDQUOT, EACCES, EIO, EROFS, EMLINK};
constexpr std::array kUnlinkat = {EIO, EACCES, EROFS, EPERM};
constexpr std::array kSymlinkat = {ENOSPC, EDQUOT, EACCES, EIO, EROFS, EPERM};
constexpr std::array kRenameat2 = {ENOSPC, EDQUOT, EIO, EACCES, EPERM, EROFS, EINVAL};
constexpr std::array kSetxattr = {ENOSPC, EDQUOT, ENOTSUP, E2BIG, EIO};
constexpr std::array kGetxattr = {EIO, ENOTSUP};
constexpr std::array kRemovexattr = {EIO, EROFS, ENOSPC};

}  // namespace

std::span<const int> errors_of(Call call) {
  switch (call) {
    case Call::openat:
      return kOpenat;
    case Call::openat2:
      return kOpenat2;
    case Call::close:
      return kClose;
    case Call::read:
      return kRead;
    case Call::write:
      return kWrite;
    case Call::ftruncate:
      return kTruncate;
    case Call::fallocate:
      return kFallocate;
    case Call::fchmod:
      return kFchmod;
    case Call::touchat:
      return kTouchat;
    case Call::fsync:
      return kFsync;
    case Call::syncfs:
      return kSyncfs;
    case Call::flock:
    case Call::lock_byte:
    case Call::is_byte_locked:
      return kFlock;
    case Call::set_lease:
      return kLease;
    case Call::fstat:
    case Call::fstatat:
    case Call::statx:
      return kStat;
    case Call::mount_id:
    case Call::file_system:
    case Call::getdents64:
      return kEio;
    case Call::mkdirat:
      return kMkdirat;
    case Call::unlinkat:
      return kUnlinkat;
    case Call::symlinkat:
      return kSymlinkat;
    case Call::readlinkat:
      return kEio;
    case Call::renameat2:
      return kRenameat2;
    case Call::fsetxattr:
      return kSetxattr;
    case Call::fgetxattr:
    case Call::flistxattr:
      return kGetxattr;
    case Call::fremovexattr:
      return kRemovexattr;
    case Call::clock_gettime:
      return {};
  }
  return {};
}

std::span<const int> all_errors() {
  static const std::vector<int> errors = [] {
    std::vector<int> all;
    for (std::size_t i = 0; i < kCallCount; ++i) {
      for (const int error : errors_of(static_cast<Call>(i))) {
        if (std::find(all.begin(), all.end(), error) == all.end()) all.push_back(error);
      }
    }
    return all;
  }();
  return errors;
}

bool can_fail(const CallInfo& info, int error) {
  const std::span<const int> errors = errors_of(info.call);
  if (std::find(errors.begin(), errors.end(), error) == errors.end()) return false;
  const auto has_flag = [&info](int flag) {
    return (info.flags & static_cast<std::uint64_t>(flag)) != 0;
  };
  if (info.call == Call::openat) {
    if (error == ENOSPC || error == EDQUOT) return has_flag(O_CREAT);
    if (error == EROFS) return has_flag(O_CREAT) || has_flag(O_WRONLY) || has_flag(O_RDWR);
  }
  if (error == kShortWrite) return info.size > 1;
  // Not every file system knows RENAME_NOREPLACE or RENAME_EXCHANGE; every one can rename.
  if (info.call == Call::renameat2 && error == EINVAL) return info.flags != 0;
  // Giving a lease back needs nothing.
  if (info.call == Call::set_lease) return info.flags != static_cast<std::uint64_t>(F_UNLCK);
  return true;
}

std::string to_string(const Fault& fault) {
  if (fault.nth == 0) return "no fault";
  std::string text = fault.error == kShortWrite ? "short write" : ::strerrorname_np(fault.error);
  text += " at call " + std::to_string(fault.nth);
  switch (fault.persistence) {
    case Persistence::once:
      return text + ", once";
    case Persistence::same_call:
      return text + ", then always from the same call";
    case Persistence::every_call:
      return text + ", then always from every call";
  }
  return text;
}

bool FailingSys::fails_now(const CallInfo& info) {
  if (fault_.nth == 0 || repaired_ || !can_fail(info, fault_.error)) return false;
  const std::uint64_t number = ++seen_;
  if (number < fault_.nth) return false;
  if (number == fault_.nth) {
    failed_call_ = info.call;
    return true;
  }
  switch (fault_.persistence) {
    case Persistence::once:
      return false;
    case Persistence::same_call:
      return info.call == failed_call_;
    case Persistence::every_call:
      return true;
  }
  return false;
}

std::optional<SysResult> FailingSys::before(const CallInfo& info) {
  const bool decided_elsewhere = info.call == Call::close || fault_.error == kShortWrite;
  if (decided_elsewhere || !fails_now(info)) return std::nullopt;
  return SysResult::failure(fault_.error);
}

SysResult FailingSys::after(const CallInfo& info, SysResult result) {
  if (info.call != Call::close || fault_.error == kShortWrite || !fails_now(info)) return result;
  return result.ok() ? SysResult::failure(fault_.error) : result;
}

SysResult FailingSys::write(int fd, const void* bytes, std::size_t size) {
  const CallInfo info{Call::write, fd, nullptr, -1, nullptr, 0, size};
  const bool shortened = fault_.error == kShortWrite && fails_now(info);
  return ForwardingSys::write(fd, bytes, shortened ? size / 2 : size);
}

std::vector<CallInfo> RecordingSys::calls() const {
  const std::lock_guard lock{mutex_};
  return calls_;
}

std::optional<SysResult> RecordingSys::before(const CallInfo& info) {
  const std::lock_guard lock{mutex_};
  calls_.push_back(info);
  calls_.back().name = nullptr;
  calls_.back().to = nullptr;
  return std::nullopt;
}

PlannedFault fault_at(std::span<const CallInfo> calls, std::size_t position, int error,
                      Persistence persistence) {
  const auto nth =
      std::count_if(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(position) + 1,
                    [&](const CallInfo& call) { return can_fail(call, error); });
  return {Fault{static_cast<std::uint64_t>(nth), error, persistence}, position};
}

std::vector<PlannedFault> sample_faults(std::span<const CallInfo> calls, Persistence persistence,
                                        std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::vector<PlannedFault> faults;
  for (std::size_t position = 0; position < calls.size(); ++position) {
    const std::uint64_t drawn = random() + static_cast<std::uint64_t>(persistence);
    std::vector<int> possible;
    for (const int error : errors_of(calls[position].call)) {
      if (can_fail(calls[position], error)) possible.push_back(error);
    }
    if (possible.empty()) continue;
    faults.push_back(fault_at(calls, position, possible[drawn % possible.size()], persistence));
  }
  return faults;
}

}  // namespace spoolq::test
