// The journal of a folder that files are taken from.
#include "producer/adopt/journal.hpp"

#define XXH_INLINE_ALL
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <xxhash.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>

#include "queue/os/directory_scan.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/durability.hpp"
#include "queue/store/rename.hpp"

namespace spoolq::detail {
namespace {

constexpr const char* kJournalFile = "journal";
/// A record's file when there is no copy.
constexpr std::string_view kMarked = "-";
constexpr std::size_t kKeySize = 32;

bool is_key(std::string_view text) {
  return text.size() == kKeySize &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// nullopt for a line that no journal has.
std::optional<TransferJournal::Record> parse_record(std::string_view line) {
  if (line.size() < kKeySize + 2 || line[kKeySize] != ' ') return std::nullopt;
  const std::string_view key = line.substr(0, kKeySize);
  const std::string_view file = line.substr(kKeySize + 1);
  if (!is_key(key) || (file != kMarked && !parse_name(file))) return std::nullopt;
  return TransferJournal::Record{std::string{key}, std::string{file}};
}

std::uint64_t nanoseconds_of(const struct timespec& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace

std::string journal_key(std::string_view name, const struct stat& status,
                        const struct timespec& born) {
  std::vector<std::uint64_t> numbers = {status.st_ino, static_cast<std::uint64_t>(status.st_size),
                                        nanoseconds_of(status.st_mtim)};
  if (born.tv_sec != 0 || born.tv_nsec != 0) numbers.push_back(nanoseconds_of(born));
  std::string input;
  for (const std::uint64_t number : numbers) {
    for (int i = 0; i < 8; ++i) input.push_back(static_cast<char>(number >> (8 * i) & 0xff));
  }
  input += name;
  const XXH128_hash_t hash = XXH3_128bits(input.data(), input.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

bool TransferJournal::exists(OpenQueue& queue, const std::string& source) {
  const UniqueFd intake = open_intake_folder(queue);
  return intake &&
         try_open_below(queue.sys(), intake.get(), intake_folder_name(source), intake_path(queue));
}

TransferJournal::TransferJournal(OpenQueue& queue, const std::string& source, Access access)
    : queue_{queue}, path_{fmt::format("{}/{}", intake_path(queue), intake_folder_name(source))} {
  if (access == Access::look) {
    folder_ = open_directory(queue_.sys(), path_);
    journal_ = LockFd{queue_.sys(), [&] {
                        return queue_.sys().openat(folder_.get(), kJournalFile,
                                                   O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
                      }};
    if (journal_.error() == 0) static_cast<void>(read_journal());
    return;
  }
  parent_ = make_intake_folder(queue_);
  folder_ = make_below(queue_, parent_.get(), intake_folder_name(source), path_);
  open_journal(source);
  const off_t whole = read_journal();
  if (whole > size_) {
    // A record that was not synced before a power cut: nothing was done yet that rests on it.
    require(queue_.sys().ftruncate(journal_.get(), size_), "truncate", path_);
  }
  finish_earlier();
}

void TransferJournal::open_journal(const std::string& source) {
  Sys& sys = queue_.sys();
  const std::string path = fmt::format("{}/{}", path_, kJournalFile);
  journal_ = LockFd{sys, [&] {
                      return sys.openat(folder_.get(), kJournalFile,
                                        O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
                    }};
  if (journal_.error() != 0) throw_errno(journal_.error(), "open", path);
  // For all users of the queue; only the user that has made it can change that.
  static_cast<void>(sys.fchmod(journal_.get(), queue_.settings()->file_mode()));
  const SysResult locked = sys.flock(journal_.get(), LOCK_EX | LOCK_NB);
  if (locked.error() == EWOULDBLOCK) {
    throw_errno(EAGAIN, "take from", source, "another process copies files from there");
  }
  require(locked, "lock", path);
  sync_foreign_directory(sys, folder_.get(), path_);
}

/// Reads all whole records, and returns the size of the file.
off_t TransferJournal::read_journal() {
  const std::string path = fmt::format("{}/{}", path_, kJournalFile);
  std::string text;
  read_all(queue_.sys(), journal_.get(), path, [&](std::string_view bytes) { text += bytes; });
  std::size_t good = 0;
  while (good < text.size()) {
    const std::size_t end = text.find('\n', good);
    if (end == std::string::npos) break;
    auto record = parse_record(std::string_view{text}.substr(good, end - good));
    if (!record) break;
    good = end + 1;
    records_.insert_or_assign(std::move(record->key), std::move(record->file));
  }
  size_ = static_cast<off_t>(good);
  return static_cast<off_t>(text.size());
}

void TransferJournal::finish_earlier() {
  std::set<std::string, std::less<>> copies;
  scan_directory(queue_.sys(), folder_.get(), path_, [&](const DirectoryEntry& entry) {
    if (entry.name != kJournalFile) copies.emplace(entry.name);
    return true;
  });
  if (copies.empty()) return;
  std::vector<Record> unpublished;
  for (const auto& [key, file] : records_) {
    if (copies.erase(file) > 0) unpublished.push_back({key, file});
  }
  for (const std::string& file : copies) {
    discard_staged(queue_, folder_.get(), path_, file);
  }
  publish(unpublished);
}

bool TransferJournal::has_copied(std::string_view key) const {
  const auto record = records_.find(key);
  return record != records_.end() && record->second != kMarked;
}

std::optional<MessageName> TransferJournal::copy_of(std::string_view key) const {
  const auto record = records_.find(key);
  return record == records_.end() ? std::nullopt : parse_name(record->second);
}

bool TransferJournal::has_marked(std::string_view key) const { return records_.contains(key); }

void TransferJournal::add(const std::vector<Record>& records) {
  if (records.empty()) return;
  const std::string path = fmt::format("{}/{}", path_, kJournalFile);
  // The names of the copies, before anything says that they are there.
  queue_.durability().sync_changed({}, folder_.get(), path_);
  std::string lines;
  for (const Record& record : records) lines += fmt::format("{} {}\n", record.key, record.file);
  queue_.durability().append(journal_.get(), lines, size_, path);
  for (const Record& record : records) {
    if (record.file == kMarked) records_.insert_or_assign(record.key, record.file);
  }
}

void TransferJournal::publish(const std::vector<Record>& records) {
  for (const Record& record : records) {
    auto name = parse_name(record.file);
    if (!name) throw_errc(errc::bad_value, "publish", path_, record.file);
    // No other process moves what is here.
    if (!queue_.store().bring_in(folder_.get(), path_, record.file,
                                 {State::ready, std::move(*name), {}}, Ballast::give)) {
      throw_errno(ENOENT, "rename", fmt::format("{}/{}", path_, record.file));
    }
  }
  if (!records.empty()) queue_.durability().sync_changed({State::ready}, folder_.get(), path_);
  for (const Record& record : records) records_.insert_or_assign(record.key, record.file);
}

void TransferJournal::forget(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) records_.erase(key);
  if (!records_.empty() || size_ == 0) return;
  // Not synced: records of files that are gone do no harm.
  if (queue_.sys().ftruncate(journal_.get(), 0).ok()) size_ = 0;
}

}  // namespace spoolq::detail
