// Holding a claim in a process that outlives the consumer. Between fork and exec, and in children
// of processes with threads, so only with async-signal-safe calls.
#include "queue/store/claim_heir.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <string_view>
#include <utility>

#include "queue/os/directory_scan.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/rename.hpp"

namespace spoolq::detail {
namespace {

constexpr std::string_view kClaimField = ",C=";
constexpr std::size_t kScanBuffer = 4096;

}  // namespace

ClaimHeir::ClaimHeir(OpenQueue& queue, const Registration& registration, const MessageId& id,
                     ino_t inode)
    : sys_{queue.sys()},
      id_{id.to_string()},
      inode_{inode},
      owner_{std::string{kClaimField} + registration.consumer()},
      heir_{NewConsumer::prepare(queue.settings()->file_mode())} {
  const std::array<int, 2> proof = registration.duplicate();
  fds_ = {proof[0], proof[1], ::fcntl(queue.fd(Folder::claimed), F_DUPFD_CLOEXEC, 0)};
  if (fds_[kClaimed] >= 0) return;
  const int error = errno;
  for (int& fd : fds_) close(fd);
  throw_errno(error, "duplicate", queue.path(Folder::claimed));
}

ClaimHeir::~ClaimHeir() {
  for (int& fd : fds_) close(fd);
}

void ClaimHeir::close(int& fd) noexcept {
  if (fd >= 0) static_cast<void>(sys_.close(std::exchange(fd, -1)));
}

bool ClaimHeir::move_to(int first) noexcept {
  // First out of the way: each may stand where another one is to go.
  const int end = first + kDescriptors;
  for (int& fd : fds_) {
    fd = ::fcntl(fd, F_DUPFD_CLOEXEC, end);
    if (fd < 0) return false;
  }
  for (int& fd : fds_) {
    if (::dup3(fd, first, O_CLOEXEC) < 0) return false;
    ::close(std::exchange(fd, first++));
  }
  return true;
}

bool ClaimHeir::take_over() noexcept {
  if (fds_[kConsumers] < 0) return true;
  auto own = heir_.prove_life(sys_, fds_[kConsumers]);
  if (!own) return false;
  const int error = rename_claim();
  if (error == 0) {
    // The closing of the file tells all who watch consumers/ that the consumer is dead.
    close(fds_[kConsumers]);
    close(fds_[kFile]);
    fds_[kFile] = own->front();
    fds_[kConsumers] = own->back();
    return true;
  }
  if (own->front() >= 0) static_cast<void>(sys_.unlinkat(own->back(), heir_.name.c_str()));
  close(own->front());
  close(own->back());
  if (error != ENOENT) return false;
  // Finished, or taken back after its lease: nothing is left to hold.
  for (int& fd : fds_) close(fd);
  return true;
}

int ClaimHeir::rename_claim() noexcept {
  // Looked for by its id and inode, because an extended claim has another name than the one that we
  // began with. Two messages may have one id. A folder that is opened here has a position of its
  // own.
  const SysResult opened = sys_.openat(fds_[kClaimed], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (!opened.ok()) return opened.error();
  int folder = opened.fd();
  int error = ENOENT;
  std::array<char, kScanBuffer> buffer{};
  const auto visit = [&](const DirectoryEntry& entry) {
    const std::size_t claim = entry.name.find(owner_);
    if (claim == std::string_view::npos || entry.name.find(id_) > claim) return true;
    if (entry.inode != inode_) return true;
    std::array<char, NAME_MAX + 1> renamed{};
    entry.name.copy(renamed.data(), NAME_MAX);
    // As long as the consumer's.
    heir_.name.copy(renamed.data() + claim + kClaimField.size(), heir_.name.size());
    error = rename_new(sys_, folder, entry.name.data(), folder, renamed.data()).error();
    return error == ENOENT;
  };
  const SysResult visited = visit_entries(sys_, folder, buffer, visit);
  close(folder);
  return visited.ok() ? error : visited.error();
}

}  // namespace spoolq::detail
