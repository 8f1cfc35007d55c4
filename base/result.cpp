// Error keeps its parts on the heap, so that a Result<T> costs one pointer beside its value and the
// way without errors stays small; copying one is rare and costs an allocation.
#include "base/result.h"

namespace narthex {

Error::Error(Code code, std::string message, Cause cause)
    : rep_(std::make_unique<Rep>(Rep{code, cause, std::move(message)})) {}

Error::Error(const Error& other)
    : rep_(other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr) {}

Error& Error::operator=(const Error& other) {
  if (this != &other) rep_ = other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr;
  return *this;
}

Error Error::with(std::string_view context) && {
  rep_->message.insert(0, ": ").insert(0, context);
  return std::move(*this);
}

}  // namespace narthex
