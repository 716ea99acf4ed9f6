// Ten thousand files at once, and more events than the kernel keeps.
#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/writers/taker.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

/// A queue in memory: each file is synced when it is claimed, which is not what is tested here.
class QueueInMemory {
 public:
  QueueInMemory() {
    const char* const before = std::getenv("TMPDIR");
    const std::string kept = before != nullptr ? before : "";
    ::setenv("TMPDIR", (memory_ / "").c_str(), 1);
    queue_.emplace(std::vector<SettingChange>{{"settle", "50ms"}, {"min_free", "0"}});
    before != nullptr ? ::setenv("TMPDIR", kept.c_str(), 1) : ::unsetenv("TMPDIR");
  }
  RealQueue& operator*() { return *queue_; }
  RealQueue* operator->() { return &*queue_; }

 private:
  MemoryDirectory memory_;
  std::optional<RealQueue> queue_;
};

/// Makes a folder with so many small files, named by their content.
void make_files(const RealQueue& queue, int count) {
  fs::create_directory(queue.around() / "files");
  for (int i = 0; i < count; ++i) {
    write_file(queue.around() / fmt::format("files/file {}", i), fmt::format("file {}", i));
  }
}

/// Moves them all into new/. Of several files mv(1) looks at each again after its rename, and
/// complains when it has been taken by then; it goes on, and nothing else may be wrong.
void move_files(const RealQueue& queue) {
  shell(queue, R"(find files -type f -print0 | xargs -0 mv -t "$Q/new" 2> complaints || true
if grep -v 'cannot stat .*/new/file ' complaints >&2; then exit 1; fi
rmdir files)");
}

/// That each of them was taken once, with its content.
void check_files(const std::vector<Taken>& taken, std::size_t count) {
  std::set<std::string> names;
  std::size_t wrong = 0;
  for (const Taken& each : taken) {
    names.insert(each.name);
    if (each.name != each.payload || each.attempts != 1) ++wrong;
  }
  CHECK(taken.size() == count);
  CHECK(names.size() == count);
  CHECK(wrong == 0);
}

/// So many events an inotify descriptor keeps that is made while this lives. The limit belongs to
/// the whole machine, and is put back also when a test fails.
class FewEvents {
 public:
  explicit FewEvents(int count) : before_{read_file(kLimit)} { set(std::to_string(count)); }
  FewEvents(const FewEvents&) = delete;
  FewEvents& operator=(const FewEvents&) = delete;
  ~FewEvents() { set(before_); }

 private:
  static constexpr const char* kLimit = "/proc/sys/fs/inotify/max_queued_events";
  static void set(const std::string& value) {
    std::ofstream file{kLimit};
    file << value;
    if (!file.flush()) WARN("cannot write " << kLimit << ": this test needs root");
  }
  std::string before_;
};

}  // namespace

TEST_CASE("ten thousand files that are moved in at once are taken once each",
          "[writers][many files]") {
  constexpr int kFiles = 10'000;
  QueueInMemory queue;
  make_files(*queue, kFiles);
  {
    Taker first{*queue};
    move_files(*queue);
    // As long as it goes on, it may take its time.
    for (std::size_t taken = 0; taken < kFiles; taken = first.count()) {
      REQUIRE(eventually([&] { return first.count() > taken; }));
    }
    check_files(first.all(), kFiles);
  }
  CHECK(queue->count(Folder::claimed) + queue->count(Folder::bad) == 0);
}

TEST_CASE("what the kernel did not tell of is taken all the same", "[writers][alone]") {
  constexpr int kFiles = 500;
  constexpr int kEvents = 16;
  QueueInMemory queue;
  make_files(*queue, kFiles);
  std::optional<Consumer> consumer;
  {
    const FewEvents few{kEvents};
    consumer.emplace(queue->consumer());
    CHECK_FALSE(consumer->take(Duration{0}));  // It watches from here on.
  }
  move_files(*queue);
  shell(*queue, R"(printf 'in place' > "$Q/new/in place")");
  std::vector<Taken> taken;
  while (taken.size() <= kFiles) {
    auto claim = take_before_tick(*consumer);
    REQUIRE(claim);
    taken.push_back({claim->info().name, claim->payload(), claim->id(), claim->info().attempts});
    claim->ack(Sync::none);
  }
  CHECK(queue->log.has("inotify queue overflow"));
  check_files(taken, kFiles + 1);
  CHECK_FALSE(consumer->try_take());
}

}  // namespace spoolq::test
