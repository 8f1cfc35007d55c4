// Writer: block-style YAML that reads as upstream's encoder writes it, for /api/v1/status/config
// and for what tools print. The one question is when a text needs quotes: double ones where a
// reader would take the plain text for another type or it has control characters, single ones where
// the plain text would be no plain scalar. Frames hold the indentation; a list's items stand at its
// key's own indentation, as yaml.v2 has them.
#include "base/str.h"
#include "base/yaml.h"

namespace narthex::yaml {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

std::size_t count_digits(std::string_view text) {
  return std::min(text.find_first_not_of("0123456789"), text.size());
}

// YAML 1.1 reads 1:30 as a number: digits, then parts of 0 to 59 behind colons.
bool is_sexagesimal(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of("0123456789_"), text.size()));
  if (!text.starts_with(':')) return false;
  while (text.starts_with(':')) {
    text.remove_prefix(1);
    const std::size_t digits = count_digits(text);
    if (digits == 0 || digits > 2 || (digits == 2 && text.front() > '5')) return false;
    text.remove_prefix(digits);
  }
  if (text.starts_with('.')) text.remove_prefix(1);
  return text.find_first_not_of("0123456789_") == std::string_view::npos;
}

// 2026-01-02, alone or before a time of day.
bool is_date(std::string_view text) {
  for (const std::size_t digits_max : {4U, 2U, 2U}) {
    const std::size_t digits = count_digits(text);
    if (digits == 0 || digits > digits_max || (digits_max == 4 && digits < 4)) return false;
    text.remove_prefix(digits);
    if (text.empty()) return digits_max == 2;
    if (text.front() == 'T' || text.front() == 't' || text.front() == ' ') return digits_max == 2;
    if (text.front() != '-') return false;
    text.remove_prefix(1);
  }
  return false;
}

// Would a reader take this plain text for something other than a string?
bool reads_as_other_type(std::string_view text) {
  static constexpr std::string_view kWords[] = {
      "",      "~",     "null", "Null", "NULL", "y",    "Y",    "yes",  "Yes", "YES", "true",
      "True",  "TRUE",  "on",   "On",   "ON",   "n",    "N",    "no",   "No",  "NO",  "false",
      "False", "FALSE", "off",  "Off",  "OFF",  ".nan", ".NaN", ".NAN", "<<"};
  for (const std::string_view word : kWords) {
    if (text == word) return true;
  }
  std::string_view rest = text;
  if (rest.front() == '+' || rest.front() == '-') rest.remove_prefix(1);
  if (rest.empty()) return false;
  if (rest == ".inf" || rest == ".Inf" || rest == ".INF") return true;
  const bool digit = rest.front() >= '0' && rest.front() <= '9';
  if (!digit && rest.front() != '.') return false;
  if (rest.starts_with("0x") || rest.starts_with("0o") || rest.starts_with("0b")) return true;
  double ignored = 0;
  std::string compact(rest);
  std::erase(compact, '_');
  if (parse_float(compact, ignored)) return true;
  return digit && (is_sexagesimal(rest) || is_date(rest));
}

// May this text stand without quotes in block context?
bool is_plain_safe(std::string_view text) {
  if (is_blank(text.front()) || is_blank(text.back())) return false;
  if (text.starts_with("---") || text.starts_with("...")) return false;
  if (std::string_view("#,[]{}&*!|>'\"%@`").find(text.front()) != std::string_view::npos)
    return false;
  const bool lone = text.size() == 1 || is_blank(text[1]);
  if (std::string_view("-?:").find(text.front()) != std::string_view::npos && lone) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ':' && (i + 1 == text.size() || is_blank(text[i + 1]))) return false;
    if (text[i] == '#' && is_blank(text[i - 1])) return false;
  }
  return true;
}

std::string double_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (is_control(c))
          out += fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
        else
          out += c;
    }
  }
  return out + "\"";
}

std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

}  // namespace

std::string format_scalar(std::string_view value) {
  if (value.empty()) return "\"\"";
  if (std::any_of(value.begin(), value.end(), is_control)) return double_quoted(value);
  if (reads_as_other_type(value)) return double_quoted(value);
  return is_plain_safe(value) ? std::string(value) : single_quoted(value);
}

