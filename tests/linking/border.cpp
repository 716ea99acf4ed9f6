// A program of somebody else, compiled with -fvisibility=hidden: errors thrown in the libraries are
// caught here by their types.
#include <cerrno>
#include <exception>
#include <iostream>
#include <spoolq/consumer.hpp>
#include <spoolq/producer.hpp>
#include <string>
#include <system_error>
#include <typeinfo>

namespace {

int failures = 0;
void check(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "not so: " << what << '\n';
  ++failures;
}

}  // namespace

int main(int, char** argv) {
  const std::string missing = std::string{argv[1]} + "/missing";
  try {
    spoolq::Consumer{missing};
    check(false, "a missing queue is an error");
  } catch (const spoolq::Error& error) {
    check(error.code() == spoolq::errc::not_a_queue, "its code is ours");
    check(error.path().find("missing") != std::string::npos, "its path is readable");
    check(typeid(error) == typeid(spoolq::Error), "its type is ours");
  } catch (...) {
    check(false, "thrown by the queue, it is a spoolq::Error");
  }

  spoolq::Producer producer{spoolq::Queue::init(std::string{argv[1]} + "/queue")};
  try {
    producer.put("x", {.priority = 12});
    check(false, "priority 12 is an error");
  } catch (const std::system_error& error) {
    check(error.code() == spoolq::errc::bad_value, "as a system_error it has the same code");
    check(error.code() != spoolq::condition::temporary, "and is not temporary");
    check(dynamic_cast<const spoolq::Error*>(&error) != nullptr, "and is known as ours again");
  } catch (...) {
    check(false, "thrown while putting, it is a std::system_error");
  }

  producer.put("x");
  try {
    spoolq::Consumer consumer{producer.queue()};
    std::optional<spoolq::Claim> claim = consumer.try_take();
    claim->ack();
    claim->ack();
    check(false, "acknowledging twice is an error");
  } catch (const std::exception& error) {
    check(typeid(error) == typeid(spoolq::Error), "as an exception it has the same type");
  }
  const std::error_code full{ENOSPC, std::generic_category()};
  check(full == spoolq::condition::temporary, "a full disk is temporary");
  return failures;
}
