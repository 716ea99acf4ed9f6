// Opening the file of a message.
#include "queue/store/stored_message.hpp"

#include <fcntl.h>

#include "queue/os/throw_error.hpp"

namespace spoolq::detail {

UniqueFd open_message(OpenQueue& queue, Folder folder, const std::string& file) {
  const SysResult opened = queue.sys().openat(queue.fd(folder), file.c_str(),
                                              O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (!opened.ok()) throw_errno(opened.error(), "open", queue.path(folder, file));
  return UniqueFd{queue.sys(), opened.fd()};
}

}  // namespace spoolq::detail
