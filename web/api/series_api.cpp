// Series and label endpoints: the same selection, three ways to look, one way to answer.
//
// Selectors are looked up one by one and merged by sorting, as each result may name what another
// has. A limit is handed down as one more than asked for, so that a cut shows and is said. The list
// is complete before the first piece is sent: it must be sorted, and an error must be able to be
// the answer. Only its text is made in pieces.
#include "web/api/series_api.h"

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "base/str.h"
#include "base/utf8.h"
#include "web/api/errors.h"
#include "web/api/params.h"
#include "web/api/result_json.h"
#include "web/form.h"
#include "web/router.h"

namespace narthex::web {
namespace {

constexpr std::string_view kTruncated = "results truncated due to limit";

// What the three endpoints have in common.
struct Selection {
  std::size_t limit = 0;
  model::TimeRange range;
  std::vector<model::Matchers> sets;
};

Result<Selection> read_selection(const Form& form, const StopToken& client) {
  Selection selection;
  NX_TRY_ASSIGN(selection.limit, limit_parameter(form));
  NX_TRY_ASSIGN(selection.range, range_parameters(form));
  NX_TRY_ASSIGN(selection.sets, matchers_parameter(form, client));
  return selection;
}

// One more than asked for, so that a cut shows.
std::size_t hint(std::size_t limit) {
  return limit == 0 ? 0 : limit + 1;
}

constexpr std::size_t kSeriesPerCheck = 256;  // tuned: a client that left is seen in a millisecond

template <typename T>
void sort_unique(std::vector<T>& items) {
  std::ranges::sort(items);
  items.erase(std::ranges::unique(items).begin(), items.end());
}

template <typename T>
Remarks truncate(std::vector<T>& items, std::size_t limit) {
  if (limit == 0 || items.size() <= limit) return {};
  items.resize(limit);
  return {.warnings = {std::string(kTruncated)}, .infos = {}};
}

void append_item(std::string& out, const std::string& text) {
  append_json_html_string(out, text);
}
void append_item(std::string& out, const model::Labels& labels) {
  append_labels_json(out, labels);
}

template <typename T>
class ListPieces final : public BodyPieces {
 public:
  ListPieces(std::vector<T> items, StopToken client)
      : items_(std::move(items)), client_(std::move(client)) {}

  Result<bool> next(std::string& out) override {
    NX_TRY(client_.check());
    for (; next_ < items_.size() && out.size() < kPieceBytes; ++next_) {
      out += next_ == 0 ? '[' : ',';
      append_item(out, items_[next_]);
    }
    if (next_ < items_.size()) return false;
    out += items_.empty() ? "[]" : "]";
    return true;
  }

