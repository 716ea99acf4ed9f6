// A web server that takes jobs over HTTP and leaves the work to others.
//
//   web QUEUE [PORT]
//
// Listens on 127.0.0.1; PORT 0, the default, is any free one, and is printed. POST /jobs puts the
// body into the queue and answers 202 with the id: from then on the job survives the death of this
// process, and a power cut. Try it:
//
//   curl --data-binary @text http://127.0.0.1:PORT/jobs
//
// The server speaks as much HTTP as it takes to show this: one request for each connection, bodies
// with a Content-Length.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <spoolq/producer.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace {

constexpr std::size_t kHeadMax = std::size_t{16} * 1024;
constexpr std::size_t kThreads = 4;
constexpr int kClientSecondsMax = 10;  ///< For each read and write.

[[noreturn]] void fail(const char* operation) {
  throw std::system_error{errno, std::generic_category(), operation};
}

class Socket {
 public:
  explicit Socket(int fd) : fd_{fd} {}
  Socket(Socket&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] int get() const { return fd_; }

  /// What the client has sent; empty at the end, and when it is too slow.
  std::string_view read() {
    const ssize_t count = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
    return {buffer_.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
  }
  /// A client that does not listen has the job put all the same.
  void write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

 private:
  int fd_;
  std::array<char, std::size_t{16} * 1024> buffer_{};
};

struct Request {
  std::string method_and_path;
  std::optional<std::size_t> body_size;
  std::string body;  ///< What came with the head.
};

std::optional<Request> read_head(Socket& client) {
  std::string head;
  std::size_t end = std::string::npos;
  while ((end = head.find("\r\n\r\n")) == std::string::npos) {
    const std::string_view part = client.read();
    if (part.empty() || head.size() > kHeadMax) return std::nullopt;
    head += part;
  }
  Request request;
  request.body = head.substr(end + 4);
  head.resize(end + 2);
  request.method_and_path = head.substr(0, head.find(" HTTP/"));
  constexpr std::string_view kLength = "\r\nContent-Length:";
  for (std::size_t at = 0; (at = head.find("\r\n", at)) != std::string::npos; ++at) {
    if (::strncasecmp(head.data() + at, kLength.data(), kLength.size()) != 0) continue;
    const std::size_t digits = head.find_first_not_of(' ', at + kLength.size());
    std::size_t size = 0;
    const auto result = std::from_chars(head.data() + digits, head.data() + head.size(), size);
    if (result.ec == std::errc{} && *result.ptr == '\r') request.body_size = size;
  }
  return request;
}

struct Answer {
  std::string_view status;
  std::string text{};
};

/// The body becomes a message as it comes, in constant memory. When the client goes away in the
/// middle the draft is dropped, and no consumer ever sees half a job.
Answer put_job(spoolq::Producer& jobs, Socket& client, const Request& request) {
  if (!request.body_size) return {"411 Length Required"};
  std::size_t left = *request.body_size;
  spoolq::Draft job = jobs.draft();
  std::string_view part = request.body;
  for (;;) {
    part = part.substr(0, left);
    job.write(part);
    left -= part.size();
    if (left == 0) break;
    part = client.read();
    if (part.empty()) return {"408 Request Timeout"};
  }
  return {"202 Accepted", job.commit().to_string() + '\n'};
}

Answer answer(spoolq::Producer& jobs, Socket& client) try {
  const std::optional<Request> request = read_head(client);
  if (!request) return {"400 Bad Request"};
  if (request->method_and_path != "POST /jobs") return {"404 Not Found"};
  return put_job(jobs, client, *request);
} catch (const spoolq::Error& error) {
  // No job was accepted, and the client is told so. The one exception is errc::indeterminate: a
  // client that tries again may then have put the job twice, as after any answer that got lost.
  std::cerr << "web: " << error.what() << '\n';
  if (error.code() == spoolq::errc::too_large) return {"413 Content Too Large"};
  // After a failed sync this producer refuses all that follows: whoever started this process shall
  // start it anew.
  if (error.code() == spoolq::errc::condemned) std::_Exit(EX_IOERR);
  if (error.code() == spoolq::condition::temporary) return {"503 Service Unavailable"};
  return {"500 Internal Server Error"};
}

Socket listen_on(in_port_t port) {
  Socket server{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (server.get() < 0) fail("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(server.get(), generic, size) != 0) fail("bind");
  if (::listen(server.get(), SOMAXCONN) != 0) fail("listen");
  if (::getsockname(server.get(), generic, &size) != 0) fail("getsockname");
  std::cout << "http://127.0.0.1:" << ntohs(address.sin_port) << '\n' << std::flush;
  return server;
}

/// One of several threads: puts that are in flight together share their sync of the folder.
void serve(const Socket& server, spoolq::Producer& jobs) {
  for (;;) {
    Socket client{::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (client.get() < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      std::cerr << "web: accept: " << std::generic_category().message(errno) << '\n';
      std::_Exit(EX_OSERR);
    }
    const timeval patience{.tv_sec = kClientSecondsMax, .tv_usec = 0};
    ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const Answer reply = answer(jobs, client);
    client.write("HTTP/1.1 " + std::string{reply.status} +
                 "\r\nConnection: close\r\nContent-Length: " + std::to_string(reply.text.size()) +
                 "\r\n\r\n" + reply.text);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  in_port_t port = 0;
  const std::string_view number = argc == 3 ? argv[2] : "0";
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), port);
  if (argc < 2 || argc > 3 || parsed.ec != std::errc{} || *parsed.ptr != '\0') {
    std::cerr << "usage: web QUEUE [PORT]\n";
    return EX_USAGE;
  }
  spoolq::Producer jobs{spoolq::Queue::init(argv[1])};
  const Socket server = listen_on(port);
  // SIGTERM just ends the process: a job is either put, and answered or not, or it never was.
  std::array<std::jthread, kThreads> threads;
  for (std::jthread& thread : threads) thread = std::jthread{[&] { serve(server, jobs); }};
  return EX_OK;  // Never: the threads are waited for, and serve until the process is ended.
} catch (const std::system_error& error) {
  std::cerr << "web: " << error.what() << '\n';
  return EX_IOERR;
}
