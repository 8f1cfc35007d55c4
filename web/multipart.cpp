// Multipart, after Go's mime/multipart/multipart.go and mime/mediatype.go: which bodies count as
// malformed is Go's choice, and a client must get the same values or none.
//
// A body is lines up to the first delimiter, then parts: fields as in a head, an empty line,
// content up to the next delimiter. The first delimiter decides whether lines end in CRLF or LF.
// Between delimiter and fields nothing may stand; text that begins with the boundary and goes on is
// content. Bounds are Go's, against bodies that consist of nothing but parts or fields.
#include "web/multipart.h"

#include "base/str.h"

namespace narthex::web {
namespace {

constexpr std::size_t kPartsMax = 1000;      // as Go
constexpr std::size_t kLineBytesMax = 4096;  // of boundaries and what stands before them, as Go
constexpr std::size_t kFieldsMax = 10'000;   // of all parts, as Go

bool is_token_char(char c) {
  return c > ' ' && c < '\x7f' &&
         std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string::npos;
}

std::string_view skip_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return text;
}

std::string_view take_token(std::string_view& rest) {
  std::size_t end = 0;
  while (end < rest.size() && is_token_char(rest[end])) ++end;
  const std::string_view token = rest.substr(0, end);
  rest.remove_prefix(end);
  return token;
}

// A token, or a quoted string without quotes and escapes. Empty when there is neither.
std::optional<std::string> take_value(std::string_view& rest) {
  if (!rest.starts_with('"')) {
    const std::string_view token = take_token(rest);
    return token.empty() ? std::nullopt : std::optional(std::string(token));
  }
  std::string out;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    char c = rest[i];
    if (c == '"') {
      rest.remove_prefix(i + 1);
      return out;
    }
    if (c == '\r' || c == '\n') return std::nullopt;
    // A backslash before a plain character is one of a path, and stays.
    if (c == '\\' && i + 1 < rest.size() && rest[i + 1] > ' ' && !is_token_char(rest[i + 1])) {
      c = rest[++i];
    }
    out += c;
  }
  return std::nullopt;
}

// Walks over the lines and parts of a body.
class Parts {
 public:
  Parts(std::string_view boundary, std::string_view body)
      : dash_(concat("--", boundary)), rest_(body) {}

  // All parts that are values; empty when the body is malformed.
  std::optional<FormPairs> read();

 private:
  enum class Step : unsigned char { kPart, kEnd, kFault };
  Step next();
  std::optional<std::string> read_disposition();
  std::optional<std::string_view> read_content();
  bool is_delimiter(std::string_view line);
  bool is_final(std::string_view line) const;
  bool ends_content(std::string_view at) const;

  std::string dash_;
  std::string_view newline_ = "\r\n";
  std::string_view rest_;
  std::size_t parts_ = 0;
  std::size_t fields_ = 0;
};

// The first delimiter decides whether lines end in LF alone.
bool Parts::is_delimiter(std::string_view line) {
  if (!line.starts_with(dash_)) return false;
  const std::string_view end = skip_blanks(line.substr(dash_.size()));
  if (parts_ == 0 && end == "\n") newline_ = "\n";
  return end == newline_;
}

bool Parts::is_final(std::string_view line) const {
  if (!line.starts_with(dash_) || !line.substr(dash_.size()).starts_with("--")) return false;
  const std::string_view end = skip_blanks(line.substr(dash_.size() + 2));
  return end.empty() || end == newline_;
}

// Goes to the start of the next part's fields.
Parts::Step Parts::next() {
  bool expects_part = false;
  for (;;) {
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) return is_final(rest_) ? Step::kEnd : Step::kFault;
    const std::string_view line = rest_.substr(0, end + 1);
    if (line.size() > kLineBytesMax) return Step::kFault;
    rest_.remove_prefix(line.size());
    if (is_delimiter(line)) {
      ++parts_;
      return Step::kPart;
    }
    if (is_final(line)) return Step::kEnd;
    if (expects_part) return Step::kFault;
    if (parts_ == 0) continue;
    if (line != newline_) return Step::kFault;
    expects_part = true;
  }
}

