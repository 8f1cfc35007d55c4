// parse_query's answer: the syntax tree as JSON, keys sorted, as upstream's
// web/api/v1/translate_ast.go (v3.14.0) gives it.
#pragma once

#include <string>

#include "query/promql/ast.h"

namespace narthex::web {

/// Appends the tree under `root`. A loop with its own stack: chains of operators are thousands
/// deep.
void append_ast_json(std::string& out, const query::Expr& root);

}  // namespace narthex::web
