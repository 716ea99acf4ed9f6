// Which steps an fsync makes durable, and which a power cut may leave.
#include <algorithm>
#include <cassert>
#include <set>
#include <utility>

#include "tests/support/simulated_disk.hpp"

namespace spoolq::test {
namespace {

using Kind = DiskStep::Kind;

bool is_data(const DiskStep& step) { return step.kind == Kind::write; }

bool is_entry(const DiskStep& step) {
  return step.kind == Kind::add || step.kind == Kind::remove || step.kind == Kind::exchange;
}

/// Whether two steps are about an entry of one name. An exchange is about two.
bool share_entry(const DiskStep& one, const DiskStep& other) {
  if (one.directory != other.directory) return false;
  const auto has = [](const DiskStep& step, const std::string& name) {
    return step.name == name || (step.kind == Kind::exchange && step.bytes == name);
  };
  return has(one, other.name) || (other.kind == Kind::exchange && has(one, other.bytes));
}

/// Whether fsync of `number` has a reason to write this step.
bool touches(const DiskStep& step, ino_t number) {
  return step.inode == number || step.directory == number;
}

/// Takes from earlier writes what a later truncation has cut off.
void clip(std::vector<DiskStep>& steps, const DiskStep& truncation) {
  for (DiskStep& step : steps) {
    if (!is_data(step) || step.inode != truncation.inode) continue;
    if (step.size >= truncation.size) {
      step.bytes.clear();
    } else if (step.size + step.bytes.size() > truncation.size) {
      step.bytes.resize(truncation.size - step.size);
    }
  }
}

}  // namespace

const char* to_string(UnsyncedData data) {
  switch (data) {
    case UnsyncedData::lost:
      return "unsynced data lost";
    case UnsyncedData::torn:
      return "unsynced data torn";
    case UnsyncedData::kept:
      return "unsynced data kept";
  }
  return "";
}

void SimulatedDisk::make_durable(const Chosen& chosen) {
  std::vector<DiskStep> rest;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    DiskStep& each = pending_[i];
    if (!chosen[i]) {
      rest.push_back(std::move(each));
      continue;
    }
    if (each.kind == Kind::truncate) clip(rest, each);
    const ino_t nameless = durable_.apply(each);
    if (nameless != 0) durable_.inodes.erase(nameless);
  }
  pending_ = std::move(rest);
}

SimulatedDisk::Chosen SimulatedDisk::journal_up_to(ino_t number) const {
  std::uint64_t last_group = 0;
  for (const DiskStep& each : pending_) {
    if (!is_data(each) && touches(each, number)) last_group = each.group;
  }
  Chosen chosen(pending_.size());
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    chosen[i] = !is_data(pending_[i]) && pending_[i].group <= last_group;
  }
  return chosen;
}

// A step needs the earlier steps of the same entry or inode. An entry needs its inode. The second
// half of a rename, the removal, needs the first.
SimulatedDisk::Chosen SimulatedDisk::with_dependencies(Chosen chosen) const {
  const auto needs = [](const DiskStep& later, const DiskStep& earlier) {
    if (is_data(earlier)) return false;
    if (is_entry(earlier)) {
      if (later.moved && later.group == earlier.group) return true;
      return is_entry(later) && share_entry(later, earlier);
    }
    return later.inode == earlier.inode && later.kind != Kind::remove;
  };
  for (std::size_t i = pending_.size(); i-- > 0;) {
    if (!chosen[i]) continue;
    for (std::size_t j = 0; j < i; ++j) {
      if (!chosen[j] && needs(pending_[i], pending_[j])) chosen[j] = true;
    }
  }
  return chosen;
}

SimulatedDisk::Chosen SimulatedDisk::entries_of(ino_t directory) const {
  Chosen chosen(pending_.size());
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    chosen[i] = pending_[i].directory == directory;
  }
  return chosen;
}

void SimulatedDisk::sync(ino_t number) {
  Chosen chosen;
  if (model_ == CrashModel::journal) {
    chosen = journal_up_to(number);
  } else {
    chosen = entries_of(number);
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      const DiskStep& each = pending_[i];
      if (!is_entry(each) && each.inode == number) chosen[i] = true;
      // Measured on btrfs with several processes at work: fsync returned 0, and after a power cut
      // the renamed file had its old name.
      if (each.kind == Kind::add && each.moved) chosen[i] = false;
    }
    chosen = with_dependencies(std::move(chosen));
  }
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    if (is_data(pending_[i]) && pending_[i].inode == number) chosen[i] = true;
  }
  make_durable(chosen);
}

void SimulatedDisk::sync_all() { make_durable(Chosen(pending_.size(), true)); }

CrashState SimulatedDisk::keep_nothing() const {
  return {"only what is durable", UnsyncedData::lost, Chosen(pending_.size())};
}

CrashState SimulatedDisk::keep_all(UnsyncedData data) const {
  CrashState state{"all names, " + std::string{to_string(data)}, data, Chosen(pending_.size())};
  for (std::size_t i = 0; i < pending_.size(); ++i) state.kept[i] = !is_data(pending_[i]);
  return state;
}

