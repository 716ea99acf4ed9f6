// Making and removing them.
#include "tests/crash/company_places.hpp"

#include <fmt/core.h>
#include <stdlib.h>

#include <stdexcept>
#include <system_error>

#include "spoolq/queue.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

fs::path make_folder(const fs::path& parent) {
  std::string name = parent / "spoolq-company-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"cannot make " + name};
  return fs::canonical(name);
}

fs::path temporary() {
  const char* const variable = ::getenv("TMPDIR");
  return variable == nullptr ? "/var/tmp" : variable;
}

}  // namespace

Places::Places(std::optional<FileSystem> type, bool keep) : keep_{keep} {
  if (type) {
    for (std::size_t i = 0; i < images_.size(); ++i) {
      images_[i] = std::make_unique<DiskImage>(*type, usual_size(*type));
      mounts_[i] = images_[i]->mount_point();
    }
  }
  scratch_ = make_folder(temporary());
  if (!type) mounts_ = {make_folder(scratch_), make_folder("/dev/shm")};
  // Leases, backoff and settle time are short, so that much happens in a second.
  const std::vector<SettingChange> settings{{"min_free", "0"},      {"detached_lease", "2s"},
                                            {"settle", "100ms"},    {"backoff", "10ms..50ms"},
                                            {"max_attempts", "50"}, {"max_messages", "100000"}};
  for (std::size_t i = 0; i < kQueues; ++i) {
    queues_[i] = mounts_[i % 2] / fmt::format("queue{}", i);
    Queue::init(queues_[i], settings);
  }
  Queue::open(queues_[0]).configure({{"keep_done", "on"}});
  inbox_ = mounts_[0] / "inbox";
  maildir_ = mounts_[0] / "maildir";
  fs::create_directory(inbox_);
  for (const char* const folder : {"tmp", "new", "cur"}) {
    fs::create_directories(fs::path{maildir_} / folder);
  }
}

Places::~Places() {
  if (keep_ && !images_[0]) {
    fmt::print("kept: {} and {}\n", mounts_[0].string(), mounts_[1].string());
    return;
  }
  std::error_code ignored;
  for (const fs::path& mount : mounts_) {
    if (!images_[0]) fs::remove_all(mount, ignored);
  }
  fs::remove_all(scratch_, ignored);
}

}  // namespace spoolq::test
