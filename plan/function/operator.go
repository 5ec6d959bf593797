package function

import "tidemark/plan"

// operators is the operator part of the table.
var operators []*plan.Function
