// Watching folders that are open.
#include "queue/store/watches.hpp"

namespace spoolq::detail {
namespace {

int watch_folder(const OpenQueue& queue, const Inotify& inotify, Folder folder,
                 std::uint32_t mask) {
  return inotify.add(queue.fd(folder), queue.path(folder), mask);
}

}  // namespace

int watch_messages(const OpenQueue& queue, const Inotify& inotify, State state,
                   std::uint32_t mask) {
  return watch_folder(queue, inotify, folder_of(state), mask);
}

int watch_consumers(const OpenQueue& queue, const Inotify& inotify, std::uint32_t mask) {
  return watch_folder(queue, inotify, Folder::consumers, mask);
}

int watch_root(const OpenQueue& queue, const Inotify& inotify, std::uint32_t mask) {
  return inotify.add(queue.folders().root(), queue.path(), mask);
}

}  // namespace spoolq::detail