std::vector<CrashState> SimulatedDisk::metadata_outcomes(std::size_t prefixes_max) const {
  std::vector<std::uint64_t> groups;
  for (const DiskStep& each : pending_) {
    if (!is_data(each) && (groups.empty() || groups.back() != each.group)) {
      groups.push_back(each.group);
    }
  }
  std::vector<std::size_t> lengths{0};
  const std::size_t between = groups.empty() ? 0 : groups.size() - 1;
  const std::size_t count = std::min(between, prefixes_max);
  for (std::size_t i = 1; i <= count; ++i) lengths.push_back(i * (between + 1) / (count + 1));
  if (!groups.empty()) lengths.push_back(groups.size());

  std::vector<CrashState> outcomes;
  for (const std::size_t length : lengths) {
    CrashState state{
        std::to_string(length) + " of " + std::to_string(groups.size()) + " pending operations",
        UnsyncedData::lost, Chosen(pending_.size())};
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      state.kept[i] =
          length > 0 && !is_data(pending_[i]) && pending_[i].group <= groups[length - 1];
    }
    outcomes.push_back(std::move(state));
  }
  if (model_ == CrashModel::per_directory) add_directory_outcomes(outcomes);
  return outcomes;
}

// One directory written and no other, and each but one written.
void SimulatedDisk::add_directory_outcomes(std::vector<CrashState>& outcomes) const {
  std::set<ino_t> directories;
  for (const DiskStep& each : pending_) {
    if (is_entry(each)) directories.insert(each.directory);
  }
  const auto add = [&outcomes](std::string description, Chosen kept) {
    const auto same = [&kept](const CrashState& other) { return other.kept == kept; };
    if (std::any_of(outcomes.begin(), outcomes.end(), same)) return;
    outcomes.push_back({std::move(description), UnsyncedData::lost, std::move(kept)});
  };
  for (const ino_t directory : directories) {
    const Chosen own = entries_of(directory);
    add("only directory " + std::to_string(directory), with_dependencies(own));
    Chosen others(pending_.size());
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (is_data(pending_[i]) || own[i]) continue;
      Chosen single(pending_.size());
      single[i] = true;
      single = with_dependencies(std::move(single));
      others[i] = true;
      for (std::size_t j = 0; j < pending_.size(); ++j) {
        if (single[j] && own[j]) others[i] = false;
      }
    }
    add("all but directory " + std::to_string(directory), std::move(others));
  }
}

// Bytes reach the disk in no order with the metadata, but not before their file, and not after a
// truncation that was lost: they stand in blocks that only the truncation made free.
SimulatedDisk::Chosen SimulatedDisk::possible_writes(const Chosen& kept) const {
  Chosen possible(pending_.size());
  std::set<ino_t> made;
  std::set<ino_t> unreachable;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const DiskStep& each = pending_[i];
    if (each.kind == Kind::make && kept[i]) made.insert(each.inode);
    if (each.kind == Kind::truncate && !kept[i]) unreachable.insert(each.inode);
    if (!is_data(each) || each.bytes.empty() || unreachable.contains(each.inode)) continue;
    possible[i] = made.contains(each.inode) || durable_.find(each.inode) != nullptr;
  }
  return possible;
}

std::vector<CrashState> SimulatedDisk::crash_states(std::size_t prefixes_max) const {
  std::vector<CrashState> states;
  for (CrashState& outcome : metadata_outcomes(prefixes_max)) {
    const Chosen writes = possible_writes(outcome.kept);
    if (std::find(writes.begin(), writes.end(), true) == writes.end()) {
      states.push_back(std::move(outcome));
      continue;
    }
    for (const UnsyncedData data : {UnsyncedData::lost, UnsyncedData::torn, UnsyncedData::kept}) {
      states.push_back({outcome.description + ", " + to_string(data), data, outcome.kept});
    }
  }
  return states;
}

SimulatedDisk SimulatedDisk::after(const CrashState& state) const {
  assert(state.kept.size() == pending_.size() && "the disk has changed since");
  const Chosen writes = possible_writes(state.kept);
  std::map<ino_t, std::size_t> budget;  // Bytes that reached the disk, of each file.
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    if (writes[i]) budget[pending_[i].inode] += pending_[i].bytes.size();
  }
  if (state.data != UnsyncedData::kept) {
    for (auto& [number, bytes] : budget) {
      bytes = state.data == UnsyncedData::torn ? bytes / 2 : 0;
    }
  }

  SimulatedDisk result = SimulatedDisk{model_, inode(kRoot).owner};
  DiskImage image = durable_;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    if (!is_data(pending_[i])) {
      if (state.kept[i]) image.apply(pending_[i]);
    } else if (writes[i]) {
      DiskStep part = pending_[i];
      std::size_t& left = budget[part.inode];
      part.bytes.resize(std::min(part.bytes.size(), left));
      left -= part.bytes.size();
      if (!part.bytes.empty()) image.apply(part);
    }
  }
  std::erase_if(image.inodes, [](const auto& each) { return each.second.names == 0; });
  result.live_ = image;
  result.durable_ = std::move(image);
  result.next_inode_ = next_inode_;
  result.reuses_inodes_ = reuses_inodes_;
  return result;
}

}  // namespace spoolq::test
