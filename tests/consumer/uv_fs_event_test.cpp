// Why the watch is an inotify descriptor of our own: libuv's drops what the kernel says about
// events that were lost (docs/decisions/own-inotify-descriptor.md).
#include <uv.h>

#include <array>
#include <cstdio>

#include "consumer/wait/watcher.hpp"
#include "queue/store/queue_access.hpp"
#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

// The default limit of the kernel is 16,384 events, the sum of these is more.
constexpr int kRenames = 25'000;

struct Seen {
  int callbacks = 0;
  int errors = 0;
};

/// Renames two files by turns into new/: equal events in a row would be one.
int rename_often(const RealQueue& queue) {
  const std::array<std::string, 2> names{".one", ".two"};
  for (const std::string& name : names) write_file(queue.path(Folder::tmp, name), "x");
  int renames = 0;
  while (renames < kRenames) {
    for (const std::string& name : names) {
      std::rename(queue.path(Folder::tmp, name).c_str(), queue.path(Folder::ready, name).c_str());
      ++renames;
    }
    for (const std::string& name : names) {
      std::rename(queue.path(Folder::ready, name).c_str(), queue.path(Folder::tmp, name).c_str());
    }
  }
  return renames;
}

}  // namespace

TEST_CASE("libuv does not tell that events were lost, our watcher does",
          "[consumer][watcher][overflow]") {
  RealQueue queue;
  Seen seen;
  uv_loop_t loop;
  REQUIRE(uv_loop_init(&loop) == 0);
  uv_fs_event_t event;
  REQUIRE(uv_fs_event_init(&loop, &event) == 0);
  event.data = &seen;
  const auto callback = [](uv_fs_event_t* handle, const char*, int, int status) {
    auto& counts = *static_cast<Seen*>(handle->data);
    ++counts.callbacks;
    if (status < 0) ++counts.errors;
  };
  REQUIRE(uv_fs_event_start(&event, callback, queue.path(Folder::ready).c_str(), 0) == 0);
  const auto open = detail::QueueAccess::open(queue.open());
  detail::Watcher watcher{*open};
  REQUIRE(watcher.start());
  REQUIRE(watcher.watching());

  const int renames = rename_often(queue);
  while (uv_run(&loop, UV_RUN_NOWAIT) != 0 && seen.callbacks < renames) {
    const int before = seen.callbacks;
    uv_run(&loop, UV_RUN_NOWAIT);
    if (seen.callbacks == before) break;
  }
  CHECK(seen.callbacks > 0);
  CHECK(seen.callbacks < renames);
  CHECK(seen.errors == 0);

  const detail::Events events = watcher.collect();
  CHECK(events.overflow);
  CHECK(events.ready.size() < static_cast<std::size_t>(renames));
  CHECK_FALSE(watcher.collect().overflow);

  uv_close(reinterpret_cast<uv_handle_t*>(&event), nullptr);
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&loop) == 0);
}

}  // namespace spoolq::test
