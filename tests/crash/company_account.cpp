// Payloads are counted by their text.
#include "tests/crash/company_account.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <regex>

namespace spoolq::test {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text.empty() ? "nothing" : text;
}

}  // namespace

std::string Account::make() { return fmt::format("payload-{:06}\n", ++made_); }

std::vector<std::string> Account::payloads_in(const std::string& text) {
  static const std::regex pattern{"payload-[0-9]{6}"};
  std::vector<std::string> found;
  for (std::sregex_iterator match{text.begin(), text.end(), pattern};
       match != std::sregex_iterator{}; ++match) {
    found.push_back(match->str());
  }
  return found;
}

template <typename Change>
void Account::for_each(const std::string& text, Change change) {
  for (const std::string& payload : payloads_in(text)) change(fates_[payload]);
}

template <typename Condition>
std::vector<std::string> Account::those(Condition condition) const {
  std::vector<std::string> payloads;
  for (const auto& [payload, fate] : fates_) {
    if (condition(fate)) payloads.push_back(payload);
  }
  return payloads;
}

void Account::promised(const std::string& text) {
  for_each(text, [](Fate& fate) { fate.promised = true; });
}

void Account::ended(const std::string& text, std::string_view actor) {
  for_each(text, [&](Fate& fate) { fate.ended.emplace_back(actor); });
}

void Account::may_have_ended(const std::string& text) {
  for_each(text, [](Fate& fate) { fate.may_have_ended = true; });
}

void Account::found(const std::string& text, std::string_view place) {
  for_each(text, [&](Fate& fate) { fate.found.emplace_back(place); });
}

void Account::left(const std::string& text, std::string_view place) {
  for_each(text, [&](Fate& fate) { fate.left.emplace_back(place); });
}

void Account::done(const std::string& text) {
  for_each(text, [](Fate& fate) { fate.done = true; });
}

std::vector<std::string> Account::lost() const {
  return those([](const Fate& fate) {
    return fate.promised && !fate.may_have_ended && !fate.done && fate.ended.empty() &&
           fate.found.empty() && fate.left.empty();
  });
}

std::vector<std::string> Account::doubled() const {
  return those([](const Fate& fate) {
    return fate.ended.size() + fate.found.size() + fate.left.size() > 1;
  });
}

std::vector<std::string> Account::stuck() const {
  return those([](const Fate& fate) { return !fate.left.empty(); });
}

std::string Account::counts() const {
  std::size_t promised = 0;
  std::size_t ended = 0;
  std::size_t found = 0;
  std::size_t doubtful = 0;
  for (const auto& [payload, fate] : fates_) {
    if (fate.promised) ++promised;
    if (!fate.ended.empty()) ++ended;
    if (!fate.found.empty()) ++found;
    if (fate.may_have_ended) ++doubtful;
  }
  return fmt::format("{} put, {} ended, {} found at the end, {} perhaps ended", promised, ended,
                     found, doubtful);
}

std::string Account::history(const std::string& payload) const {
  const auto fate = fates_.find(payload);
  if (fate == fates_.end()) return payload + ": never put";
  return fmt::format("{}: ended by {}; found: {}; left: {}", payload, joined(fate->second.ended),
                     joined(fate->second.found), joined(fate->second.left));
}

}  // namespace spoolq::test
