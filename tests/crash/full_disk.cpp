// A full disk: puts are refused cleanly, and what is in the queue gets out of it without any help.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "spoolq/consumer.hpp"
#include "spoolq/producer.hpp"
#include "tests/crash/disk_image.hpp"
#include "tests/crash/program.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHelp = R"(Usage: full_disk [OPTION]...
Fills a disk image by puts until they are refused, then takes, acks, fails and releases everything
until the queue is empty, and puts again. Needs root.

  --fs=ext4|xfs|btrfs  (ext4, 8 MiB; xfs 304 MiB; btrfs 120 MiB)
  --held=N             claims held at the same time (32); on ext4 many hundreds take up all room
                       for names, and then release() and fail() are refused
  --names-only         fill btrfs with empty messages, too, which is known to get stuck
  --keep               keep the image
Exit: 0 all promises were kept, 1 one was not, 2 usage, 77 cannot run here.
)";

constexpr std::uint64_t kSmallImage = std::uint64_t{8} << 20;
/// Below this much room everything is synced; above it, for speed, only a part.
constexpr std::uint64_t kTight = 64 * 1024;
constexpr std::size_t kSyncedShare = 64;
/// So many claims are finished in all ways.
constexpr std::size_t kFirst = 200;
constexpr Duration kTakeMax{200};

/// A promise that was broken.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void require(bool kept, const std::string& promise) {
  if (!kept) throw Broken{"BROKEN: " + promise};
}

/// The names below a directory with their sizes.
std::set<std::string> names_below(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator{directory}) {
    const std::uint64_t size = entry.is_regular_file() ? entry.file_size() : 0;
    names.insert(fmt::format("{} {}", entry.path().string(), size));
  }
  return names;
}

std::string payload_for(std::size_t number, std::size_t size) {
  std::string payload(size, static_cast<char>('a' + number % 26));
  const std::string head = std::to_string(number);
  std::copy_n(head.begin(), std::min(head.size(), size), payload.begin());
  return payload;
}

class FullDisk {
 public:
  FullDisk(FileSystem type, std::size_t held_max, bool names_only, bool keep)
      : type_{type},
        held_max_{held_max},
        names_only_{names_only},
        image_{type, type == FileSystem::ext4 ? kSmallImage : usual_size(type), keep},
        path_{image_.mount_point() / "queue"} {}

  void run() {
    refuse_below_min_free();
    constexpr std::size_t kLarge = 100'000;
    switch (type_) {
      case FileSystem::ext4:
        fill_and_drain("0", {6000, 1000, 0});
        fill_and_drain("0", {0});  // The inodes are used up first.
        break;
      case FileSystem::xfs:
        fill_and_drain("0", {kLarge, 3000, 0});
        break;
      case FileSystem::btrfs:
        fill_and_drain("0", {kLarge, 3000});
        fill_and_drain("1", {kLarge, 3000, 0});
        if (names_only_) {
          fill_and_drain("0", {0});
        } else {
          fmt::print(
              "full disk, btrfs: not tried without --names-only: when names alone have "
              "filled its metadata, btrfs has no room for any rename, and claims fail\n");
        }
        break;
    }
  }

 private:
  void refuse_below_min_free() {
    // More than there is; for ext4 the default of 64M.
    const std::string min_free = type_ == FileSystem::ext4 ? "64M" : "64G";
    const Queue queue = Queue::init(path_, {{"min_free", min_free}});
    image_.sync();
    const auto before = names_below(path_);
    const std::uint64_t free_before = image_.free_bytes();
    std::optional<Error> refused;
    try {
      Producer{queue}.put("payload");
    } catch (const Error& error) {
      refused = error;
    }
    require(refused.has_value(), "below min_free a put is refused");
    require(refused->code() == errc::queue_full, "below min_free the error is queue_full");
    require(refused->code() == condition::temporary, "queue_full is temporary");
    image_.sync();
    require(names_below(path_) == before && image_.free_bytes() == free_before,
            "below min_free nothing is written");
    fs::remove_all(path_);
    image_.sync();
    fmt::print("full disk, {}: min_free {}: refused: {}\n", to_string(type_), min_free,
               refused->what());
  }

  [[nodiscard]] Sync sync_for(std::size_t number) const {
    const bool tight = image_.free_bytes() < kTight;
    return tight || number % kSyncedShare == 0 ? Sync::durable : Sync::none;
  }

  void fill_and_drain(const std::string& min_free, const std::vector<std::size_t>& sizes) {
    for (const auto drain : {&FullDisk::drain_one_by_one, &FullDisk::drain_in_batches}) {
      Queue::init(path_, {{"min_free", min_free}, {"max_attempts", "3"}});
      fill(sizes);
      (this->*drain)();
      finish();
      put_again();
      fs::remove_all(path_);
      image_.sync();
    }
  }

