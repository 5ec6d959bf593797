package function

import "tidemark/plan"

// encodings is the encode part of the table.
var encodings []*plan.Function
