// The images and the steps between them. What an fsync or a power cut makes of the steps is in
// simulated_disk_crash.cpp.
#include "tests/support/simulated_disk.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace spoolq::test {
namespace {

using Kind = DiskStep::Kind;

constexpr std::uint64_t kDirectoryBlock = 4096;

bool is_entry(const DiskStep& step) { return step.kind == Kind::add || step.kind == Kind::remove; }

std::uint64_t bytes_in_directory(std::string_view name) { return (8 + name.size() + 3) / 4 * 4; }

void write_at(std::string& content, std::uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
  content.replace(offset, bytes.size(), bytes);
}

}  // namespace

std::uint64_t scan_position(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char byte : name) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
  }
  hash ^= hash >> 29U;
  return (hash >> 1U) | 2U;  // Fits the signed d_off and stays clear of "." and "..".
}

bool Inode::is_directory() const { return S_ISDIR(mode); }
bool Inode::is_file() const { return S_ISREG(mode); }
bool Inode::is_symlink() const { return S_ISLNK(mode); }
bool Inode::is_fifo() const { return S_ISFIFO(mode); }

nlink_t Inode::links() const {
  if (!is_directory()) return names;
  return names == 0 ? 0 : 2 + directories;
}

const Inode* DiskImage::find(ino_t number) const {
  const auto found = inodes.find(number);
  return found == inodes.end() ? nullptr : &found->second;
}

Inode* DiskImage::find(ino_t number) {
  const auto found = inodes.find(number);
  return found == inodes.end() ? nullptr : &found->second;
}

ino_t DiskImage::lookup(ino_t directory, std::string_view name) const {
  const Inode* found = find(directory);
  if (found == nullptr) return 0;
  const auto entry = found->entries.find(scan_position(name));
  if (entry == found->entries.end()) return 0;
  assert(entry->second.name == name && "two names with one hash");
  return entry->second.inode;
}

ino_t DiskImage::drop_name(Inode& directory, std::uint64_t hash) {
  const auto entry = directory.entries.find(hash);
  if (entry == directory.entries.end()) return 0;
  const ino_t number = entry->second.inode;
  directory.entry_bytes -= bytes_in_directory(entry->second.name);
  directory.entries.erase(entry);
  Inode* target = find(number);
  if (target == nullptr) return 0;
  if (target->is_directory()) --directory.directories;
  return --target->names == 0 ? number : 0;
}

ino_t DiskImage::apply_add(const DiskStep& step, Inode& directory) {
  Inode* target = find(step.inode);
  if (target == nullptr) return 0;
  const std::uint64_t hash = scan_position(step.name);
  const ino_t replaced = drop_name(directory, hash);
  directory.entries[hash] = DirectoryEntry{step.name, step.inode};
  directory.entry_bytes += bytes_in_directory(step.name);
  directory.directory_size =
      std::max(directory.directory_size,
               (directory.entry_bytes + kDirectoryBlock - 1) / kDirectoryBlock * kDirectoryBlock);
  ++target->names;
  if (target->is_directory()) {
    ++directory.directories;
    target->parent = step.directory;
  }
  return replaced;
}

void DiskImage::apply_exchange(const DiskStep& step) {
  Inode* directory = find(step.directory);
  if (directory == nullptr) return;
  const auto one = directory->entries.find(scan_position(step.name));
  const auto other = directory->entries.find(scan_position(step.bytes));
  if (one == directory->entries.end() || other == directory->entries.end()) return;
  std::swap(one->second.inode, other->second.inode);
  directory->modified = directory->changed = step.when;
}

ino_t DiskImage::apply(const DiskStep& step) {
  if (step.kind == Kind::make) {
    Inode made;
    made.number = step.inode;
    made.mode = step.mode;
    made.owner = static_cast<uid_t>(step.size);
    made.content = step.bytes;
    made.accessed = made.modified = made.changed = made.born = step.when;
    if (made.is_directory()) made.directory_size = kDirectoryBlock;
    inodes[step.inode] = std::move(made);
    return 0;
  }
  if (step.kind == Kind::exchange) {
    apply_exchange(step);
    return 0;
  }
  Inode* target = find(step.inode);
  if (is_entry(step)) {
    Inode* directory = find(step.directory);
    if (directory == nullptr) return 0;
    directory->modified = directory->changed = step.when;
    if (target != nullptr) target->changed = step.when;
    return step.kind == Kind::add ? apply_add(step, *directory)
                                  : drop_name(*directory, scan_position(step.name));
  }
  if (target == nullptr) return 0;
  target->changed = step.when;
  switch (step.kind) {
    case Kind::truncate:
      target->content.resize(step.size);
      target->modified = step.when;
      break;
    case Kind::extend:
      if (target->content.size() < step.size) target->content.resize(step.size);
      break;
    case Kind::write:
      write_at(target->content, step.size, step.bytes);
      target->modified = step.when;
      break;
    case Kind::chmod:
      target->mode = (target->mode & S_IFMT) | (step.mode & 07777U);
      break;
    case Kind::touch:
      target->accessed = target->modified = step.when;
      break;
    case Kind::set_xattr:
      target->attributes[step.name] = step.bytes;
      break;
    case Kind::remove_xattr:
      target->attributes.erase(step.name);
      break;
    case Kind::make:
    case Kind::add:
    case Kind::remove:
    case Kind::exchange:
      break;
  }
  return 0;
}

