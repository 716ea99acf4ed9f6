// XXH3-64 of a payload that comes in parts.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace spoolq::detail {

/// Sums up parts; value() may be asked at any time. Move-only.
class Checksum {
 public:
  Checksum();
  Checksum(Checksum&&) noexcept;
  Checksum& operator=(Checksum&&) noexcept;
  ~Checksum();

  void update(std::string_view bytes);
  [[nodiscard]] std::uint64_t value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace spoolq::detail
