// The judge.
#include "tests/model/promises.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "queue/lifecycle/transitions.hpp"
#include "queue/maintenance/reap.hpp"
#include "queue/os/directory_scan.hpp"
#include "queue/store/listing.hpp"
#include "queue/store/open_queue.hpp"
#include "queue/store/pause.hpp"
#include "queue/store/payload.hpp"
#include "spoolq/consumer.hpp"
#include "tests/model/foreign_folder.hpp"
#include "tests/model/world.hpp"

namespace spoolq::test {
namespace {

using detail::OpenQueue;
using detail::StoredMessage;

constexpr std::array kStates{State::ready, State::claimed, State::delayed, State::failed,
                             State::done};
constexpr int kDeliveriesMax = 100;

struct Seen {
  State state;
  StoredMessage message;
  std::string payload;
  ino_t inode = 0;
};

/// Finished messages do not count. One that is being moved is finished all the same.
bool is_finished(const Seen& seen) {
  return seen.state == State::done || seen.message.name.return_to == "done";
}

/// Everything in the message folders. `wrong` gets what is torn.
std::vector<Seen> look(OpenQueue& queue, std::string& wrong) {
  std::vector<Seen> all;
  for (const State state : kStates) {
    queue.store().scan(state, [&](const StoredMessage& message) {
      detail::PayloadReader reader{queue.store().open(message.at), message};
      std::array<std::byte, 4096> buffer;
      std::string payload;
      while (const auto size = reader.read(queue.sys(), buffer, message.at.file())) {
        payload.append(reinterpret_cast<const char*>(buffer.data()), size);
      }
      if (const auto mismatch = reader.mismatch()) {
        wrong +=
            fmt::format("torn in {}: {}: {}\n", to_string(state), message.at.file(), *mismatch);
      }
      struct stat status = {};
      static_cast<void>(queue.sys().fstat(reader.descriptor(), status));
      all.push_back({state, message, payload, status.st_ino});
      return true;
    });
  }
  return all;
}

std::string check_count(const std::string& payload, Fate fate, int count, const char* verb) {
  if (fate == Fate::there && count != 1) {
    return fmt::format("'{}' must be there and was {} {} times\n", payload, verb, count);
  }
  if (fate == Fate::gone && count != 0) {
    return fmt::format("'{}' must be gone and was {} {} times\n", payload, verb, count);
  }
  if (fate == Fate::either && count > 1) {
    return fmt::format("'{}' was {} {} times\n", payload, verb, count);
  }
  if (fate == Fate::moving && (count < 1 || count > 2)) {
    return fmt::format("'{}' must be there once or twice and was {} {} times\n", payload, verb,
                       count);
  }
  return {};
}

std::string check_counts(const Fates& fates, const std::map<std::string, int>& counts,
                         const char* verb) {
  std::string wrong;
  for (const auto& [payload, fate] : fates) {
    const auto found = counts.find(payload);
    wrong += check_count(payload, fate, found == counts.end() ? 0 : found->second, verb);
  }
  for (const auto& [payload, count] : counts) {
    if (!fates.contains(payload)) {
      wrong += fmt::format("'{}', which nobody put, was {}\n", payload, verb);
    }
  }
  return wrong;
}

/// Brings every message to where a consumer finds it, without waiting for its time.
void make_deliverable(OpenQueue& queue, const std::vector<Seen>& all) {
  if (detail::is_paused(queue)) detail::resume_queue(queue);
  for (const Seen& seen : all) {
    if (seen.state == State::delayed) static_cast<void>(detail::make_due(queue, seen.message));
    if (seen.state == State::failed) static_cast<void>(detail::retry(queue, seen.message));
    if (seen.state == State::claimed && detail::is_detached(seen.message.name.claim)) {
      detail::release(queue, seen.message, std::nullopt);
    }
  }
}

void drain(const std::shared_ptr<OpenQueue>& queue, std::map<std::string, int>& delivered,
           std::string& wrong) {
  Consumer consumer{handle(queue)};
  for (int i = 0; i < kDeliveriesMax; ++i) {
    auto claim = consumer.try_take();
    if (!claim) return;
    ++delivered[claim->payload()];
    claim->ack();
  }
  wrong += "the queue does not become empty\n";
}

void find_leftovers(OpenQueue& queue, std::string& wrong) {
  for (const Seen& seen : look(queue, wrong)) {
    if (seen.state == State::done) continue;
    wrong += fmt::format("{} is left in {}\n", seen.message.at.file(), to_string(seen.state));
  }
  if (!queue.folders().has(detail::Folder::bad)) return;
  detail::scan_directory(queue.sys(), queue.fd(detail::Folder::bad), "bad", [&](const auto& entry) {
    wrong += fmt::format("{} is in bad/\n", entry.name);
    return true;
  });
}

/// The queue at `path`, and the second one if the story has made it.
std::vector<std::shared_ptr<OpenQueue>> open_all(detail::Sys& sys, const std::string& path) {
  std::vector<std::shared_ptr<OpenQueue>> queues{
      std::make_shared<OpenQueue>(sys, path, LogHandler{})};
  try {
    queues.push_back(std::make_shared<OpenQueue>(sys, second_queue(path), LogHandler{}));
  } catch (const Error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) throw;
  }
  return queues;
}

/// What was left in a folder of files to take is taken first.
void take_foreign_folders(OpenQueue& queue, const std::string& path) {
  for (const FolderKind kind : {FolderKind::plain, FolderKind::kept, FolderKind::marked}) {
    static_cast<void>(take_foreign_folder(queue, path, kind));
  }
}

}  // namespace

std::string second_queue(const std::string& path) { return path + "-2"; }

std::string story_inbox(const std::string& path) { return path + "-inbox"; }

std::string judge(detail::Sys& sys, const std::string& path, const Fates& fates) {
  std::string wrong;
  try {
    const auto queues = open_all(sys, path);
    take_foreign_folders(*queues.front(), path);
    std::vector<std::vector<Seen>> all;
    // Where a file system may split a rename, a message may have two names until it is claimed.
    std::map<std::string, int> present;
    std::set<ino_t> inodes;
    for (const auto& queue : queues) {
      all.push_back(look(*queue, wrong));
      for (const Seen& seen : all.back()) {
        if (!is_finished(seen) && inodes.insert(seen.inode).second) ++present[seen.payload];
      }
    }
    wrong += check_counts(fates, present, "present");
    if (!wrong.empty()) return wrong;
    std::map<std::string, int> delivered;
    for (std::size_t i = 0; i < queues.size(); ++i) {
      // What is being moved goes back to where it is delivered from only by hand.
      const auto is_moving = [](const Seen& seen) { return !seen.message.name.return_to.empty(); };
      if (std::any_of(all[i].begin(), all[i].end(), is_moving)) {
        detail::reap(*queues[i]);
        all[i] = look(*queues[i], wrong);
      }
      make_deliverable(*queues[i], all[i]);
      drain(queues[i], delivered, wrong);
    }
    // What was taken from a folder is not taken again.
    take_foreign_folders(*queues.front(), path);
    drain(queues.front(), delivered, wrong);
    wrong += check_counts(fates, delivered, "delivered");
    for (const auto& queue : queues) find_leftovers(*queue, wrong);
  } catch (const Error& error) {
    wrong += fmt::format("whoever comes next meets: {}\n", error.what());
  }
  return wrong;
}

}  // namespace spoolq::test