void Writer::start_line() {
  Frame& frame = frames_.back();
  if (frame.item_open) {
    frame.item_open = false;
    return;
  }
  text_.append(frame.indent, ' ');
}

void Writer::start_field(std::string_view key) {
  start_line();
  text_ += format_scalar(key);
  text_ += ':';
}

Writer& Writer::field(std::string_view key, std::string_view value) {
  start_field(key);
  // Several lines become a literal block, unless the first would be taken for its indentation or a
  // character would not survive one.
  const bool block = value.find('\n') != std::string_view::npos && !is_blank(value.front()) &&
                     value.front() != '\n' && value.find_first_of("\r\t") == std::string_view::npos;
  if (!block) {
    text_ += concat(" ", format_scalar(value), "\n");
    return *this;
  }
  const bool ends = value.ends_with('\n');
  if (ends) value.remove_suffix(1);
  text_ += !ends ? " |-\n" : (value.ends_with('\n') ? " |+\n" : " |\n");
  for (const std::string_view line : split(value, '\n')) {
    if (!line.empty()) text_.append(frames_.back().indent + 2, ' ');
    text_ += concat(line, "\n");
  }
  return *this;
}

Writer& Writer::field(std::string_view key, bool value) {
  start_field(key);
  text_ += value ? " true\n" : " false\n";
  return *this;
}
Writer& Writer::field(std::string_view key, std::int64_t value) {
  start_field(key);
  text_ += concat(" ", value, "\n");
  return *this;
}
Writer& Writer::field(std::string_view key, std::uint64_t value) {
  start_field(key);
  text_ += concat(" ", value, "\n");
  return *this;
}
Writer& Writer::field(std::string_view key, double value) {
  start_field(key);
  text_ += concat(" ", format_float(value, FloatStyle::kGeneral), "\n");
  return *this;
}
Writer& Writer::field(std::string_view key, const Secret& value) {
  return value.empty() ? *this : field(key, kSecretText);
}
Writer& Writer::field(std::string_view key, const std::vector<std::string>& values) {
  if (values.empty()) return *this;
  open_list(key);
  for (const std::string& value : values) item(value);
  return close();
}
Writer& Writer::field(std::string_view key, const std::map<std::string, std::string>& values) {
  if (values.empty()) return *this;
  open_map(key);
  for (const auto& [name, value] : values) field(name, value);
  return close();
}
Writer& Writer::flow_list(std::string_view key, const std::vector<std::string>& values) {
  start_field(key);
  std::string line;
  for (const std::string& value : values) {
    if (!line.empty()) line += ", ";
    const std::string scalar = format_scalar(value);
    const bool plain = scalar == value;
    // Between brackets a few more characters end a plain scalar.
    const bool breaks_flow = value.find_first_of(",?[]{}:") != std::string::npos;
    line += plain && breaks_flow ? single_quoted(value) : scalar;
  }
  text_ += concat(" [", line, "]\n");
  return *this;
}

Writer& Writer::open_map(std::string_view key) {
  start_field(key);
  text_ += '\n';
  frames_.push_back(Frame{.indent = frames_.back().indent + 2, .start = text_.size()});
  return *this;
}
Writer& Writer::open_list(std::string_view key) {
  start_field(key);
  text_ += '\n';
  frames_.push_back(Frame{.indent = frames_.back().indent});
  return *this;
}
Writer& Writer::open_item() {
  text_.append(frames_.back().indent, ' ');
  text_ += "- ";
  frames_.push_back(Frame{.indent = frames_.back().indent + 2, .item_open = true});
  return *this;
}
Writer& Writer::item(std::string_view value) {
  text_.append(frames_.back().indent, ' ');
  text_ += concat("- ", format_scalar(value), "\n");
  return *this;
}
Writer& Writer::close() {
  const Frame& frame = frames_.back();
  if (frame.item_open) text_ += "{}\n";
  if (frame.start == text_.size()) text_.replace(frame.start - 1, 1, " {}\n");  // an empty map
  frames_.pop_back();
  return *this;
}

}  // namespace narthex::yaml
