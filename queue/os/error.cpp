// Texts of the library's errors, and which of them are temporary.
#include "spoolq/error.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <utility>

namespace spoolq {
namespace {

std::string_view text_of(errc code) {
  switch (code) {
    case errc::not_a_queue:
      return "not a queue";
    case errc::no_such_message:
      return "no such message";
    case errc::ambiguous_id:
      return "more than one message has this id";
    case errc::unsupported_format:
      return "made by a newer spoolq, in a format this one does not know";
    case errc::bad_settings:
      return "bad setting";
    case errc::bad_value:
      return "bad value";
    case errc::too_large:
      return "larger than the queue's max_size";
    case errc::queue_full:
      return "refused for now, there is no room";
    case errc::headers_refused:
      return "the file system does not take these headers";
    case errc::indeterminate:
      return "indeterminate: the message is visible, but may not survive a power cut";
    case errc::claim_lost:
      return "claim lost: the message was taken back or already finished";
    case errc::claim_owned:
      return "the claim belongs to a living consumer";
    case errc::damaged:
      return "damaged message";
    case errc::condemned:
      return "an earlier write or sync failed; what was open before must be opened again";
    case errc::foreign_process:
      return "made before fork() by the parent process";
    case errc::unsafe_permissions:
      return "everybody may write here";
  }
  return "unknown error";
}

class ErrorCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "spoolq"; }
  [[nodiscard]] std::string message(int code) const override {
    return std::string{text_of(static_cast<errc>(code))};
  }
};

bool is_temporary(const std::error_code& code) {
  if (code == errc::queue_full) return true;
  if (code.category() != std::generic_category() && code.category() != std::system_category()) {
    return false;
  }
  switch (code.value()) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
      return true;
    default:
      return false;
  }
}

class ConditionCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "spoolq condition"; }
  [[nodiscard]] std::string message(int) const override { return "temporary"; }
  [[nodiscard]] bool equivalent(const std::error_code& code, int) const noexcept override {
    return is_temporary(code);
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const ErrorCategory category;
  return category;
}

const std::error_category& condition_category() noexcept {
  static const ConditionCategory category;
  return category;
}

std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

std::error_condition make_error_condition(condition code) noexcept {
  return {static_cast<int>(code), condition_category()};
}

Error::Error(std::error_code code, std::string operation, std::string path, std::string detail)
    : std::system_error{code},
      operation_{std::move(operation)},
      path_{std::move(path)},
      detail_{std::move(detail)},
      text_{fmt::format("{} {}: {}", operation_, path_, code.message())} {
  if (!detail_.empty()) text_ += fmt::format(" ({})", detail_);
}

}  // namespace spoolq
