// The program: parse, run the command, and turn errors into messages and an exit code.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>

#include "cli/args/usage_error.hpp"
#include "cli/command_line.hpp"
#include "cli/output/exit_codes.hpp"

namespace spoolq::cli {
namespace {

/// Puts something at descriptors 0 to 2 where they are closed; otherwise a file of the queue would
/// get such a number and be read as input or written as output. What is put there fails as the
/// closed descriptor would.
void occupy_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    const int got = ::open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY);
    if (got >= 0 && got != fd) ::close(got);
  }
}

int wrong_use(const UsageError& error, const Console& console) {
  console.complain(error.what());
  (void)std::fwrite(error.help().data(), 1, error.help().size(), stderr);
  return kExitUsage;
}

int output_failed(const OutputError& error, const Console& console) {
  // The reader has gone: what a program killed by SIGPIPE would leave, and no words.
  if (error.error() == EPIPE) return kExitSignal + SIGPIPE;
  console.complain(fmt::format("standard output: {}", std::strerror(error.error())));
  return kExitInputOutput;
}

int failed(const Failure& failure, const Console& console) {
  console.complain(failure.what());
  return failure.code();
}

int run_program(int argc, char** argv) {
  Output out{STDOUT_FILENO};
  Console console{.out = out};
  console.error_color = use_color(ColorChoice::automatic, STDERR_FILENO);
  try {
    const int code = run_command_line({argv + (argc > 0 ? 1 : 0), argv + argc}, console);
    out.confirm();
    return code;
  } catch (const UsageError& error) {
    return wrong_use(error, console);
  } catch (const OutputError& error) {
    return output_failed(error, console);
  } catch (const Interrupted& interrupted) {
    return kExitSignal + interrupted.signal();
  } catch (const Failure& failure) {
    return failed(failure, console);
  } catch (const Error& error) {
    return failed(Failure{error}, console);
  } catch (const std::system_error& error) {
    return failed({exit_code_of(error.code()), escape(error.what())}, console);
  } catch (const std::exception& error) {
    return failed({kExitBug, fmt::format("this should not happen: {}", escape(error.what()))},
                  console);
  }
}

}  // namespace
}  // namespace spoolq::cli

int main(int argc, char** argv) {
  spoolq::cli::occupy_standard_descriptors();
  // A write that fails is answered where it fails; a message in hand goes back first.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  return spoolq::cli::run_program(argc, argv);
}
