// Holding a claim in a process that outlives the consumer. Between fork and exec, and in children
// of processes with threads, so only with async-signal-safe calls.
#include "queue/store/claim_heir.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

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
  fds_ = {UniqueFd{sys_, proof[0]}, UniqueFd{sys_, proof[1]},
          UniqueFd{sys_, ::fcntl(queue.fd(Folder::claimed), F_DUPFD_CLOEXEC, 0)}};
  if (!fds_[kClaimed]) throw_errno(errno, "duplicate", queue.path(Folder::claimed));
}

bool ClaimHeir::move_to(int first) noexcept {
  // First out of the way: each may stand where another one is to go.
  for (UniqueFd& fd : fds_) {
    // The old one is not ours to close: the caller closes all others.
    const int moved = ::fcntl(fd.release(), F_DUPFD_CLOEXEC, first + kDescriptors);
    if (moved < 0) return false;
    fd = UniqueFd{sys_, moved};
  }
  for (UniqueFd& fd : fds_) {
    if (::dup3(fd.get(), first, O_CLOEXEC) < 0) return false;
    fd = UniqueFd{sys_, first++};
  }
  return true;
}

bool ClaimHeir::take_over() noexcept {
  if (!fds_[kConsumers]) return true;
  const auto own = heir_.prove_life(sys_, fds_[kConsumers].get());
  if (!own) return false;
  UniqueFd folder{sys_, own->back()};
  UniqueFd file{sys_, own->front()};
  const int error = rename_claim();
  if (error == 0) {
    // The closing of the file tells all who watch consumers/ that the consumer is dead.
    fds_[kConsumers] = std::move(folder);
    fds_[kFile] = std::move(file);
    return true;
  }
  if (file) static_cast<void>(sys_.unlinkat(folder.get(), heir_.name.c_str()));
  if (error != ENOENT) return false;
  // Finished, or taken back after its lease: nothing is left to hold.
  for (UniqueFd& fd : fds_) fd.reset();
  return true;
}

int ClaimHeir::rename_claim() noexcept {
  // Looked for by its id and inode, because an extended claim has another name than the one that we
  // began with. Two messages may have one id. A folder that is opened here has a position of its
  // own.
  const SysResult opened =
      sys_.openat(fds_[kClaimed].get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (!opened.ok()) return opened.error();
  const UniqueFd folder{sys_, opened.fd()};
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
    error = rename_new(sys_, folder.get(), entry.name.data(), folder.get(), renamed.data()).error();
    return error == ENOENT;
  };
  const SysResult visited = visit_entries(sys_, folder.get(), buffer, visit);
  return visited.ok() ? error : visited.error();
}

}  // namespace spoolq::detail
