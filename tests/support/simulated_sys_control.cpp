// What tests do with a SimulatedSys besides calling it: planting, looking, clocks and crashes.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "tests/support/simulated_sys.hpp"

namespace spoolq::test {
namespace {

constexpr std::int64_t kExt4 = 0xEF53;
constexpr std::int64_t kBtrfs = 0x9123683E;
constexpr SimulatedSys::Duration kFirstRealtime = std::chrono::seconds{1'763'870'400};
constexpr SimulatedSys::Duration kFirstMonotonic = std::chrono::seconds{100};
constexpr mode_t kPlantedFileMode = S_IFREG | 0600U;
constexpr mode_t kPlantedDirectoryMode = S_IFDIR | 0700U;

}  // namespace

std::string to_string(const CallRecord& record) {
  std::string text = to_string(record.call);
  if (!record.path.empty()) text += ' ' + record.path;
  if (!record.to_path.empty()) text += " -> " + record.to_path;
  text += " = ";
  text += record.result.ok() ? std::to_string(record.result.value())
                             : std::string{::strerrorname_np(record.result.error())};
  return text;
}

SimulatedSys::SimulatedSys(CrashModel model)
    : disk_{model, ::geteuid()}, realtime_{kFirstRealtime}, monotonic_{kFirstMonotonic} {
  info_.type = model == CrashModel::journal ? kExt4 : kBtrfs;
  info_.free_bytes = std::uint64_t{100} << 30U;
  info_.total_inodes = 10'000'000;
  info_.free_inodes = 9'000'000;
}

SimulatedSys::SimulatedSys(const SimulatedSys& before, const CrashState& state)
    : disk_{before.disk_.after(state)},
      info_{before.info_},
      capacity_{before.capacity_},
      mounts_{before.mounts_},
      realtime_{before.realtime_},
      monotonic_{kFirstMonotonic},
      recording_{before.recording_} {}

void SimulatedSys::tick() {
  realtime_ += std::chrono::microseconds{1};
  monotonic_ += std::chrono::microseconds{1};
}

timespec SimulatedSys::now() const {
  timespec time = {};
  time.tv_sec = static_cast<std::time_t>(realtime_.count() / 1'000'000'000);
  time.tv_nsec = static_cast<long>(realtime_.count() % 1'000'000'000);
  return time;
}

std::vector<CrashState> SimulatedSys::crash_states(std::size_t prefixes_max) const {
  const std::lock_guard lock{mutex_};
  return disk_.crash_states(prefixes_max);
}

CrashState SimulatedSys::keep_nothing() const {
  const std::lock_guard lock{mutex_};
  return disk_.keep_nothing();
}

CrashState SimulatedSys::keep_all(UnsyncedData data) const {
  const std::lock_guard lock{mutex_};
  return disk_.keep_all(data);
}

std::unique_ptr<SimulatedSys> SimulatedSys::crash(const CrashState& state) const {
  const std::lock_guard lock{mutex_};
  return std::unique_ptr<SimulatedSys>{new SimulatedSys{*this, state}};
}

void SimulatedSys::commit() {
  const std::lock_guard lock{mutex_};
  disk_.sync_all();
}

void SimulatedSys::close_all() {
  const std::lock_guard lock{mutex_};
  while (!files_.empty()) close_file(files_.begin());
}

bool SimulatedSys::lease_is_in_the_way(int fd) const {
  const std::lock_guard lock{mutex_};
  const auto file = files_.find(fd);
  return file != files_.end() && file->second.writable() &&
         lease_conflicts(file->second.inode, true);
}

std::size_t SimulatedSys::open_descriptor_count() const {
  const std::lock_guard lock{mutex_};
  return files_.size();
}

SimulatedSys::Place SimulatedSys::plant_place(const std::string& path) {
  disk_.sync_all();
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    Place place;
    const SysResult result = walk(SimulatedDisk::kRoot, path.substr(0, slash), true, 0, place);
    if (!result.ok()) throw std::runtime_error{"cannot plant " + path};
    if (place.inode == 0) {
      disk_.create(place.directory, place.name, kPlantedDirectoryMode, now());
    }
  }
  Place place;
  if (!walk(SimulatedDisk::kRoot, path, false, 0, place).ok()) {
    throw std::runtime_error{"cannot plant " + path};
  }
  return place;
}

void SimulatedSys::plant_file(const std::string& path, std::string_view bytes, Planted planted) {
  const std::lock_guard lock{mutex_};
  tick();
  Place place = plant_place(path);
  if (place.inode == 0) {
    place.inode = disk_.create(place.directory, place.name, kPlantedFileMode, now());
  } else {
    disk_.truncate(place.inode, 0, now());
  }
  disk_.write(place.inode, 0, bytes, now());
  if (planted == Planted::durable) disk_.sync_all();
}

void SimulatedSys::plant_symlink(const std::string& path, std::string_view target) {
  const std::lock_guard lock{mutex_};
  tick();
  const Place place = plant_place(path);
  if (place.inode != 0) throw std::runtime_error{path + " exists"};
  disk_.create(place.directory, place.name, S_IFLNK | 0777U, now(), target);
  disk_.sync_all();
}

void SimulatedSys::plant_fifo(const std::string& path) {
  const std::lock_guard lock{mutex_};
  tick();
  const Place place = plant_place(path);
  if (place.inode != 0) throw std::runtime_error{path + " exists"};
  disk_.create(place.directory, place.name, S_IFIFO | 0600U, now());
  disk_.sync_all();
}

void SimulatedSys::plant_directory(const std::string& path) {
  const std::lock_guard lock{mutex_};
  tick();
  const Place place = plant_place(path);
  if (place.inode == 0) disk_.create(place.directory, place.name, kPlantedDirectoryMode, now());
  disk_.sync_all();
}

void SimulatedSys::plant_hard_link(const std::string& existing, const std::string& path) {
  const std::lock_guard lock{mutex_};
  tick();
  const ino_t target = at(existing);
  const Place place = plant_place(path);
  if (place.inode != 0) throw std::runtime_error{path + " exists"};
  disk_.link(place.directory, place.name, target, now());
  disk_.sync_all();
}

void SimulatedSys::link(const std::string& existing, const std::string& path) {
  const std::lock_guard lock{mutex_};
  tick();
  const ino_t target = at(existing);
  Place place;
  if (!walk(SimulatedDisk::kRoot, path, false, 0, place).ok() || place.inode != 0) {
    throw std::runtime_error{"cannot link " + path};
  }
  disk_.link(place.directory, place.name, target, now());
}

void SimulatedSys::unlink(const std::string& path) {
  const std::lock_guard lock{mutex_};
  tick();
  Place place;
  const SysResult result = walk(SimulatedDisk::kRoot, path, false, 0, place);
  if (!result.ok() || !remove(place.directory, place.name.c_str(), 0).ok()) {
    throw std::runtime_error{"cannot unlink " + path};
  }
}

ino_t SimulatedSys::at(const std::string& path) const {
  Place place;
  const SysResult result = walk(SimulatedDisk::kRoot, path, false, 0, place);
  if (!result.ok() || place.inode == 0) throw std::runtime_error{"there is no " + path};
  return place.inode;
}

bool SimulatedSys::exists(const std::string& path) const {
  const std::lock_guard lock{mutex_};
  Place place;
  return walk(SimulatedDisk::kRoot, path, false, 0, place).ok() && place.inode != 0;
}

std::string SimulatedSys::read_file(const std::string& path) const {
  const std::lock_guard lock{mutex_};
  return disk_.inode(at(path)).content;
}

std::vector<std::string> SimulatedSys::list(const std::string& path) const {
  const std::lock_guard lock{mutex_};
  std::vector<std::string> names;
  for (const auto& each : disk_.inode(at(path)).entries) names.push_back(each.second.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::map<std::string, std::string> SimulatedSys::xattrs(const std::string& path) const {
  const std::lock_guard lock{mutex_};
  return disk_.inode(at(path)).attributes;
}

void SimulatedSys::dump_directory(ino_t directory, const std::string& path,
                                  std::string& text) const {
  std::map<std::string, ino_t> sorted;
  for (const auto& each : disk_.inode(directory).entries) {
    sorted[each.second.name] = each.second.inode;
  }
  for (const auto& [name, number] : sorted) {
    const Inode& inode = disk_.inode(number);
    text += path + name;
    if (inode.is_directory()) {
      text += "/\n";
      dump_directory(number, path + name + '/', text);
      continue;
    }
    if (inode.is_symlink()) text += " -> " + inode.content;
    if (inode.is_fifo()) text += " FIFO";
    if (inode.is_file()) text += ' ' + std::to_string(inode.content.size()) + " bytes";
    if (inode.names != 1) text += ", " + std::to_string(inode.names) + " links";
    text += ", inode " + std::to_string(number) + '\n';
  }
}

std::string SimulatedSys::dump() const {
  const std::lock_guard lock{mutex_};
  std::string text;
  dump_directory(SimulatedDisk::kRoot, "/", text);
  return text;
}

void SimulatedSys::set_owner(const std::string& path, uid_t owner) {
  const std::lock_guard lock{mutex_};
  disk_.set_owner(at(path), owner);
}

void SimulatedSys::set_modified(const std::string& path, Duration since_epoch) {
  const std::lock_guard lock{mutex_};
  timespec when = {};
  when.tv_sec = static_cast<std::time_t>(since_epoch / std::chrono::seconds{1});
  when.tv_nsec = static_cast<long>((since_epoch % std::chrono::seconds{1}).count());
  disk_.set_modified(at(path), when);
}

void SimulatedSys::reuse_inodes(bool on) {
  const std::lock_guard lock{mutex_};
  disk_.reuse_inodes(on);
}

void SimulatedSys::set_directory_size(const std::string& path, std::uint64_t bytes) {
  const std::lock_guard lock{mutex_};
  disk_.set_directory_size(at(path), bytes);
}

void SimulatedSys::set_mount_id(const std::string& path, std::uint64_t id) {
  const std::lock_guard lock{mutex_};
  mounts_[at(path)] = id;
}

void SimulatedSys::set_file_system_type(std::int64_t type) {
  const std::lock_guard lock{mutex_};
  info_.type = type;
}

void SimulatedSys::set_free_bytes(std::uint64_t bytes) {
  const std::lock_guard lock{mutex_};
  info_.free_bytes = bytes;
}

void SimulatedSys::set_free_inodes(std::uint64_t count) {
  const std::lock_guard lock{mutex_};
  info_.free_inodes = count;
}

void SimulatedSys::set_capacity(std::uint64_t bytes) {
  const std::lock_guard lock{mutex_};
  capacity_ = bytes;
}

void SimulatedSys::advance(Duration duration) {
  const std::lock_guard lock{mutex_};
  realtime_ += duration;
  monotonic_ += duration;
}

void SimulatedSys::set_realtime(Duration since_epoch) {
  const std::lock_guard lock{mutex_};
  realtime_ = since_epoch;
}

std::vector<CallRecord> SimulatedSys::calls() const {
  const std::lock_guard lock{mutex_};
  return calls_;
}

void SimulatedSys::clear_calls() {
  const std::lock_guard lock{mutex_};
  calls_.clear();
}

void SimulatedSys::record_calls(bool on) {
  const std::lock_guard lock{mutex_};
  recording_ = on;
}

}  // namespace spoolq::test
