// The judgement.
#include "tests/crash/judge.hpp"

#include <fmt/core.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "queue/format/message_name.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 6> kFolders{"new", "cur", "later", "failed", "done", "bad"};

std::optional<MessageId> id_of(const std::string& folder, const std::string& file) {
  if (folder == "later") {
    const auto delayed = detail::parse_delayed_name(file);
    return delayed ? std::optional{delayed->name.id} : std::nullopt;
  }
  const auto name = detail::parse_name(file);
  return name ? std::optional{name->id} : std::nullopt;
}

std::string damage_of(const fs::path& path, const MessageId& id) {
  std::ifstream stream{path, std::ios::binary};
  if (!stream) return "it cannot be opened";
  const std::string content{std::istreambuf_iterator<char>{stream}, {}};
  const std::string payload = payload_of(id);
  if (content == payload) return {};
  if (content.size() != payload.size()) {
    return fmt::format("{} bytes instead of {}", content.size(), payload.size());
  }
  return fmt::format("wrong bytes among its {}", content.size());
}

}  // namespace

const char* to_string(Fault fault) {
  switch (fault) {
    case Fault::lost:
      return "lost";
    case Fault::torn:
      return "torn";
    case Fault::acked_back:
      return "acked_back";
    case Fault::duplicated:
      return "duplicated";
    case Fault::unexpected:
      return "unexpected";
  }
  return "";
}

Snapshot look_at(const std::string& queue) {
  Snapshot snapshot;
  for (const std::string folder : kFolders) {
    for (const auto& entry : fs::directory_iterator{fs::path{queue} / folder}) {
      Sighting sighting{folder, entry.path().filename(), {}, {}};
      sighting.id = id_of(folder, sighting.file);
      if (sighting.id) sighting.damage = damage_of(entry.path(), *sighting.id);
      snapshot.files.push_back(std::move(sighting));
    }
  }
  const fs::directory_iterator pending{fs::path{queue} / "tmp"};
  snapshot.pending = static_cast<std::size_t>(std::distance(begin(pending), end(pending)));
  return snapshot;
}

std::size_t Judge::Hash::operator()(const MessageId& id) const {
  std::size_t value = 0;
  std::memcpy(&value, id.bytes().data() + id.bytes().size() - sizeof value, sizeof value);
  return value;
}

void Judge::add(Fault fault, const MessageId& id, std::string what) {
  findings_.push_back({fault, id, std::move(what)});
}

void Judge::read() {
  for (const std::size_t end = ledger_.size(); next_ < end; ++next_) {
    const Event event = ledger_.at(next_);
    if (event.what != What::nothing) read_event(event);
  }
}

void Judge::read_event(const Event& event) {
  if (event.what == What::killed) {
    dead_.insert(event.worker);
    for (const MessageId& id : held_[event.worker]) {
      Message& message = messages_[id];
      message.holder = 0;
      message.orphaned = event.time;
      ++orphans_;
    }
    held_.erase(event.worker);
    return;
  }
  if (event.what == What::trouble) {
    add(Fault::unexpected, event.id, "a worker met what must not happen");
    return;
  }
  const bool known = messages_.contains(event.id);
  if (!known && event.what != What::put_started) {
    add(Fault::unexpected, event.id, fmt::format("{}, and nobody put it", to_string(event.what)));
  }
  Message& message = messages_[event.id];
  const auto let_go = [&] {
    if (message.holder != event.worker) return;
    message.holder = 0;
    held_[event.worker].erase(event.id);
  };
  switch (event.what) {
    case What::put_started:
      if (known) add(Fault::duplicated, event.id, "the id was given twice");
      message.not_before = event.value;
      break;
    case What::put_returned:
      message.accepted = true;
      ++puts_;
      break;
    case What::claimed:
      read_claim(event, message);
      break;
    case What::ack_started:
      let_go();
      ++message.acks_open;
      break;
    case What::ack_refused:
      --message.acks_open;
      break;
    case What::ack_returned:
      --message.acks_open;
      if (message.acked) add(Fault::duplicated, event.id, "two acks returned");
      message.acked = true;
      ++acks_;
      break;
    case What::release_started:
      let_go();
      message.not_before = 0;
      break;
    case What::release_returned:
      message.not_before = event.value;
      message.detached = false;
      ++released_;
      break;
    case What::fail_started:
      let_go();
      message.retried = false;
      break;
    case What::fail_returned:
      // Somebody may have retried it before its consumer came to write this down.
      message.failed = !message.retried;
      ++failed_;
      break;
    case What::detach_started:
      let_go();
      break;
    case What::detach_returned:
      message.not_before = event.value;
      message.detached = true;
      ++detached_;
      break;
    case What::retry_started:
      message.retried = true;
      message.failed = false;
      break;
    case What::torn:
      add(Fault::torn, event.id, "it was delivered with wrong bytes");
      break;
    case What::nothing:
    case What::trouble:
    case What::killed:
      break;
  }
}

