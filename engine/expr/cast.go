package expr

import "tidemark/plan/function"

// castKernel is the code of casts.
var castKernel = function.Cast
