// What goes to people and to other programs: checked output, escaping, tables, colour.
#pragma once

#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace spoolq::cli {

/// Standard output could not be written.
class OutputError : public std::exception {
 public:
  explicit OutputError(int error) : error_{error} {}
  /// The errno. EPIPE: the reader has gone, which is nothing to complain about.
  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] const char* what() const noexcept override { return "standard output failed"; }

 private:
  int error_;
};

/// A stop signal arrived while standard output was blocked.
class Interrupted : public std::exception {
 public:
  explicit Interrupted(int signal) : signal_{signal} {}
  [[nodiscard]] int signal() const { return signal_; }

 private:
  int signal_;
};

/// A descriptor with a buffer, on which no failed write goes unnoticed.
class Output {
 public:
  explicit Output(int fd) : fd_{fd} {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  /// Throws unless the descriptor can be written at all. Verbs that change the queue and then
  /// print call this first.
  void check() const;
  /// Throws when the reader has gone.
  void require_reader() const;
  /// Throws OutputError, Interrupted.
  void write(std::string_view bytes);
  /// Writes what is in the buffer. Throws as write().
  void flush();
  /// Flushes, and lets file systems that report a full disk only at close (NFS) report it.
  void confirm();

 private:
  void write_all(std::string_view bytes) const;

  int fd_;
  std::string buffer_;
};

/// Whether `fd` is a pipe or a socket that has no reader any more.
bool reader_has_gone(int fd);

enum class ColorChoice { automatic, always, never };

/// Whether to colour what goes to `fd`: --color, then NO_COLOR, CLICOLOR_FORCE, TERM=dumb, then
/// whether it is a terminal.
bool use_color(ColorChoice choice, int fd);

/// The value of an environment variable; empty where it is not set.
std::string_view environment(const char* variable);

/// Where a command prints.
struct Console {
  Output& out;
  bool color = false;        ///< Colour on standard output.
  bool error_color = false;  ///< Colour on standard error.
  bool terminal = false;     ///< Standard output is a terminal.
  bool verbose = false;

  /// Prints `spoolq: TEXT` on standard error.
  void complain(std::string_view text) const;
};

/// Text with every byte that a terminal would not show as itself written \xNN: control characters,
/// bytes that are not UTF-8, and characters that change the direction of text.
std::string escape(std::string_view text);
/// The same of a path, which is '' when it is empty.
std::string shown_path(std::string_view path);
bool is_utf8(std::string_view text);
/// The length, at most `length_max`, at which `text` can be cut without splitting a character.
std::size_t utf8_cut(std::string_view text, std::size_t length_max);

/// An argument as it must be typed into a shell.
std::string shell_quote(std::string_view text);

/// Columns under headings. Cells are printed as they are given: escape them first.
class Table {
 public:
  /// The column of a heading that begins with `>`, which is not printed, is aligned to the right.
  explicit Table(std::vector<std::string> headings);
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// Prints nothing when there is no row.
  void print(const Console& console) const;

 private:
  std::vector<bool> align_right_;
  std::vector<std::vector<std::string>> rows_;  ///< The headings first.
};

}  // namespace spoolq::cli
