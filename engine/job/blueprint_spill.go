package job

import (
	"tidemark/engine"
	"tidemark/engine/operator"
)

// spilling has the operator of an element keep to its share of memory. Where all
// rows have one key there is nothing to choose from, and it keeps everything.
func spilling(e *element, keyed bool) {
	if !keyed {
		return
	}
	construct := e.make
	e.spills = true
	e.make = func(env operator.Environment) (engine.Operator, error) {
		op, err := construct(env)
		if err != nil {
			return nil, err
		}
		return operator.NewSpilling(env, op), nil
	}
}