SimulatedDisk::SimulatedDisk(CrashModel model, uid_t owner) : model_{model} {
  DiskStep root;
  root.inode = kRoot;
  root.mode = S_IFDIR | 0755U;
  root.size = owner;
  live_.apply(root);
  live_.inodes.at(kRoot).names = 1;
  live_.inodes.at(kRoot).parent = kRoot;
  durable_ = live_;
}

std::uint64_t SimulatedDisk::used_bytes() const {
  std::uint64_t used = 0;
  for (const auto& [number, inode] : live_.inodes) {
    used += inode.is_directory() ? inode.directory_size : inode.content.size();
  }
  return used;
}

DiskStep SimulatedDisk::step(Kind kind, ino_t inode, timespec now) const {
  DiskStep made;
  made.kind = kind;
  made.inode = inode;
  made.when = now;
  return made;
}

void SimulatedDisk::perform(std::vector<DiskStep> steps) {
  ++group_;
  for (DiskStep& each : steps) {
    each.group = group_;
    live_.apply(each);
    pending_.push_back(std::move(each));
  }
}

ino_t SimulatedDisk::free_number() {
  for (ino_t number = kFirstInode; reuses_inodes_ && number < next_inode_; ++number) {
    if (live_.find(number) != nullptr) continue;
    sync_all();
    return number;
  }
  return next_inode_++;
}

ino_t SimulatedDisk::create(ino_t directory, std::string_view name, mode_t mode, timespec now,
                            std::string_view link_target) {
  const ino_t number = free_number();
  DiskStep make = step(Kind::make, number, now);
  make.mode = mode;
  make.bytes = link_target;
  make.size = inode(kRoot).owner;
  DiskStep add = step(Kind::add, number, now);
  add.directory = directory;
  add.name = name;
  perform({make, add});
  return number;
}

void SimulatedDisk::link(ino_t directory, std::string_view name, ino_t target, timespec now) {
  DiskStep add = step(Kind::add, target, now);
  add.directory = directory;
  add.name = name;
  perform({add});
}

void SimulatedDisk::remove(ino_t directory, std::string_view name, timespec now) {
  DiskStep removal = step(Kind::remove, live_.lookup(directory, name), now);
  removal.directory = directory;
  removal.name = name;
  perform({removal});
}

void SimulatedDisk::rename(ino_t from_directory, std::string_view from, ino_t to_directory,
                           std::string_view to, timespec now) {
  const ino_t number = live_.lookup(from_directory, from);
  DiskStep add = step(Kind::add, number, now);
  add.directory = to_directory;
  add.name = to;
  add.moved = true;
  DiskStep removal = step(Kind::remove, number, now);
  removal.directory = from_directory;
  removal.name = from;
  removal.moved = true;
  perform({add, removal});
}

void SimulatedDisk::exchange(ino_t directory, std::string_view one, std::string_view other,
                             timespec now) {
  DiskStep made = step(Kind::exchange, 0, now);
  made.directory = directory;
  made.name = one;
  made.bytes = other;
  perform({made});
}

void SimulatedDisk::write(ino_t file, std::uint64_t offset, std::string_view bytes, timespec now) {
  DiskStep made = step(Kind::write, file, now);
  made.size = offset;
  made.bytes = bytes;
  perform({made});
}

void SimulatedDisk::truncate(ino_t file, std::uint64_t size, timespec now) {
  DiskStep made = step(Kind::truncate, file, now);
  made.size = size;
  perform({made});
}

void SimulatedDisk::extend(ino_t file, std::uint64_t size, timespec now) {
  DiskStep made = step(Kind::extend, file, now);
  made.size = size;
  perform({made});
}

void SimulatedDisk::chmod(ino_t target, mode_t mode, timespec now) {
  DiskStep made = step(Kind::chmod, target, now);
  made.mode = mode;
  perform({made});
}

void SimulatedDisk::touch(ino_t target, timespec now) { perform({step(Kind::touch, target, now)}); }

void SimulatedDisk::set_xattr(ino_t target, std::string_view name, std::string_view value,
                              timespec now) {
  DiskStep made = step(Kind::set_xattr, target, now);
  made.name = name;
  made.bytes = value;
  perform({made});
}

void SimulatedDisk::remove_xattr(ino_t target, std::string_view name, timespec now) {
  DiskStep made = step(Kind::remove_xattr, target, now);
  made.name = name;
  perform({made});
}

void SimulatedDisk::set_owner(ino_t target, uid_t owner) {
  sync_all();
  live_.inodes.at(target).owner = owner;
  durable_.inodes.at(target).owner = owner;
}

void SimulatedDisk::set_modified(ino_t target, timespec when) {
  sync_all();
  live_.inodes.at(target).modified = when;
  durable_.inodes.at(target).modified = when;
}

void SimulatedDisk::set_directory_size(ino_t directory, std::uint64_t size) {
  sync_all();
  live_.inodes.at(directory).directory_size = size;
  durable_.inodes.at(directory).directory_size = size;
}

void SimulatedDisk::forget(ino_t number) {
  const Inode* found = live_.find(number);
  if (found != nullptr && found->names == 0) live_.inodes.erase(number);
}

}  // namespace spoolq::test