  /// Puts until nothing of any size fits.
  void fill(const std::vector<std::size_t>& sizes) {
    put_.clear();
    std::string last;
    for (const std::size_t size : sizes) {
      Producer producer{path_};
      for (;;) {
        check_interrupted();
        const std::size_t number = put_.size();
        try {
          PutOptions options;
          options.sync = sync_for(number);
          const MessageId id = producer.put(payload_for(number, size), options);
          require(put_.emplace(id, payload_for(number, size)).second, "ids are unique");
        } catch (const Error& error) {
          require(error.code() == condition::temporary,
                  fmt::format("a put on a full disk fails for a time only, not: {}", error.what()));
          last = error.what();
          break;
        }
      }
      require(fs::is_empty(path_ / "tmp"), "a refused put leaves nothing in tmp/");
      require(Queue::open(path_).stats().ready == put_.size(),
              "a refused put leaves nothing behind");
    }
    fmt::print("full disk, {}: {} puts, {} KiB left, then: {}\n", to_string(type_), put_.size(),
               image_.free_bytes() / 1024, last);
  }

  /// Nothing is held back: each claim is finished before the next one. The first ones free nothing.
  void drain_one_by_one() {
    Consumer consumer{path_};
    std::size_t number = 0;
    while (auto claim = take(consumer)) {
      finish_as(*claim, number++);
    }
  }

  /// Claims are held until the disk has no room for another one's name; that error is temporary,
  /// and finishing what is held makes room.
  void drain_in_batches() {
    Consumer consumer{path_};
    std::size_t number = 0;
    std::size_t refusals = 0;
    for (;;) {
      std::vector<Claim> held;
      bool refused = false;
      while (held.size() < held_max_) {
        try {
          auto claim = consumer.take(held.empty() ? kTakeMax : Duration{0});
          if (!claim) break;
          held.push_back(std::move(*claim));
        } catch (const Error& error) {
          require(error.code() == condition::temporary && !held.empty(),
                  fmt::format("a claim is got when none is held, not: {}", error.what()));
          refused = true;
          break;
        }
      }
      if (refused) ++refusals;
      if (held.empty()) break;
      for (Claim& claim : held) finish_as(claim, number++);
    }
    fmt::print("full disk, {}: in batches of {}: {} claims refused for a time\n", to_string(type_),
               held_max_, refusals);
  }

  std::optional<Claim> take(Consumer& consumer) {
    check_interrupted();
    try {
      return consumer.take(kTakeMax);
    } catch (const Error& error) {
      throw Broken{fmt::format("BROKEN: a claim is got when none is held, not: {}", error.what())};
    }
  }

  void check(Claim& claim) {
    const auto found = put_.find(claim.id());
    require(found != put_.end(), "what is delivered was put");
    require(claim.payload() == found->second, "what is delivered is what was put");
  }

  /// Fails and releases half of the first ones, while nothing is free, and a part of the others.
  void finish_as(Claim& claim, std::size_t number) {
    check(claim);
    const MessageId id = claim.id();
    const std::size_t turn = number < kFirst ? number % 4 : number % kSyncedShare;
    const char* operation = "fail";
    try {
      if (turn == 0) {
        claim.fail({.text = "full disk", .exit_code = {}, .signal = {}, .error_output = {}});
      } else if (turn == 1) {
        operation = "release";
        claim.release(Duration{number % 8 == 1 ? 0 : 20});
      } else {
        operation = "ack";
        claim.ack(sync_for(number));
        require(put_.erase(id) == 1, "a message is acked once");
      }
    } catch (const Error& error) {
      throw Broken{
          fmt::format("BROKEN: {} works on a full disk, not: {}", operation, error.what())};
    }
  }

  /// What was failed is put back and acked: then all that was put has been accounted for.
  void finish() {
    Queue queue = Queue::open(path_);
    const auto failed = queue.list(State::failed);
    require(failed.size() == put_.size(), "what was not acked is in failed/");
    for (const MessageInfo& message : failed) queue.retry(message);
    Consumer consumer{path_};
    while (auto claim = consumer.take(Duration{100})) {
      check(*claim);
      claim->ack(sync_for(put_.size()));
      require(put_.erase(claim->id()) == 1, "a message is acked once");
    }
    require(put_.empty(), fmt::format("{} messages are accounted for", put_.size()));
    for (const char* const folder : {"tmp", "new", "cur", "later", "failed", "done", "bad"}) {
      require(fs::is_empty(path_ / folder), fmt::format("{}/ is empty in the end", folder));
    }
    fmt::print("full disk, {}: emptied, {} of them through failed/\n", to_string(type_),
               failed.size());
  }

  void put_again() {
    const MessageId id = Producer{path_}.put("again");
    Consumer consumer{path_};
    auto claim = consumer.try_take();
    require(claim && claim->id() == id && claim->payload() == "again", "puts work again");
    claim->ack();
  }

  const FileSystem type_;
  const std::size_t held_max_;
  const bool names_only_;
  DiskImage image_;
  const fs::path path_;
  std::map<MessageId, std::string> put_;
};

int full_disk(Options& options) {
  const FileSystem type = parse_file_system(options.text("--fs", "ext4"));
  const std::size_t held_max = options.number("--held", 32);
  const bool names_only = options.flag("--names-only");
  const bool keep = options.flag("--keep");
  options.finish();
  make_mounts_private();
  FullDisk{type, held_max, names_only, keep}.run();
  return kHeld;
}

}  // namespace
}  // namespace spoolq::test

int main(int argc, char** argv) {
  return spoolq::test::run_program(argc, argv, spoolq::test::kHelp, spoolq::test::full_disk);
}
