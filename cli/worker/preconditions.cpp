// Looks before a job is started.
#include "cli/worker/preconditions.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <vector>

#include "cli/files/file.hpp"
#include "cli/output/exit_codes.hpp"
#include "cli/output/print.hpp"

namespace spoolq::cli {
namespace {

/// As `take` does. Larger ones would be read twice for it.
constexpr std::uint64_t kVerifiedMax = std::uint64_t{16} * 1024 * 1024;

}  // namespace

void require_path(const Claim& claim, int file) {
  struct stat opened{};
  struct stat named{};
  const std::string path = claim.path();
  if (::fstat(file, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
      opened.st_dev == named.st_dev && opened.st_ino == named.st_ino) {
    return;
  }
  throw Failure{
      kExitNotFound,
      fmt::format("{}: the message is not there any more. If the queue was renamed, start "
                  "the worker again with its new path",
                  escape(path))};
}

void verify_payload(Claim& claim) {
  if (!claim.info().size || *claim.info().size > kVerifiedMax) return;
  std::vector<std::byte> buffer(kBufferSize);
  while (claim.read(buffer) > 0) {
  }
}

void require_two_queues(const Queue& one, const Queue& other) {
  std::error_code error;
  if (!std::filesystem::equivalent(one.path(), other.path(), error)) return;
  throw Failure{kExitBadValue,
                fmt::format("--on-success mv:{}: it is the queue that is worked on; choose another",
                            escape(other.path()))};
}

}  // namespace spoolq::cli
