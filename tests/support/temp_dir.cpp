// TempDir.
#include "tests/support/temp_dir.h"

#include <cstdlib>
#include <filesystem>

#include "base/check.h"

namespace narthex::test {

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "narthex-test-XXXXXX").string();
  NX_CHECK(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace narthex::test