void Judge::read_claim(const Event& event, Message& message) {
  ++claims_;
  if (message.delivered) ++redelivered_;
  message.delivered = true;
  if (message.acked) {
    add(Fault::acked_back, event.id, "it was delivered after its ack had returned");
  }
  if (message.failed) {
    add(Fault::unexpected, event.id, "it was delivered after fail had returned, not retried");
    message.failed = false;
  }
  if (event.time < message.not_before) {
    add(Fault::unexpected, event.id,
        fmt::format("it was delivered {} ms too early", message.not_before - event.time));
  }
  if (message.holder != 0 && message.holder != event.worker) {
    add(Fault::duplicated, event.id,
        fmt::format("delivered to worker {} while worker {} has it", event.worker, message.holder));
    held_[message.holder].erase(event.id);
  }
  if (message.orphaned != 0) {
    orphaned_max_ = std::max(orphaned_max_, event.time - message.orphaned);
    message.orphaned = 0;
  }
  message.holder = 0;
  // The worker may have been condemned between its claim and this event.
  if (dead_.contains(event.worker)) return;
  message.holder = event.worker;
  held_[event.worker].insert(event.id);
}

void Judge::power_was_cut() {
  held_.clear();
  for (auto& [id, message] : messages_) {
    message.holder = 0;
    message.orphaned = 0;
    // A detach is not synced: the cut may have undone it.
    if (message.detached) message.not_before = 0;
    message.detached = false;
  }
}

void Judge::compare(const Snapshot& snapshot) {
  std::unordered_map<MessageId, const Sighting*, Hash> seen;
  for (const Sighting& sighting : snapshot.files) {
    const std::string path = sighting.folder + "/" + sighting.file;
    if (!sighting.id) {
      add(Fault::unexpected, {}, path + " is no message");
      continue;
    }
    const MessageId& id = *sighting.id;
    if (!sighting.damage.empty()) add(Fault::torn, id, path + ": " + sighting.damage);
    if (sighting.folder == "bad" || sighting.folder == "done") {
      add(Fault::unexpected, id, path + " should not be there");
    }
    const auto [first, inserted] = seen.emplace(id, &sighting);
    if (!inserted) {
      add(Fault::duplicated, id,
          fmt::format("{} and {}/{}", path, first->second->folder, first->second->file));
    }
    const auto found = messages_.find(id);
    if (found == messages_.end()) {
      add(Fault::unexpected, id, path + ", and nobody put it");
      continue;
    }
    const Message& message = found->second;
    if (message.acked) add(Fault::acked_back, id, path + ", and its ack had returned");
    if (message.failed && sighting.folder != "failed") {
      add(Fault::unexpected, id, path + ", and fail had returned");
    }
    if (!message.accepted) ++recovered_;
  }
  for (const auto& [id, message] : messages_) {
    if (!message.accepted || message.acked || message.acks_open > 0 || seen.contains(id)) continue;
    add(Fault::lost, id, "its put had returned, and nobody began to ack it");
  }
}

void Judge::settle(const Snapshot& snapshot) {
  std::unordered_set<MessageId, Hash> there;
  for (const Sighting& sighting : snapshot.files) {
    if (!sighting.id) continue;
    there.insert(*sighting.id);
    Message& message = messages_[*sighting.id];
    message.accepted = true;
    // What was broken has been said once.
    message.acked = false;
    message.failed = sighting.folder == "failed";
  }
  for (auto& [id, message] : messages_) {
    message.acks_open = 0;
    // A put that never returned and left nothing will not come later either.
    if (!there.contains(id)) message.acked = true;
  }
}

bool Judge::retry_begun(const MessageId& id) const {
  const auto found = messages_.find(id);
  return found != messages_.end() && found->second.retried;
}

void Judge::forget() {
  next_ = 0;
  messages_.clear();
  held_.clear();
  dead_.clear();
}

std::string Judge::verdict() const {
  std::map<Fault, std::size_t> numbers;
  for (const Finding& finding : findings_) ++numbers[finding.fault];
  std::string text;
  for (const Fault fault :
       {Fault::lost, Fault::torn, Fault::acked_back, Fault::duplicated, Fault::unexpected}) {
    text += fmt::format("{} {}, ", to_string(fault), numbers[fault]);
  }
  return text + fmt::format("recovered {}", recovered_);
}

std::string Judge::counts() const {
  std::string text =
      fmt::format("{} puts, {} deliveries ({} again), {} acks, {} releases, {} fails, {} detached",
                  puts_, claims_, redelivered_, acks_, released_, failed_, detached_);
  if (orphans_ > 0) {
    text += fmt::format(", {} taken from the dead and delivered again within {} ms", orphans_,
                        orphaned_max_);
  }
  return text;
}

std::string Judge::describe(std::size_t limit) const {
  std::string text;
  for (std::size_t i = 0; i < findings_.size() && i < limit; ++i) {
    const Finding& finding = findings_[i];
    text += fmt::format("  {}: {} {}\n{}", to_string(finding.fault), finding.id.to_string(),
                        finding.what, ledger_.history(finding.id));
  }
  if (findings_.size() > limit) text += fmt::format("  and {} more\n", findings_.size() - limit);
  return text;
}

}  // namespace spoolq::test
