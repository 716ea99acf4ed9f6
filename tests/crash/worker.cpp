// Producers and consumers.
#include "tests/crash/worker.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "queue/store/open_queue.hpp"
#include "queue/store/queue_access.hpp"
#include "spoolq/consumer.hpp"
#include "spoolq/producer.hpp"
#include "tests/crash/program.hpp"

namespace spoolq::test {
namespace {

constexpr const char* kReason = "given up by a crash test";
constexpr Duration kTakeMax{50};
constexpr std::size_t kHeldMax = 4;
constexpr std::uint32_t kEmptier = 0xffffffff;

Queue open_queue(const Plan& plan) {
  return detail::QueueAccess::handle(
      std::make_shared<detail::OpenQueue>(*plan.sys, plan.queue, LogHandler{}));
}

/// One worker process. Threads may share it, each with its own random numbers.
class Worker {
 public:
  Worker(const Plan& plan, Ledger& ledger, std::uint32_t worker)
      : plan_{plan}, ledger_{ledger}, worker_{worker} {}

 protected:
  using Random = std::mt19937_64;

  [[nodiscard]] Random random_of(unsigned thread) const {
    return Random{plan_.seed * 1'000'003 + std::uint64_t{worker_} * 101 + thread};
  }
  void record(What what, const MessageId& id, std::int64_t value = 0) {
    ledger_.record(worker_, what, id, value);
  }
  /// An error that a call reported. Without power that is what it has to do.
  void reported(const char* operation, const MessageId& id, const Error& error) {
    ledger_.stop_without_power();
    if (!ledger_.power()) {
      ledger_.count_error();
      return;
    }
    fmt::print(stderr, "worker {}: {} {}: {}\n", worker_, operation, id.to_string(), error.what());
    record(What::trouble, id);
    for (;;) ::pause();
  }
  /// Runs `session` again and again: a failed sync condemns the handles it uses. A disk that is
  /// gone cannot be opened again.
  template <typename Session>
  void repeat(Session session) {
    for (;;) {
      try {
        session();
      } catch (const Error& error) {
        reported("open or take", {}, error);
        if (!ledger_.power() && ++reopened_ > kReopenedMax) {
          for (;;) ::pause();
        }
      }
    }
  }

  static constexpr int kReopenedMax = 3;
  const Plan& plan_;
  Ledger& ledger_;
  const std::uint32_t worker_;
  std::atomic<int> reopened_{0};
};

class ProducerWorker : Worker {
 public:
  using Worker::Worker;

  void run() {
    // Half of them put from two threads, which then share syncs.
    repeat([&] {
      Producer producer{open_queue(plan_)};
      std::jthread second;
      if (worker_ % 2 == 0) second = std::jthread{[&] { put_all(producer, 1); }};
      put_all(producer, 0);
    });
  }

 private:
  /// Puts until the producer is condemned.
  void put_all(Producer& producer, unsigned thread) {
    Random random = random_of(thread);
    for (;;) {
      while (plan_.backlog > 0 && ledger_.backlog() > plan_.backlog) let_run(1);
      try {
        put(producer, random);
      } catch (const Error& error) {
        if (error.code() == condition::temporary) continue;
        reported("put", {}, error);
        if (error.code() == errc::condemned || !ledger_.power()) return;
      }
    }
  }

  void put(Producer& producer, Random& random) {
    PutOptions options;
    if (plan_.priorities) options.priority = static_cast<int>(pick(random, 0, 9));
    if (pick(random, 0, 99) < plan_.unsynced) options.sync = Sync::none;
    std::int64_t due = 0;
    if (pick(random, 0, 99) < plan_.delayed) {
      options.delay = Duration{pick(random, 1, 40)};
      due = now_ms() + options.delay.count();
    }
    Draft draft = producer.draft(options);
    const MessageId id = draft.id();
    const std::string payload = payload_of(id);
    record(What::put_started, id, due);
    draft.write(std::string_view{payload}.substr(0, payload.size() / 2));
    draft.write(std::string_view{payload}.substr(payload.size() / 2));
    draft.commit();
    record(What::put_returned, id);
  }
};

class ConsumerWorker : Worker {
 public:
  using Worker::Worker;

  void run() {
    repeat([&] {
      Random random = random_of(0);
      Consumer consumer{open_queue(plan_)};
      for (;;) serve(consumer, random);
    });
  }

 private:
  void serve(Consumer& consumer, Random& random) {
    std::vector<Claim> held;
    const std::size_t wanted = ledger_.emptying() ? 1 : pick(random, 1, kHeldMax);
    while (held.size() < wanted) {
      auto claim = consumer.take(held.empty() ? kTakeMax : Duration{0});
      if (!claim) break;
      record(What::claimed, claim->id());
      if (check(*claim)) {
        held.push_back(std::move(*claim));
      } else {
        drop(*claim);
      }
    }
    if (worker_ % 2 == 0 && held.size() > 1) {
      // Side by side, so that acks share syncs.
      std::vector<std::jthread> threads;
      for (Claim& claim : held) {
        threads.emplace_back([&, seed = random()] {
          Random own{seed};
          finish(claim, own, consumer.queue());
        });
      }
    } else {
      for (Claim& claim : held) finish(claim, random, consumer.queue());
    }
    if (pick(random, 0, 99) < plan_.retry) retry(consumer.queue());
  }

  bool check(Claim& claim) {
    const MessageId id = claim.id();
    try {
      if (claim.payload() == payload_of(id)) return true;
      record(What::torn, id);
    } catch (const Error& error) {
      if (error.code() == errc::damaged) {
        record(What::torn, id);
      } else {
        reported("read", id, error);
      }
    }
    return false;
  }

