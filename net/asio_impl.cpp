// The one object file that holds Asio's and Beast's separately compiled code: compiling it takes
// most of a minute, once, instead of seconds in every file that includes either.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
