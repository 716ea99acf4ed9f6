// Checked output, escaping, tables, colour.
#include "cli/output/print.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <boost/locale/utf.hpp>
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
  namespace utf = boost::locale::utf;
  const char* next = text.data();
  const utf::code_point code = utf::utf_traits<char>::decode(next, text.data() + text.size());
  if (code == utf::illegal || code == utf::incomplete) return {};
  return {static_cast<std::size_t>(next - text.data()), code};
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
  if (!environment("NO_COLOR").empty()) return false;
  const std::string_view force = environment("CLICOLOR_FORCE");
  if (!force.empty() && force != "0") return true;
  return environment("TERM") != "dumb" && ::isatty(fd) == 1;
}

std::string_view environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? std::string_view{} : value;
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

Table::Table(std::vector<std::string> headings) {
  for (std::string& heading : headings) {
    align_right_.push_back(heading.starts_with('>'));
    if (align_right_.back()) heading.erase(0, 1);
  }
  add(std::move(headings));
}

void Table::print(const Console& console) const {
  if (rows_.size() == 1) return;
  std::vector<std::size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - width(row[i]), ' ');
      if (i > 0) line += "  ";
      line += align_right_[i] ? padding + row[i] : row[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    const bool is_bold = console.color && &row == &rows_.front();
    console.out.write(is_bold ? fmt::format("\x1b[1m{}\x1b[0m\n", line) : line + "\n");
  }
}

}  // namespace spoolq::cli
