// The texts of errors, and which of them are temporary.
#include "spoolq/error.hpp"

#include <cerrno>
#include <set>
#include <string>

#include "queue/os/throw_error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

constexpr int kFirst = static_cast<int>(errc::not_a_queue);
constexpr int kLast = static_cast<int>(errc::unsafe_permissions);

}  // namespace

TEST_CASE("every errc has a text of its own", "[queue][error]") {
  std::set<std::string> texts;
  for (int code = kFirst; code <= kLast; ++code) {
    const std::error_code error = static_cast<errc>(code);
    CHECK(error.category() == error_category());
    CHECK(error.message() != "unknown error");
    texts.insert(error.message());
  }
  CHECK(texts.size() == static_cast<std::size_t>(kLast - kFirst + 1));
  CHECK(std::string{error_category().name()} == "spoolq");
  CHECK(error_category().message(0) == "unknown error");
  CHECK(error_category().message(kLast + 1) == "unknown error");
}

TEST_CASE("an error reads operation, path, reason, detail", "[queue][error]") {
  const Error plain{errno_code(ENOSPC), "rename", "/q/tmp/a"};
  CHECK(std::string{plain.what()} == "rename /q/tmp/a: No space left on device");
  const Error detailed{errc::not_a_queue, "open", "/q", "it has no new/"};
  CHECK(std::string{detailed.what()} == "open /q: not a queue (it has no new/)");
  CHECK(detailed.operation() == "open");
  CHECK(detailed.path() == "/q");
  CHECK(detailed.detail() == "it has no new/");
  CHECK(detailed.code() == errc::not_a_queue);
  CHECK_THROWS_AS(throw detailed, std::system_error);
}

TEST_CASE("after a temporary error the same call may succeed", "[queue][error]") {
  for (const int code : {ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM, EAGAIN}) {
    INFO(code);
    CHECK(errno_code(code) == condition::temporary);
    CHECK(std::error_code{code, std::system_category()} == condition::temporary);
  }
  for (const int code : {EIO, EACCES, EPERM, ENOENT, EEXIST, EROFS, EXDEV, EINVAL, ENOSYS, 0}) {
    INFO(code);
    CHECK(errno_code(code) != condition::temporary);
  }
  for (int code = kFirst; code <= kLast; ++code) {
    const std::error_code error = static_cast<errc>(code);
    INFO(error.message());
    CHECK((error == condition::temporary) == (error == errc::queue_full));
  }
  CHECK(std::error_code{} != condition::temporary);
  CHECK(make_error_condition(condition::temporary).message() == "temporary");
}

TEST_CASE("a code of another kind with the number of an errno is not temporary", "[queue][error]") {
  class Other final : public std::error_category {
   public:
    [[nodiscard]] const char* name() const noexcept override { return "other"; }
    [[nodiscard]] std::string message(int) const override { return "other"; }
  };
  static const Other other;
  CHECK(std::error_code{ENOSPC, other} != condition::temporary);
}

TEST_CASE("names are shown so that they cannot forge a line", "[queue][error]") {
  CHECK(detail::escaped("cat 1.jpg") == "cat 1.jpg");
  CHECK(detail::escaped("a\nb\t\x1b[31m") == "a\\x0ab\\x09\\x1b[31m");
  CHECK(detail::escaped("a\\x0a") == "a\\x5cx0a");
  CHECK(detail::escaped("\xc3\xa4\x7f") == "\\xc3\\xa4\\x7f");
  CHECK(detail::escaped(std::string_view{"\0", 1}) == "\\x00");
  CHECK(detail::escaped("").empty());
}

}  // namespace spoolq::test