// The part's Content-Disposition, "" without one; goes to the start of its content.
std::optional<std::string> Parts::read_disposition() {
  std::string field;
  std::string found;
  for (;;) {
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const bool is_folded = line.starts_with(' ') || line.starts_with('\t');
    if (is_folded) {
      if (field.empty()) return std::nullopt;
      field += concat(" ", trim(line));
      continue;
    }
    const std::size_t colon = field.find(':');
    const bool is_disposition =
        equals_ignore_case(std::string_view(field).substr(0, colon), "content-disposition");
    if (is_disposition && found.empty()) found = trim(std::string_view(field).substr(colon + 1));
    if (line.empty()) return found;
    if (line.find(':') == std::string_view::npos || ++fields_ > kFieldsMax) return std::nullopt;
    field = line;
  }
}

// Whether the boundary at the start of `at` is one, and not the beginning of other text.
bool Parts::ends_content(std::string_view at) const {
  at.remove_prefix(dash_.size());
  return at.empty() || at.starts_with("--") ||
         std::string_view(" \t\r\n").find(at.front()) != std::string_view::npos;
}

std::optional<std::string_view> Parts::read_content() {
  const std::string_view all = rest_;
  if (all.starts_with(dash_) && ends_content(all)) return all.substr(0, 0);
  const std::string mark = concat(newline_, dash_);
  for (std::size_t at = all.find(mark); at != std::string_view::npos; at = all.find(mark, at + 1)) {
    if (!ends_content(all.substr(at + newline_.size()))) continue;
    rest_.remove_prefix(at);
    return all.substr(0, at);
  }
  return std::nullopt;
}

std::optional<FormPairs> Parts::read() {
  FormPairs out;
  for (;;) {
    const Step step = next();
    if (step == Step::kEnd) return out;
    if (step == Step::kFault || parts_ > kPartsMax) return std::nullopt;
    const std::optional<std::string> disposition = read_disposition();
    if (!disposition) return std::nullopt;
    const std::optional<std::string_view> content = read_content();
    if (!content) return std::nullopt;
    const std::optional<MediaType> media = parse_media_type(*disposition);
    if (!media || media->type != "form-data" || !media->get("filename").empty()) continue;
    const std::string_view name = media->get("name");
    if (!name.empty()) out.emplace_back(std::string(name), std::string(*content));
  }
}

}  // namespace

std::string_view MediaType::get(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return {};
}

std::optional<MediaType> parse_media_type(std::string_view text) {
  MediaType out;
  const std::size_t end = std::min(text.find(';'), text.size());
  out.type = to_lower_ascii(trim(text.substr(0, end)));
  std::string_view rest = trim(text.substr(end));
  while (!rest.empty() && rest != ";") {
    if (!rest.starts_with(';')) return std::nullopt;
    rest = trim(rest.substr(1));
    std::string name = to_lower_ascii(take_token(rest));
    rest = trim(rest);
    if (name.empty() || !rest.starts_with('=')) return std::nullopt;
    rest = trim(rest.substr(1));
    std::optional<std::string> value = take_value(rest);
    if (!value) return std::nullopt;
    for (const auto& [known, other] : out.parameters) {
      if (known == name && other != *value) return std::nullopt;
    }
    out.parameters.emplace_back(std::move(name), *std::move(value));
    rest = trim(rest);
  }
  return out;
}

std::optional<FormPairs> parse_multipart(std::string_view content_type, std::string_view body) {
  const std::optional<MediaType> media = parse_media_type(content_type);
  if (!media || media->type != "multipart/form-data") return std::nullopt;
  const std::string_view boundary = media->get("boundary");
  if (boundary.empty()) return std::nullopt;
  return Parts(boundary, body).read();
}

}  // namespace narthex::web
