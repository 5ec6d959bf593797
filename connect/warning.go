package connect

import "tidemark/base/problem"

// Warner is a Sink that can say what is not right and does not stop it.
type Warner interface {
	// Warning is what somebody should look at, nil for nothing. Any goroutine may
	// call it.
	Warning() *problem.Problem
}
