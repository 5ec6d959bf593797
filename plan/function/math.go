package function

import "tidemark/plan"

// mathematics is the math part of the table.
var mathematics []*plan.Function
