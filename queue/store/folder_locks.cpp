// Opening folders to lock them.
#include "queue/store/folder_locks.hpp"

#include <fcntl.h>

#include "queue/store/open_queue.hpp"

namespace spoolq::detail {
namespace {

Folder folder_of(FolderLock lock) {
  switch (lock) {
    case FolderLock::arrivals:
      return Folder::ready;
    case FolderLock::leader:
      return Folder::consumers;
    case FolderLock::followers:
      return Folder::later;
    case FolderLock::transfers:
      break;
  }
  return Folder::tmp;
}

}  // namespace

LockFd open_to_lock(OpenQueue& queue, FolderLock lock) {
  return LockFd{queue.sys(), [&queue, lock] {
                  return queue.sys().openat(queue.fd(folder_of(lock)), ".",
                                            O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                }};
}

}  // namespace spoolq::detail
