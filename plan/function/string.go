package function

import "tidemark/plan"

// texts is the string part of the table.
var texts []*plan.Function
