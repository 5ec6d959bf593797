package function

import "tidemark/plan"

// miscellaneous is the misc part of the table.
var miscellaneous []*plan.Function
