package function

import "tidemark/plan"

// collections is the collection part of the table.
var collections []*plan.Function
