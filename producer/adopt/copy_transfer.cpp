// Copies, and the end of their sources.
#include "producer/adopt/copy_transfer.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include "queue/format/attributes.hpp"
#include "queue/os/throw_error.hpp"

namespace spoolq::detail {
namespace {

using Outcome = Transferred::Outcome;

constexpr std::size_t kBufferSize = std::size_t{64} * 1024;

/// False when the source is not what it was, or cannot be read.
bool copy_content(TransferFolder& folder, TransferItem& item) {
  const Arrival& arrival = item.arrival;
  Sys& sys = folder.queue().sys();
  auto copy = std::make_unique<PendingMessage>(
      folder.queue(), Destination{State::ready, item.name, {}}, *item.name.size);
  set_headers(sys, copy->descriptor(), arrival.headers, folder.path_of(arrival));
  if (!folder.options().keep) {
    WriterHold writers{sys, item.fd.get()};
    if (!folder.is_left_alone(arrival, item.fd.get(), writers)) return false;
    if (!folder.seize(item, item.fd.get(), writers)) return false;
  }
  std::array<char, kBufferSize> buffer;
  std::uint64_t size = 0;
  for (;;) {
    const SysResult got = sys.read(item.fd.get(), buffer.data(), buffer.size());
    if (!got.ok()) {
      // Its disk is not ours: the others may be readable.
      const std::error_code code{got.error(), std::generic_category()};
      refuse(item.result, Error{code, "read", folder.path_of(arrival)});
      return false;
    }
    if (got.value() == 0) break;
    size += static_cast<std::uint64_t>(got.value());
    if (size > *item.name.size) return false;  // It grows.
    copy->write({buffer.data(), static_cast<std::size_t>(got.value())});
  }
  // Through another name, or a descriptor that was handed on, it can be written to all the same.
  WriterHold writers{sys, item.fd.get()};
  if (size != *item.name.size || !folder.is_left_alone(arrival, item.fd.get(), writers))
    return false;
  const std::string& called = arrival.name ? arrival.name->original : arrival.file;
  if (copy->destination().name.original != called) set_whole_name(sys, copy->descriptor(), called);
  item.staged = copy->stage(folder.journal().folder());
  item.copy = std::move(copy);
  return true;
}

void copy_one(TransferFolder& folder, TransferItem& item) {
  try {
    if (copy_content(folder, item)) return;
  } catch (const Error& error) {
    folder.put_back(item);
    return refuse_or_rethrow(item.result, error);
  }
  folder.put_back(item);
}

/// Removes the parts of what are messages.
void remove_parts(TransferFolder& folder, std::vector<TransferItem>& items) {
  Sys& sys = folder.queue().sys();
  std::set<int> directories;
  for (TransferItem& item : items) {
    if (!item.goes()) continue;
    const int directory = folder.directory_of(item.arrival);
    for (const std::string& part : item.arrival.parts) {
      const SysResult removed = folder.sources().remove_part(directory, part);
      if (!removed.ok() && removed.error() != ENOENT) {
        const std::error_code code{removed.error(), std::generic_category()};
        const std::string path = fmt::format("{}/{}{}", folder.path(), item.arrival.below, part);
        if (!is_forbidden(code)) throw Error{code, "unlink", path};
        folder.leave_source(item, part, code);
        break;
      }
      directories.insert(directory);
    }
  }
  for (const int directory : directories) sync_foreign_directory(sys, directory, folder.path());
}

/// Whether a published source, open as `fd`, has its private name and was not written to.
bool seize_again(TransferFolder& folder, TransferItem& item, const UniqueFd& fd) {
  WriterHold writers{folder.queue().sys(), fd.get()};
  if (!item.is_seized() && !folder.is_left_alone(item.arrival, fd.get(), writers)) return false;
  return folder.seize(item, fd.get(), writers);
}

/// True when it is gone.
bool remove_source(TransferFolder& folder, TransferItem& item) {
  Sys& sys = folder.queue().sys();
  const Arrival& arrival = item.arrival;
  const SysResult opened = folder.open_source(item);
  if (opened.error() == ENOENT) return true;
  try {
    if (!opened.ok()) throw_errno(opened.error(), "open", folder.path_of(arrival));
    if (!seize_again(folder, item, UniqueFd{sys, opened})) return false;
    const SysResult removed = folder.sources().remove(item.source);
    if (!removed.ok() && removed.error() != ENOENT) {
      throw_errno(removed.error(), "unlink", folder.path_of(arrival));
    }
  } catch (const Error& error) {
    if (error.code().category() != std::generic_category()) throw;
    folder.leave_source(item, arrival.file, error.code());
    return false;
  }
  if (item.result.outcome == Outcome::forgotten) {
    folder.queue().log(LogLevel::notice, fmt::format("{} was taken before; removed",
                                                     escaped(folder.path_of(arrival))));
  }
  return true;
}

}  // namespace

void transfer_by_copy(TransferFolder& folder, std::vector<TransferItem>& items) {
  std::vector<TransferJournal::Record> records;
  if (!items.empty()) folder.journal();
  for (TransferItem& item : items) {
    if (!item.is_wanted()) continue;
    copy_one(folder, item);
    if (item.copy) records.push_back({folder.key_of(item.arrival), item.staged});
  }
  if (records.empty()) return;
  folder.journal().add(records);
  folder.journal().publish(records);
  for (TransferItem& item : items) {
    if (!item.copy) continue;
    item.copy->published();
    item.result.outcome = Outcome::taken;
  }
}

void remove_sources(TransferFolder& folder, std::vector<TransferItem>& items) {
  Sys& sys = folder.queue().sys();
  const auto goes = [](const TransferItem& item) { return item.goes(); };
  if (std::none_of(items.begin(), items.end(), goes)) return;
  remove_parts(folder, items);
  std::vector<std::string> keys;
  std::vector<const SeizedSource*> removed;
  std::set<int> directories;
  for (TransferItem& item : items) {
    if (!item.goes() || !remove_source(folder, item)) continue;
    directories.insert(item.is_seized() ? item.source.directory
                                        : folder.directory_of(item.arrival));
    directories.insert(folder.directory_of(item.arrival));
    removed.push_back(&item.source);
    keys.push_back(folder.key_of(item.arrival));
  }
  for (const int directory : directories) sync_foreign_directory(sys, directory, folder.path());
  for (const SeizedSource* source : removed) folder.sources().end(*source);
  folder.forget(keys);
}

}  // namespace spoolq::detail
