// The argument that names a message: an id, its beginning or its end, @oldest, @newest.
#pragma once

#include <string>
#include <vector>

#include "cli/output/exit_codes.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

std::vector<State> all_states();

/// The message in one of `states` that `text` names: an id, its beginning or end, the path of its
/// file as it was once printed, @oldest or @newest of those that are not done. Throws Failure where
/// there is none; when the message is in another state, it tells which.
MessageInfo find_message(const Queue& queue, const std::string& text,
                         const std::vector<State>& states);

/// The same, in any state.
MessageInfo find_any(const Queue& queue, const std::string& text);

/// What is looked for when an argument names a message: the id in a path, or the text as ids are
/// spelled.
std::string id_text(const std::string& text);
/// Whether a message could have an id that is `text`, or begins or ends with it.
bool may_be_id(const std::string& text);

/// The held claim that `text` names: a path that `take --hold` printed, or an id. Throws as
/// find_message(), and the errors of Queue::detached_claim().
DetachedClaim find_held_claim(const Queue& queue, const std::string& text);

}  // namespace spoolq::cli
