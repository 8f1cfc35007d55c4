// Last bits, pinned: what Go 1.25 on amd64 gives for arguments of every branch's kind.
#include "query/functions/go_math.h"

#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace narthex::query {
namespace {

struct Row {
  const char* name;
  double (*f)(double);
  double x;
  std::uint64_t bits;
};

TEST(GoParseFloat, ReadsWhatStrconvReads) {
  const struct {
    const char* text;
    double value;
  } rows[] = {
      {"1", 1},        {"-2.5e1", -25},     {"0x1p3", 8},
      {"-0X.8p1", -1}, {"1_000.5", 1000.5}, {"+Inf", std::numeric_limits<double>::infinity()},
      {"0x_1p0", 1}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.text);
    double value = 0;
    EXPECT_TRUE(go::parse_float(row.text, value));
    EXPECT_EQ(value, row.value);
  }
}

TEST(GoParseFloat, RefusesTheRest) {
  for (const char* text :
       {"", "-", "abc", "0x", "0x1", "0x1p", "1_", "_1", "1__0", "1_.5", "0xg", "+nan", "-NaN"}) {
    SCOPED_TRACE(text);
    double value = 0;
    EXPECT_FALSE(go::parse_float(text, value));
  }
}

TEST(GoMath, AgreesToTheLastBit) {
  const Row rows[] = {
      {"acos", go::acos, 0.8300604430592404, 0x3fe2ee39bd616a90},
      {"acos", go::acos, 0.35238364841856984, 0x3ff35ef160c916bc},
      {"acosh", go::acosh, 4.04840793560762, 0x40009b5a61506c20},
      {"acosh", go::acosh, 12.776052534206457, 0x4009e9d9995030ba},
      {"asin", go::asin, 0.009822741792063994, 0x3f841e0749bab27f},
      {"asin", go::asin, 0.9347988221929087, 0x3ff352b515acece0},
      {"asinh", go::asinh, -0.5239755950669345, 0xbfe014e994e7ff51},
      {"asinh", go::asinh, 211.63511433235087, 0x4018312b35bb738f},
      {"atan", go::atan, -0.5513978492363343, 0xbfe02013fd905ab9},
      {"atan", go::atan, -13.811915500267826, 0xbff7f9f1596d3cb6},
      {"atanh", go::atanh, 0.45446834450495155, 0x3fdf615c666282a2},
      {"atanh", go::atanh, -0.7833509474637033, 0xbff0dd1fb7c7abd2},
      {"cos", go::cos, 121.25983941365419, 0xbfd36f04937947bf},
      {"cos", go::cos, 5.911736548738023, 0x3fedd1536bfe16d7},
      {"cosh", go::cosh, 16.85687410096132, 0x4163f6c87e03fe90},
      {"cosh", go::cosh, 0.10557925304552973, 0x3ff016d9a8703311},
      {"exp", go::exp, -9.512687329705207, 0x3f135fe480fa0e9a},
      {"exp", go::exp, -0.02687763193590939, 0x3fef26c04727468d},
      {"log", go::log, 0.7727994621585548, 0xbfd07ebdd8171a55},
      {"log", go::log, 61.205172988239916, 0x401074f9286b118a},
      {"log10", go::log10, 709.8, 0x4006cf2063782f5f},
      {"log10", go::log10, 1068.9373475952589, 0x40083b4b515e9b8b},
      {"log1p", go::log1p, 45.95357322221053, 0x400ecb140942fe1d},
      {"log1p", go::log1p, 236.30960144327986, 0x4015e0a161d0c959},
      {"log2", go::log2, 3.0793474589753305, 0x3ff9f64547727ceb},
      {"log2", go::log2, 0.9710638239436629, 0xbfa5b077f8851769},
      {"sin", go::sin, 0.2177766966765411, 0x3fcba7d55aeb597d},
      {"sin", go::sin, 0.2593674632963636, 0x3fd069fde3b42989},
      {"sinh", go::sinh, -7.628761393853448, 0xc090110063a93585},
      {"sinh", go::sinh, 10.616665574489904, 0x40d3ed29fd52b50b},
      {"tan", go::tan, -11.445194775510831, 0x400093cb2cc59a3c},
      {"tan", go::tan, -0.46072536223069505, 0xbfdfc43d5210816b},
      {"tanh", go::tanh, 7.451127147549172, 0x3feffffe95d01da6},
      {"tanh", go::tanh, 0.0838783200290687, 0x3fb56c31b25f229c},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(row.f(row.x)), row.bits) << row.x;
  }
  EXPECT_EQ(std::bit_cast<std::uint64_t>(go::pow(0.22353219630160406, -3.41751995146188)),
            0x4064eb6a846f3ad5);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(go::pow(13.242273456389713, -0.4875735311512588)),
            0x3fd22939f5eb2d39);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(go::atan2(-6.707496906234849, 1.0)), 0xbff6c3c9670e429e);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(go::atan2(709.4851560541694, 11.47366284623082)),
            0x3ff8dfbf6e0d3e6b);
}

TEST(GoMath, KnowsTheSpecialCases) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(go::exp(-kInfinity), 0);
  EXPECT_EQ(go::exp(710), kInfinity);
  EXPECT_EQ(go::log(0), -kInfinity);
  EXPECT_TRUE(std::isnan(go::log(-1)));
  EXPECT_EQ(go::log2(8), 3);
  EXPECT_EQ(go::pow(-1, kInfinity), 1);
  EXPECT_EQ(go::pow(2, 10), 1024);
  EXPECT_EQ(go::pow(-2, 3), -8);
  EXPECT_TRUE(std::isnan(go::pow(-2, 0.3)));
  EXPECT_TRUE(std::signbit(go::pow(-0.0, 3)));
  EXPECT_TRUE(std::isnan(go::asin(2)));
  EXPECT_EQ(go::atanh(1), kInfinity);
  EXPECT_TRUE(std::isnan(go::cos(kInfinity)));
}

}  // namespace
}  // namespace narthex::query
