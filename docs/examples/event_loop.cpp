// Takes messages inside an event loop that is not spoolq's, beside other descriptors.
//
//   event_loop QUEUE
//
// Prints each payload as a line. The other descriptor here is one for signals: SIGTERM and SIGINT
// end the program between two messages. With poll(2), Boost.Asio or libuv it is done the same way.
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <iostream>
#include <optional>
#include <spoolq/consumer.hpp>
#include <system_error>

namespace {

int checked(int result, const char* operation) {
  if (result < 0) throw std::system_error{errno, std::generic_category(), operation};
  return result;
}

int signal_descriptor() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  checked(sigprocmask(SIG_BLOCK, &signals, nullptr), "sigprocmask");
  return checked(signalfd(-1, &signals, SFD_CLOEXEC), "signalfd");
}

void watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  checked(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

/// One message for each time that the descriptor is readable, so that the others have their turn.
/// It stays readable while there may be more. That there is none is no error: the descriptor also
/// tells the consumer to look after the queue, and another consumer may have been quicker.
void take_one(spoolq::Consumer& jobs) {
  std::optional<spoolq::Claim> job = jobs.try_take();
  if (!job) return;
  try {
    std::cout << job->payload() << '\n' << std::flush;
    job->ack();
  } catch (const spoolq::Error& error) {
    // Damaged, or taken from us. Where it is still held it goes back at the end of this block.
    std::cerr << "event_loop: " << error.what() << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: event_loop QUEUE\n";
    return EX_USAGE;
  }
  // Before the consumer: threads made from here on do not take these signals either.
  const int signals = signal_descriptor();
  spoolq::Consumer jobs{spoolq::Queue::init(argv[1])};
  const int epoll = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  watch(epoll, signals);
  watch(epoll, jobs.fd());  // It stays the consumer's: nobody else reads from it or closes it.

  for (;;) {
    std::array<epoll_event, 8> events{};
    const int count = epoll_wait(epoll, events.data(), events.size(), -1);
    if (count < 0 && errno == EINTR) continue;
    checked(count, "epoll_wait");
    for (int i = 0; i < count; ++i) {
      if (events.at(static_cast<std::size_t>(i)).data.fd == signals) return EX_OK;
      take_one(jobs);
    }
  }
} catch (const std::system_error& error) {
  std::cerr << "event_loop: " << error.what() << '\n';
  return EX_IOERR;
}
