// Checked output, escaping, tables, colour.
#include "cli/output/print.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "cli/output/signals.hpp"

namespace spoolq::cli {
namespace {

constexpr std::size_t kBufferSize = std::size_t{64} * 1024;

struct Character {
  std::size_t length = 0;  ///< 0: not UTF-8.
  char32_t code = 0;
};

/// The character at the front of `text`.
Character decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {1, first};
  std::size_t length = 0;
  char32_t code = 0;
  char32_t minimum = 0;
  if ((first & 0xE0U) == 0xC0) {
    length = 2, code = first & 0x1FU, minimum = 0x80;
  } else if ((first & 0xF0U) == 0xE0) {
    length = 3, code = first & 0x0FU, minimum = 0x800;
  } else if ((first & 0xF8U) == 0xF0) {
    length = 4, code = first & 0x07U, minimum = 0x10000;
  } else {
    return {};
  }
  if (text.size() < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3FU);
  }
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < minimum || code > 0x10FFFF || surrogate) return {};
  return {length, code};
}

bool is_printable(char32_t code) {
  if (code < 0x20 || (code >= 0x7F && code < 0xA0)) return false;
  if (code >= 0x200B && code <= 0x200F) return false;  // Invisible; direction marks.
  if (code >= 0x2028 && code <= 0x202E) return false;  // Line ends; direction overrides.
  if (code >= 0x2060 && code <= 0x206F) return false;  // Invisible; direction isolates.
  return code != 0xFEFF && code != 0xFFFE && code != 0xFFFF;
}

/// Characters, not bytes, and no colour codes; wide characters count as one.
std::size_t width(std::string_view text) {
  std::size_t count = 0;
  bool in_code = false;
  for (const char c : text) {
    if (c == '\x1b') in_code = true;
    if (!in_code && (static_cast<unsigned char>(c) & 0xC0U) != 0x80) ++count;
    if (c == 'm') in_code = false;
  }
  return count;
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

}  // namespace

void Output::check() const {
  if (::write(fd_, "", 0) < 0) throw OutputError{errno};
}

void Output::require_reader() const {
  if (reader_has_gone(fd_)) throw OutputError{EPIPE};
}

void Output::write(std::string_view bytes) {
  if (buffer_.size() + bytes.size() < kBufferSize) {
    buffer_ += bytes;
    return;
  }
  flush();
  if (bytes.size() < kBufferSize) {
    buffer_ = bytes;
  } else {
    write_all(bytes);
  }
}

void Output::flush() {
  // Whatever happens, these bytes are not written a second time.
  const std::string bytes = std::exchange(buffer_, {});
  write_all(bytes);
}

void Output::confirm() {
  flush();
  const int copy = ::dup(fd_);
  if (copy >= 0 && ::close(copy) != 0 && errno != EINTR) throw OutputError{errno};
}

void Output::write_all(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EAGAIN) {
      // The parent process made the pipe so that it does not block (Node.js does).
      struct pollfd writable = {.fd = fd_, .events = POLLOUT, .revents = 0};
      static_cast<void>(::poll(&writable, 1, -1));
    } else if (count < 0 && errno != EINTR) {
      throw OutputError{errno};
    }
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    // A signal ends the wait for a reader with what has been written so far.
    if (const int signal = stop_signal(); signal != 0 && !bytes.empty()) throw Interrupted{signal};
  }
}

bool reader_has_gone(int fd) {
  struct pollfd output = {.fd = fd, .events = 0, .revents = 0};
  // A pipe has POLLERR then, a socket POLLHUP.
  return ::poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

bool use_color(ColorChoice choice, int fd) {
  if (choice != ColorChoice::automatic) return choice == ColorChoice::always;
  if (is_set("NO_COLOR")) return false;
  // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): not null, is_set() has looked.
  if (is_set("CLICOLOR_FORCE") && std::string_view{std::getenv("CLICOLOR_FORCE")} != "0") {
    return true;
  }
  const char* terminal = std::getenv("TERM");
  if (terminal != nullptr && std::string_view{terminal} == "dumb") return false;
  return ::isatty(fd) == 1;
}

void Console::complain(std::string_view text) const {
  const std::string line = error_color ? fmt::format("\x1b[31mspoolq:\x1b[0m {}\n", text)
                                       : fmt::format("spoolq: {}\n", text);
  // Nothing can be done when standard error fails.
  (void)std::fwrite(line.data(), 1, line.size(), stderr);
}

std::string escape(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Character character = decode(text);
    const std::size_t length = std::max<std::size_t>(character.length, 1);
    if (character.length != 0 && is_printable(character.code)) {
      result += text.substr(0, length);
    } else {
      for (const char c : text.substr(0, length)) {
        result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      }
    }
    text.remove_prefix(length);
  }
  return result;
}

std::string shown_path(std::string_view path) { return path.empty() ? "''" : escape(path); }

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const Character character = decode(text);
    if (character.length == 0) return false;
    text.remove_prefix(character.length);
  }
  return true;
}

std::size_t utf8_cut(std::string_view text, std::size_t length_max) {
  if (text.size() <= length_max) return text.size();
  std::size_t length = length_max;
  // A character has at most three bytes after its first; longer runs are not UTF-8 anyway.
  for (int i = 0; i < 3 && length > 0; ++i) {
    if ((static_cast<unsigned char>(text[length]) & 0xC0U) != 0x80) return length;
    --length;
  }
  return (static_cast<unsigned char>(text[length]) & 0xC0U) != 0x80 ? length : length_max;
}

std::string shell_quote(std::string_view text) {
  const bool plain = !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"_./,:=@%+-"}.find(c) != std::string_view::npos;
  });
  if (plain) return std::string{text};
  const std::string shown = escape(text);
  if (shown != text) {
    std::string result = "$'";  // The shell's own \xNN.
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '\'' || c == '\\') {
        result += fmt::format("\\{}", c);
      } else if (byte < 0x20 || byte >= 0x7F) {
        result += fmt::format("\\x{:02x}", byte);
      } else {
        result += c;
      }
    }
    return result + "'";
  }
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string{"'\\''"} : std::string(1, c);
  return result + "'";
}

void Table::print(const Console& console) const {
  if (rows_.empty()) return;
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t widest = width(columns_[i].heading);
    for (const auto& row : rows_) widest = std::max(widest, width(row[i]));
    widths.push_back(widest);
  }
  const auto line_of = [&](const auto& cell) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string_view text = cell(i);
      const std::string padding(widths[i] - width(text), ' ');
      if (i > 0) line += "  ";
      line += columns_[i].align == Align::right ? padding + std::string{text}
                                                : std::string{text} + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
  };
  const std::string heading = line_of([&](std::size_t i) { return columns_[i].heading; });
  console.out.write(console.color ? fmt::format("\x1b[1m{}\x1b[0m\n", heading) : heading + "\n");
  for (const auto& row : rows_) {
    console.out.write(line_of([&](std::size_t i) { return std::string_view{row[i]}; }) + "\n");
  }
}

}  // namespace spoolq::cli
