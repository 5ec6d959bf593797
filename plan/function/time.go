package function

import "tidemark/plan"

// times is the time part of the table.
var times []*plan.Function
