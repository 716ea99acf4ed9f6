// Publishing one by one, or in groups.
//
// --sync=fs, for up to kGroupMax messages at a time:
//   1. Write them all in tmp/.
//   2. syncfs: every payload is on disk before a consumer can see it.
//   3. Rename them all into new/.
//   4. syncfs: the names are on disk too. Print the ids.
#include "cli/commands/publisher.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include "cli/args/queue_argument.hpp"
#include "cli/files/new_file.hpp"
#include "cli/output/exit_codes.hpp"
#include "spoolq/fmt.hpp"

namespace spoolq::cli {
namespace {

/// Messages between two syncs of the file system, as far as descriptors allow: each open draft
/// holds one.
constexpr std::size_t kGroupMax = 128;

std::size_t group_max() {
  struct rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
  return std::clamp<std::size_t>(limit.rlim_cur / 4, 1, kGroupMax);
}

}  // namespace

Publisher::Publisher(const std::string& queue, const Publishing& publishing, Console& console)
    : publishing_{publishing},
      console_{console},
      queue_{open_queue(queue, console)},
      producer_{queue_} {
  if (publishing.sync != PutSync::file_system) return;
  // Opened before anything is written: syncfs reports the errors since then.
  directory_ = open_folder(queue_.path());
  if (!directory_) throw system_failure(errno, "open", queue_.path());
}

Draft Publisher::draft(const std::string& file_name, std::optional<std::uint64_t> size) {
  PutOptions options = publishing_.options;
  options.sync = publishing_.sync == PutSync::durable ? Sync::durable : Sync::none;
  if (!publishing_.named) options.name = file_name;
  return producer_.draft(options, size);
}

void Publisher::publish(Draft draft) {
  if (publishing_.sync == PutSync::file_system) {
    group_.push_back(std::move(draft));
    if (group_.size() >= group_max()) flush();
    return;
  }
  print({commit(draft)});
}

void Publisher::flush() {
  std::vector<Draft> group = std::exchange(group_, {});
  if (group.empty()) return;
  if (::syncfs(directory_.get()) != 0) throw system_failure(errno, "syncfs", queue_.path());
  std::vector<MessageId> ids;
  std::exception_ptr failure;
  for (Draft& draft : group) {
    try {
      ids.push_back(commit(draft));
    } catch (const Error&) {
      failure = std::current_exception();
      break;  // Those before it are visible and must still be synced.
    }
  }
  if (::syncfs(directory_.get()) != 0) {
    const int error = errno;
    for (const MessageId& id : ids) complain_indeterminate(id);
    throw Failure{kExitIndeterminate, system_failure(error, "syncfs", queue_.path()).what()};
  }
  print(ids);
  if (failure) std::rethrow_exception(failure);
}

MessageId Publisher::commit(Draft& draft) {
  const MessageId id = draft.id();
  try {
    return draft.commit();
  } catch (const Error& error) {
    if (error.code() == errc::indeterminate) complain_indeterminate(id);
    throw;
  }
}

void Publisher::print(const std::vector<MessageId>& ids) {
  try {
    for (const MessageId& id : ids) console_.out.write(id.to_string() + "\n");
    console_.out.flush();
  } catch (const OutputError& error) {
    if (error.error() == EPIPE) throw;  // The reader has gone, and knows that it has.
    throw Failure{kExitIndeterminate,
                  fmt::format("put: {} is in the queue, but its id cannot be printed: {}",
                              fmt::join(ids, ", "), std::strerror(error.error()))};
  }
}

void Publisher::complain_indeterminate(const MessageId& id) const {
  console_.complain(fmt::format("{} is visible, but may not survive a power cut", id));
}

}  // namespace spoolq::cli
