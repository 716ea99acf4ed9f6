// Finding messages by folder and by id.
#pragma once

#include <string_view>
#include <vector>

#include "queue/store/limits.hpp"
#include "queue/store/open_queue.hpp"
#include "queue/store/stored_message.hpp"
#include "spoolq/message.hpp"

namespace spoolq::detail {

/// The message as the public interface describes it.
MessageInfo describe(const OpenQueue& queue, State state, const StoredMessage& message);
/// Back from a description: the message that its path names. Its id is another one when the file is
/// gone or has been replaced.
StoredMessage locate(OpenQueue& queue, const MessageInfo& message);

/// Queue::list.
std::vector<MessageInfo> list_messages(OpenQueue& queue, State state, std::size_t limit);
/// Queue::find.
MessageInfo find_message(OpenQueue& queue, std::string_view text, const std::vector<State>& states);
/// What the limits count: the messages in new/, later/ and cur/.
Load count_load(OpenQueue& queue);
/// Queue::stats.
Stats count_messages(OpenQueue& queue);

}  // namespace spoolq::detail
