// Making queues, putting and claiming without a Consumer.
#include "tests/model/world.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "queue/lifecycle/put.hpp"
#include "queue/store/listing.hpp"

namespace spoolq::test {

bool Log::has(std::string_view text) const {
  const std::lock_guard lock{mutex_};
  return std::any_of(lines_.begin(), lines_.end(), [text](const std::string& line) {
    return line.find(text) != std::string::npos;
  });
}

std::shared_ptr<OpenQueue> open_queue(detail::Sys& sys, const std::string& path, Log* log) {
  return std::make_shared<OpenQueue>(sys, path, log != nullptr ? log->handler() : LogHandler{});
}

World::World(const std::vector<SettingChange>& settings, CrashModel model) : disk{model} {
  std::vector<SettingChange> all{{"min_free", "0"}};
  all.insert(all.end(), settings.begin(), settings.end());
  detail::init_queue(disk, kPath, all);
  queue = open(disk);
  disk.clear_calls();
}

std::string World::path(Folder folder, const std::string& file) const {
  return queue->path(folder, file);
}

std::vector<std::string> World::names(Folder folder) const { return disk.list(path(folder)); }

MessageId put(const std::shared_ptr<OpenQueue>& queue, std::string_view payload,
              const PutOptions& options) {
  return Producer{handle(queue)}.put(payload, options);
}

std::vector<StoredMessage> messages(OpenQueue& queue, State state) {
  std::vector<StoredMessage> found;
  queue.store().scan(state, [&](const StoredMessage& message) {
    found.push_back(message);
    return true;
  });
  std::sort(found.begin(), found.end(), [](const StoredMessage& a, const StoredMessage& b) {
    return a.at.file() < b.at.file();
  });
  return found;
}

StoredMessage only(OpenQueue& queue, State state) {
  const auto found = messages(queue, state);
  if (found.size() != 1) {
    throw std::runtime_error{std::to_string(found.size()) + " messages are " +
                             std::string{to_string(state)}};
  }
  return found.front();
}

StoredMessage claim_only(OpenQueue& queue, const std::string& claim) {
  const StoredMessage ready = only(queue, State::ready);
  auto claimed = detail::claim(queue, ready, claim);
  if (!claimed) throw std::runtime_error{"somebody else claimed it"};
  return *claimed;
}

StoredMessage put_and_claim(OpenQueue& queue, std::string_view payload, const std::string& claim,
                            const PutOptions& options) {
  detail::PendingMessage pending{queue, options, payload.size()};
  pending.write(payload);
  const MessageId id = pending.id();
  pending.publish();
  for (const StoredMessage& ready : messages(queue, State::ready)) {
    if (ready.name.id != id) continue;
    auto claimed = detail::claim(queue, ready, claim);
    if (claimed) return *claimed;
  }
  throw std::runtime_error{"somebody else claimed it"};
}

Reason reason(std::string text) {
  Reason made;
  made.text = std::move(text);
  return made;
}

}  // namespace spoolq::test
