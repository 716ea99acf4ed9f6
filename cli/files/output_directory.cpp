// Saving payloads as files.
//
// 1. Write `.spoolq-ID.tmp` in the folder and sync it. Its writer holds a lock on it, and so do the
//    jobs that write to it. A file of that name without a lock was left by a death and is removed,
//    under a lock. Beside a living writer, whose lease may be over, the name gets a random number.
// 2. Rename it to its name without overwriting. A file of that name with this very content is the
//    same message, delivered again because the program died before the acknowledgement: it stands
//    for the new one. Any other file stays, and the name gets .1, .2, …
// 3. Sync the folder.
#include "cli/files/output_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <utility>
#include <vector>

#include "cli/output/exit_codes.hpp"
#include "cli/output/print.hpp"

namespace spoolq::cli {
namespace {

/// Leaves room for a number behind it within NAME_MAX.
constexpr std::size_t kNameLengthMax = 240;
constexpr int kNumberMax = 100'000;
constexpr int kDraftsMax = 16;

/// A field of a message as part of a file name: no folder, not hidden.
std::string as_file_name(std::string_view field) {
  std::string result{field};
  bool leading = true;
  for (char& c : result) {
    leading = leading && c == '.';
    if (leading || c == '/' || c == '\0') c = '_';
  }
  return result;
}

}  // namespace

OutputDirectory::OutputDirectory(std::string path, std::string name_template)
    : path_{std::move(path)},
      name_template_{std::move(name_template)},
      folder_{open_folder(path_)} {
  // Asked before anything is claimed: every claim counts as an attempt.
  if (!folder_ || ::faccessat(folder_.get(), ".", W_OK | X_OK, AT_EACCESS) != 0) {
    throw output_failure(errno, path_);
  }
}

NewFile OutputDirectory::create(const MessageInfo& message) const {
  const std::string id = message.id.to_string();
  std::string name = fmt::format(".spoolq-{}.tmp", id);
  for (int i = 0; i < kDraftsMax; ++i) {
    if (auto draft = create_draft(name)) return std::move(*draft);
    if (!remove_dead_draft(name)) {
      name = fmt::format(".spoolq-{}-{:08x}.tmp", id, std::random_device{}());
    }
  }
  throw output_failure(EEXIST, shown(name));
}

/// nullopt when there is a file of that name.
std::optional<NewFile> OutputDirectory::create_draft(const std::string& name) const {
  NewFile draft{folder_, name, 0666};
  if (!draft) {
    if (errno == EEXIST) return std::nullopt;
    throw output_failure(errno, shown(name));
  }
  // Another process may have taken it for that of a dead one, and removes it. Without locks, it is
  // left alone.
  const bool locked = ::flock(draft.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
  if (locked && draft.is_there()) return draft;
  draft.leave();
  return std::nullopt;
}

/// Only a process that has a lock on a draft removes it. False when its writer lives, or may live.
bool OutputDirectory::remove_dead_draft(const std::string& name) const {
  const File dead = open_to_read(folder_, name);
  if (!dead) return errno == ENOENT;
  if (::flock(dead.get(), LOCK_EX | LOCK_NB) != 0) return false;
  return !is_named(folder_, name, dead) || ::unlinkat(folder_.get(), name.c_str(), 0) == 0;
}

std::string OutputDirectory::publish(NewFile draft, const MessageInfo& message) const {
  // A job may have removed it.
  if (!draft.is_there()) throw output_failure(ENOENT, shown(draft.name()));
  // It stays open, and so locked, until it has its own name.
  if (!draft.sync()) throw output_failure(errno, shown(draft.name()));
  const std::string wanted = file_name(message);
  // A name made of fields only may well be meant for two messages with one content.
  const bool may_be_again =
      name_template_.find("{id}") != std::string::npos || message.attempts > 1;
  std::string name = wanted;
  for (int number = 1; !draft.rename(folder_, name); ++number) {
    if (errno != EEXIST) throw output_failure(errno, shown(name));
    if (may_be_again && holds(name, draft)) {
      if (!draft.remove()) throw output_failure(errno, shown(draft.name()));
      break;
    }
    if (number > kNumberMax) throw output_failure(EEXIST, shown(wanted));
    name = fmt::format("{}.{}", wanted, number);
  }
  if (!sync_folder(folder_)) throw output_failure(errno, path_);
  return shown(name);
}

std::string OutputDirectory::save(Claim& claim) const {
  NewFile draft = create(claim.info());
  std::vector<std::byte> buffer(kBufferSize);
  while (const std::size_t count = claim.read(buffer)) {
    if (!draft.write({reinterpret_cast<const char*>(buffer.data()), count})) {
      throw output_failure(errno, shown(draft.name()));
    }
  }
  return publish(std::move(draft), claim.info());
}

std::string OutputDirectory::file_name(const MessageInfo& message) const {
  std::string name;
  std::string_view rest = name_template_;
  while (!rest.empty()) {
    const std::size_t open = rest.find('{');
    name += rest.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = rest.find('}', open);
    const std::string_view field = rest.substr(open + 1, close - open - 1);
    if (field == "id") name += message.id.to_string();
    if (field == "name") name += as_file_name(message.name);
    if (field == "key") name += as_file_name(message.key);
    if (field == "type") name += as_file_name(message.type);
    if (field == "priority") name += fmt::format("{}", message.priority);
    rest.remove_prefix(close + 1);
  }
  name.resize(utf8_cut(name, kNameLengthMax));
  if (name.empty()) return message.id.to_string();
  if (name == "." || name == "..") name.front() = '_';
  return name;
}

std::string OutputDirectory::shown(const std::string& name) const {
  return path_.ends_with('/') ? path_ + name : path_ + "/" + name;
}

bool OutputDirectory::holds(const std::string& name, const NewFile& draft) const {
  const File there = open_to_read(folder_, name);
  // It may have been written just before the death.
  return draft.has_content_of(there).value_or(false) && ::fsync(there.get()) == 0;
}

}  // namespace spoolq::cli