  enum class Ending { ack, release, release_later, fail, detach, drop };

  Ending choose(Random& random) const {
    if (ledger_.emptying()) return Ending::ack;
    const std::array<std::pair<unsigned, Ending>, 5> shares{
        {{plan_.release, Ending::release},
         {plan_.release_later, Ending::release_later},
         {plan_.fail, Ending::fail},
         {plan_.detach, Ending::detach},
         {plan_.drop, Ending::drop}}};
    std::uint64_t dice = pick(random, 0, 99);
    for (const auto& [share, ending] : shares) {
      if (dice < share) return ending;
      dice -= share;
    }
    return Ending::ack;
  }

  void finish(Claim& claim, Random& random, Queue queue) {
    const MessageId id = claim.id();
    const Ending ending = choose(random);
    try {
      switch (ending) {
        case Ending::ack:
          ack(claim, pick(random, 0, 99) < plan_.unsynced ? Sync::none : Sync::durable);
          break;
        case Ending::release:
          record(What::release_started, id);
          claim.release();
          record(What::release_returned, id);
          break;
        case Ending::release_later:
          release_later(claim, Duration{pick(random, 1, 40)});
          break;
        case Ending::fail:
          record(What::fail_started, id);
          claim.fail({.text = kReason, .exit_code = {}, .signal = {}, .error_output = {}});
          record(What::fail_returned, id);
          break;
        case Ending::detach:
          detach(claim, random, queue);
          break;
        case Ending::drop:
          drop(claim);
          break;
      }
    } catch (const Error& error) {
      reported("finish", id, error);
    }
  }

  /// Destroys it unfinished, which releases it.
  void drop(Claim& claim) {
    record(What::release_started, claim.id());
    const Claim dropped = std::move(claim);
  }

  void release_later(Claim& claim, Duration delay) {
    const MessageId id = claim.id();
    const std::int64_t due = now_ms() + delay.count();
    record(What::release_started, id);
    claim.release(delay);
    record(What::release_returned, id, due);
  }

  void ack(Claim& claim, Sync sync) {
    const MessageId id = claim.id();
    record(What::ack_started, id);
    claim.ack(sync);
    record(What::ack_returned, id);
  }

  /// A claim that outlives us for a while; sometimes we finish it all the same.
  void detach(Claim& claim, Random& random, Queue& queue) {
    const MessageId id = claim.id();
    const Duration lease{pick(random, 20, 150)};
    const std::int64_t end = now_ms() + lease.count();
    record(What::detach_started, id);
    const std::string receipt = claim.detach(lease);
    record(What::detach_returned, id, end);
    if (pick(random, 0, 1) == 0) return;
    record(What::ack_started, id);
    try {
      queue.detached_claim(receipt).ack();
    } catch (const Error& error) {
      // Its lease may have ended, but not before its time.
      if (error.code() != errc::claim_lost || now_ms() < end) throw;
      record(What::ack_refused, id);
      return;
    }
    record(What::ack_returned, id);
  }

  void retry(Queue queue) {
    for (const MessageInfo& message : queue.list(State::failed, 1)) {
      record(What::retry_started, message.id);
      try {
        queue.retry(message);
      } catch (const Error& error) {
        if (error.code() == errc::no_such_message) continue;
        reported("retry", message.id, error);
      }
    }
  }
};

}  // namespace

void produce(const Plan& plan, Ledger& ledger, std::uint32_t worker) {
  ProducerWorker{plan, ledger, worker}.run();
}

void consume(const Plan& plan, Ledger& ledger, std::uint32_t worker) {
  ConsumerWorker{plan, ledger, worker}.run();
}

void empty_queue(const std::string& path, Ledger& ledger, Judge& judge, bool expect_reasons) {
  constexpr std::uint64_t kEmptyMax = 60'000;
  Consumer consumer{path};
  Queue queue = consumer.queue();
  judge.read();
  const bool emptied = wait_until(kEmptyMax, [&] {
    for (const MessageInfo& message : queue.list(State::failed)) {
      const auto reason = queue.details(message).reason;
      const bool expected = expect_reasons && !judge.retry_begun(message.id);
      if (expected && (!reason || reason->text != kReason)) {
        judge.add(Fault::unexpected, message.id, message.path + " has not the reason it was given");
      }
      ledger.record(kEmptier, What::retry_started, message.id);
      queue.retry(message);
    }
    while (auto claim = consumer.take(Duration{100})) {
      const MessageId id = claim->id();
      ledger.record(kEmptier, What::claimed, id);
      try {
        if (claim->payload() != payload_of(id)) ledger.record(kEmptier, What::torn, id);
      } catch (const Error& error) {
        if (error.code() != errc::damaged) throw;
        ledger.record(kEmptier, What::torn, id);
        continue;
      }
      ledger.record(kEmptier, What::ack_started, id);
      claim->ack();
      ledger.record(kEmptier, What::ack_returned, id);
    }
    const Stats stats = queue.stats();
    return stats.ready + stats.claimed + stats.delayed + stats.failed == 0;
  });
  judge.read();
  const Snapshot snapshot = look_at(path);
  judge.compare(snapshot);
  if (emptied) return;
  for (const Sighting& sighting : snapshot.files) {
    judge.add(Fault::unexpected, sighting.id.value_or(MessageId{}),
              fmt::format("{}/{} cannot be emptied", sighting.folder, sighting.file));
  }
}

}  // namespace spoolq::test
