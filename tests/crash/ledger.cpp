// The shared mapping, and the payloads.
#include "tests/crash/ledger.hpp"

#include <fmt/core.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

namespace spoolq::test {
namespace {

/// Only what is written takes memory.
constexpr std::size_t kSlots = std::size_t{32} << 20;
constexpr std::size_t kHeaderSize = 4096;

std::uint64_t mixed(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

}  // namespace

struct Ledger::Header {
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> errors{0};
  std::atomic<std::int64_t> backlog{0};
  std::atomic<bool> power{true};
  std::atomic<bool> survivors{false};
  std::atomic<bool> emptying{false};
};

struct Ledger::Slot {
  std::atomic<What> what;  // written last
  std::uint32_t worker;
  std::array<std::uint8_t, 16> id;
  std::int64_t time;
  std::int64_t value;
};

const char* to_string(What what) {
  switch (what) {
    case What::nothing:
      return "nothing";
    case What::put_started:
      return "put started";
    case What::put_returned:
      return "put returned";
    case What::claimed:
      return "claimed";
    case What::ack_started:
      return "ack started";
    case What::ack_returned:
      return "ack returned";
    case What::ack_refused:
      return "ack refused";
    case What::release_started:
      return "release started";
    case What::release_returned:
      return "release returned";
    case What::fail_started:
      return "fail started";
    case What::fail_returned:
      return "fail returned";
    case What::detach_started:
      return "detach started";
    case What::detach_returned:
      return "detach returned";
    case What::retry_started:
      return "retry started";
    case What::torn:
      return "torn";
    case What::trouble:
      return "trouble";
    case What::killed:
      return "killed";
  }
  return "";
}

Ledger::Ledger() {
  static_assert(sizeof(Header) <= kHeaderSize);
  static_assert(std::atomic<What>::is_always_lock_free);
  memory_ = ::mmap(nullptr, kHeaderSize + kSlots * sizeof(Slot), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory_ == MAP_FAILED) throw std::system_error{errno, std::generic_category(), "mmap"};
  header_ = new (memory_) Header;
  slots_ = reinterpret_cast<Slot*>(static_cast<char*>(memory_) + kHeaderSize);
}

Ledger::~Ledger() { ::munmap(memory_, kHeaderSize + kSlots * sizeof(Slot)); }

void Ledger::stop_without_power() const {
  while (!power() && !survivors()) ::pause();
}

void Ledger::record(std::uint32_t worker, What what, const MessageId& id, std::int64_t value) {
  stop_without_power();
  const std::uint64_t index = header_->next.fetch_add(1);
  if (index >= kSlots) {
    fmt::print(stderr, "the ledger is full; run for a shorter time\n");
    ::_exit(2);
  }
  Slot& slot = slots_[index];
  slot.worker = worker;
  slot.id = id.bytes();
  slot.time = now_ms();
  slot.value = value;
  slot.what.store(what, std::memory_order_release);
  if (what == What::put_returned) header_->backlog.fetch_add(1);
  if (what == What::ack_returned) header_->backlog.fetch_sub(1);
}

std::size_t Ledger::size() const { return header_->next.load(); }

Event Ledger::at(std::size_t index) const {
  const Slot& slot = slots_[index];
  const What what = slot.what.load(std::memory_order_acquire);
  if (what == What::nothing) return {};
  return {what, slot.worker, MessageId{slot.id}, slot.time, slot.value};
}

void Ledger::clear() {
  std::memset(static_cast<void*>(slots_), 0, size() * sizeof(Slot));
  header_->next = 0;
  header_->backlog = 0;
}

void Ledger::set_power(bool on) { header_->power = on; }
bool Ledger::power() const { return header_->power; }
void Ledger::set_survivors(bool survivors) { header_->survivors = survivors; }
bool Ledger::survivors() const { return header_->survivors; }
void Ledger::set_emptying(bool emptying) { header_->emptying = emptying; }
bool Ledger::emptying() const { return header_->emptying; }
void Ledger::count_error() { header_->errors.fetch_add(1); }
std::uint64_t Ledger::errors() const { return header_->errors; }
std::int64_t Ledger::backlog() const { return header_->backlog; }

std::string Ledger::history(const MessageId& id) const {
  std::string text;
  for (std::size_t i = 0; i < size(); ++i) {
    const Event event = at(i);
    if (event.what == What::nothing || event.id != id) continue;
    text += fmt::format("    {:>8}  {}.{:03}  worker {:<4} {}", i, event.time / 1000,
                        event.time % 1000, event.worker, to_string(event.what));
    if (event.value != 0) text += fmt::format(", not before {}", event.value);
    text += '\n';
  }
  return text;
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string payload_of(const MessageId& id) {
  std::uint64_t halves[2];
  std::memcpy(halves, id.bytes().data(), sizeof halves);
  std::uint64_t state = mixed(mixed(halves[0]) ^ halves[1]);
  const std::uint64_t dice = state % 100;
  const std::uint64_t fraction = state / 100;
  std::size_t size = 0;  // 8 % have no bytes at all
  if (dice >= 95) {
    size = fraction % (200 * 1024 + 1);
  } else if (dice >= 75) {
    size = fraction % (32 * 1024);
  } else if (dice >= 8) {
    size = fraction % 4096;
  }
  std::string payload(size, '\0');
  for (std::size_t i = 0; i < size; i += sizeof state) {
    state = mixed(state);
    std::memcpy(payload.data() + i, &state, std::min(sizeof state, size - i));
  }
  return payload;
}

}  // namespace spoolq::test