 private:
  std::vector<T> items_;
  StopToken client_;
  std::size_t next_ = 0;
};

template <typename T>
Answer list_answer(std::vector<T> items, std::size_t limit, const StopToken& client) {
  Remarks remarks = truncate(items, limit);
  return success_answer(std::make_unique<ListPieces<T>>(std::move(items), client),
                        std::move(remarks));
}

// `look_up` for every selector, or once for all series; results merged.
template <typename LookUp>
Result<std::vector<std::string>> collect(model::Queryable& store, const Selection& selection,
                                         const StopToken& client, LookUp look_up) {
  NX_TRY_ASSIGN(auto querier, store.querier(selection.range));
  const model::LabelHints hints{.limit = hint(selection.limit), .stop = client};
  if (selection.sets.empty()) return look_up(*querier, model::Matchers{}, hints);
  std::vector<std::string> out;
  for (const model::Matchers& matchers : selection.sets) {
    NX_TRY_ASSIGN(std::vector<std::string> found, look_up(*querier, matchers, hints));
    out.insert(out.end(), std::make_move_iterator(found.begin()),
               std::make_move_iterator(found.end()));
  }
  if (selection.sets.size() > 1) sort_unique(out);
  return out;
}

Result<std::vector<model::Labels>> select_series(model::Queryable& store,
                                                 const Selection& selection,
                                                 const StopToken& client) {
  NX_TRY_ASSIGN(auto querier, store.querier(selection.range));
  const model::SelectHints hints{
      .range = selection.range, .purpose = model::SelectPurpose::kListing, .stop = client};
  std::vector<model::Labels> out;
  const bool merges = selection.sets.size() > 1;
  for (const model::Matchers& matchers : selection.sets) {
    NX_TRY_ASSIGN(const auto set, querier->select(matchers, hints));
    const std::size_t enough = merges ? 0 : hint(selection.limit);
    for (std::size_t i = 0; i < set->size() && (enough == 0 || out.size() < enough); ++i) {
      if (i % kSeriesPerCheck == 0) NX_TRY(client.check());
      if (set->overlaps(i, selection.range)) out.push_back(set->labels(i));
    }
  }
  if (merges) sort_unique(out);
  return out;
}

}  // namespace

std::string unescape_name(std::string_view name) {
  if (!name.starts_with("U__")) return std::string(name);
  std::string out;
  std::string_view rest = name.substr(3);
  while (!rest.empty()) {
    if (rest.front() != '_') {
      out += rest.front();
      rest.remove_prefix(1);
    } else if (rest.starts_with("__")) {
      out += '_';
      rest.remove_prefix(2);
    } else {
      const std::size_t end = rest.find('_', 1);
      if (end == std::string_view::npos) return std::string(name);
      std::uint32_t rune = 0;
      const auto hex = std::from_chars(rest.data() + 1, rest.data() + end, rune, 16);
      const bool whole = hex.ec == std::errc() && hex.ptr == rest.data() + end;
      if (!whole || rune > 0x10FFFF) return std::string(name);
      append_utf8(out, rune);
      rest.remove_prefix(end + 1);
    }
  }
  return out;
}

Answer SeriesApi::series(const net::http::Request& request) const {
  const Form form(request);
  if (form.error()) {
    return error_response(
        Error(Code::kInvalid, concat("error parsing form values: ", *form.error())));
  }
  if (form.all("match[]").empty()) {
    return error_response(Error(Code::kInvalid, "no match[] parameter provided"));
  }
  Result<Selection> selection = read_selection(form, request.client);
  // Upstream names match[] in front of what is wrong with a selector here, but not for labels.
  if (!selection && (selection.error().code() != Code::kInvalid ||
                     selection.error().cause() == Cause::kParameter)) {
    return error_response(selection.error());
  }
  if (!selection) return error_response(invalid_parameter("match[]", selection.error()));
  Result<std::vector<model::Labels>> found = select_series(store_, *selection, request.client);
  if (!found) return error_response(found.error());
  return list_answer(*std::move(found), selection->limit, request.client);
}

Answer SeriesApi::label_names(const net::http::Request& request) const {
  const Result<Selection> selection = read_selection(Form(request), request.client);
  if (!selection) return error_response(selection.error());
  auto look_up = [](model::Querier& querier, const model::Matchers& matchers,
                    const model::LabelHints& hints) {
    return querier.label_names(matchers, hints);
  };
  auto names = collect(store_, *selection, request.client, look_up);
  if (!names) return error_response(names.error());
  return list_answer(*std::move(names), selection->limit, request.client);
}

Answer SeriesApi::label_values(const net::http::Request& request) const {
  const std::string name = unescape_name(path_parameter(request.path, "/label/", "/values"));
  if (!model::is_valid_name(name)) {
    return error_response(Error(Code::kInvalid, concat("invalid label name: ", quote(name))));
  }
  const Result<Selection> selection = read_selection(Form(request), request.client);
  if (!selection) return error_response(selection.error());
  auto look_up = [&name](model::Querier& querier, const model::Matchers& matchers,
                         const model::LabelHints& hints) {
    return querier.label_values(name, matchers, hints);
  };
  auto values = collect(store_, *selection, request.client, look_up);
  if (!values) return error_response(values.error());
  return list_answer(*std::move(values), selection->limit, request.client);
}

}  // namespace narthex::web
