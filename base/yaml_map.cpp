// MapReader: a mapping into a struct, strictly. The first error is kept and everything after it
// does nothing, so a decoder is a list of reads with one check at its end; fields that nobody asked
// for are errors then, the first of them in the order of the file, as upstream's UnmarshalStrict
// reports it. Look-ups are linear: mappings have a dozen fields.
#include "base/str.h"
#include "base/yaml.h"

namespace narthex::yaml {

MapReader::MapReader(Node node, std::string_view type) : node_(std::move(node)), type_(type) {
  if (node_.kind() != Kind::kNull && node_.kind() != Kind::kMap) {
    keep(node_.mismatch(type_));
    return;
  }
  auto pairs = node_.fields(type_);
  if (!pairs) {
    keep(std::move(pairs).error());
    return;
  }
  fields_.reserve(pairs->size());
  for (auto& [key, value] : *pairs) {
    Field& field = fields_.emplace_back();
    field.key = std::move(key);
    field.value = std::move(value);
  }
}

MapReader::Field* MapReader::find(std::string_view key) {
  for (Field& field : fields_) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

const MapReader::Field* MapReader::find(std::string_view key) const {
  for (const Field& field : fields_) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

const Node* MapReader::take(std::string_view key) {
  Field* field = find(key);
  if (field == nullptr) return nullptr;
  // Also behind an error, so that finish() does not blame a field that was known.
  field->used = true;
  return error_ ? nullptr : &field->value;
}

MapReader& MapReader::keep(Error error) {
  if (!error_) error_ = std::move(error);
  return *this;
}

MapReader& MapReader::fail(const Node& where, std::string_view message) {
  return keep(where.error(message));
}

template <typename T, typename Get>
MapReader& MapReader::get(std::string_view key, T& out, Get getter) {
  const Node* node = take(key);
  if (node == nullptr) return *this;
  auto value = (node->*getter)();
  if (!value) return keep(std::move(value).error());
  out = *std::move(value);
  return *this;
}

MapReader& MapReader::read(std::string_view key, std::string& out) {
  return get(key, out, &Node::as_string);
}
MapReader& MapReader::read(std::string_view key, bool& out) {
  return get(key, out, &Node::as_bool);
}
MapReader& MapReader::read(std::string_view key, std::int64_t& out) {
  return get(key, out, &Node::as_int);
}
MapReader& MapReader::read(std::string_view key, std::uint64_t& out) {
  return get(key, out, &Node::as_uint);
}
MapReader& MapReader::read(std::string_view key, double& out) {
  return get(key, out, &Node::as_double);
}
MapReader& MapReader::read(std::string_view key, std::vector<std::string>& out) {
  return get(key, out, &Node::as_strings);
}
MapReader& MapReader::read(std::string_view key, std::map<std::string, std::string>& out) {
  return get(key, out, &Node::as_string_map);
}
MapReader& MapReader::read(std::string_view key, Secret& out) {
  std::string text;
  read(key, text);
  if (ok() && has(key)) out = Secret(std::move(text));
  return *this;
}

const Node* MapReader::scalar(std::string_view key, std::string& text) {
  const Node* node = take(key);
  if (node == nullptr) return nullptr;
  auto value = node->as_string();
  if (!value) {
    keep(std::move(value).error());
    return nullptr;
  }
  text = *std::move(value);
  return node;
}

MapReader& MapReader::not_implemented(std::string_view key) {
  const Node* node = take(key);
  // Null asks for nothing.
  if (node != nullptr && !node->is_null()) {
    keep(node->error_at_key(concat("not implemented yet: ", key)));
  }
  return *this;
}

MapReader& MapReader::ignore(std::string_view key) {
  take(key);
  return *this;
}

bool MapReader::has(std::string_view key) const {
  return find(key) != nullptr;
}

const Node& MapReader::place(std::string_view key) const {
  const Field* field = find(key);
  return field == nullptr ? node_ : field->value;
}

Result<void> MapReader::finish() {
  if (!error_) {
    for (const Field& field : fields_) {
      if (field.used) continue;
      keep(field.value.error_at_key(concat("field ", field.key, " not found in type ", type_)));
      break;
    }
  }
  if (error_) return *std::move(error_);
  return {};
}

}  // namespace narthex::yaml
