// The streaming interface of XXH3 (xxhash.h).
#include "queue/os/checksum.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace spoolq::detail {

struct Checksum::State {
  XXH3_state_t xxh;
};

Checksum::Checksum() : state_{std::make_unique<State>()} { XXH3_64bits_reset(&state_->xxh); }
Checksum::Checksum(Checksum&&) noexcept = default;
Checksum& Checksum::operator=(Checksum&&) noexcept = default;
Checksum::~Checksum() = default;

void Checksum::update(std::string_view bytes) {
  XXH3_64bits_update(&state_->xxh, bytes.data(), bytes.size());
}

std::uint64_t Checksum::value() const { return XXH3_64bits_digest(&state_->xxh); }

}  // namespace spoolq::detail
