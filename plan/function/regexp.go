package function

import "tidemark/plan"

// regexps is the regexp part of the table.
var regexps []*plan.Function
