package function

import "tidemark/plan"

// aggregates is the aggregate part of the table.
var aggregates []*plan.Function
