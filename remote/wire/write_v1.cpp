// prometheus.WriteRequest over protozero, field by field: numbers from upstream's
// prompb/remote.proto and types.proto. Labels and texts stay views into the message; fields that
// are not known are passed over, as protocol buffers want, and histograms are only counted. Sizes
// are looked at before anything is made of them: the packed length first, then series and samples
// as they come.
#include "remote/wire/write_v1.h"

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <snappy.h>

#include "base/str.h"

namespace narthex::remote {
namespace {

constexpr protozero::pbf_tag_type kTimeseries = 1;  // WriteRequest
constexpr protozero::pbf_tag_type kLabels = 1;      // TimeSeries
constexpr protozero::pbf_tag_type kSamples = 2;
constexpr protozero::pbf_tag_type kHistograms = 4;
constexpr protozero::pbf_tag_type kName = 1;  // Label
constexpr protozero::pbf_tag_type kLabelValue = 2;
constexpr protozero::pbf_tag_type kSampleValue = 1;  // Sample
constexpr protozero::pbf_tag_type kTimestamp = 2;

std::string_view text_of(const protozero::data_view& view) {
  return {view.data(), view.size()};
}

model::LabelView read_label(protozero::pbf_reader in) {
  model::LabelView label;
  while (in.next()) {
    if (in.tag() == kName) {
      label.name = text_of(in.get_view());
    } else if (in.tag() == kLabelValue) {
      label.value = text_of(in.get_view());
    } else {
      in.skip();
    }
  }
  return label;
}

model::Sample read_sample(protozero::pbf_reader in) {
  model::Sample sample;
  while (in.next()) {
    if (in.tag() == kSampleValue) {
      sample.value = in.get_double();
    } else if (in.tag() == kTimestamp) {
      sample.time = in.get_int64();
    } else {
      in.skip();
    }
  }
  return sample;
}

WriteSeries read_series(protozero::pbf_reader in) {
  WriteSeries series;
  while (in.next()) {
    if (in.tag() == kLabels) {
      series.labels.push_back(read_label(in.get_message()));
    } else if (in.tag() == kSamples) {
      series.samples.push_back(read_sample(in.get_message()));
    } else {
      if (in.tag() == kHistograms) ++series.histograms;
      in.skip();
    }
  }
  return series;
}

}  // namespace

Result<std::string> unpack_write_request(std::string_view body) {
  std::size_t length = 0;
  if (!snappy::GetUncompressedLength(body.data(), body.size(), &length)) {
    return Error(Code::kInvalid, "snappy: corrupt input");
  }
  if (length > kWriteBytesMax) {
    return Error(Code::kLimit,
                 concat("snappy: decoded size ", length, " exceeds ", kWriteBytesMax, " bytes"));
  }
  std::string message(length, '\0');
  if (!snappy::RawUncompress(body.data(), body.size(), message.data())) {
    return Error(Code::kInvalid, "snappy: corrupt input");
  }
  return message;
}

Result<std::vector<WriteSeries>> decode_write_request(std::string_view message) {
  std::vector<WriteSeries> all;
  std::size_t samples = 0;
  try {
    protozero::pbf_reader in(message.data(), message.size());
    while (in.next()) {
      if (in.tag() != kTimeseries) {
        in.skip();
        continue;
      }
      all.push_back(read_series(in.get_message()));
      samples += all.back().samples.size();
      if (all.size() > kWriteSeriesMax || samples > kWriteSamplesMax) {
        return Error(Code::kLimit, concat("write request above ", kWriteSeriesMax, " series or ",
                                          kWriteSamplesMax, " samples"));
      }
    }
  } catch (const protozero::exception& e) {
    return Error(Code::kInvalid, concat("write request is damaged: ", e.what()));
  }
  return all;
}

std::string encode_write_request(const std::vector<SeriesToSend>& series) {
  std::string message;
  protozero::pbf_writer out(message);
  for (const SeriesToSend& one : series) {
    protozero::pbf_writer entry(out, kTimeseries);
    for (const auto [name, value] : one.labels) {
      protozero::pbf_writer label(entry, kLabels);
      label.add_string(kName, name.data(), name.size());
      label.add_string(kLabelValue, value.data(), value.size());
    }
    for (const model::Sample& sample : one.samples) {
      protozero::pbf_writer point(entry, kSamples);
      point.add_double(kSampleValue, sample.value);
      point.add_int64(kTimestamp, sample.time);
    }
  }
  std::string packed;
  snappy::Compress(message.data(), message.size(), &packed);
  return packed;
}

}  // namespace narthex::remote
