package function

import "tidemark/plan"

// jsons is the json part of the table.
var jsons []*plan.Function
