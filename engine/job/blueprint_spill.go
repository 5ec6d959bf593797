package job

import (
	"tidemark/engine"
	"tidemark/engine/operator"
)

// spilling has the operator of an element keep to its share of memory. Where all
// rows have one key there is nothing to choose from, and it keeps everything.
func spilling(e *element, keyed bool) {
	if keyed {
		e.spills, e.pooled, e.make = true, true, limiting(e.make)
	}
}

// limiting makes operators that keep to the memory of their environment.
func limiting(construct func(operator.Environment) (engine.Operator, error)) func(operator.Environment) (engine.Operator, error) {
	return func(env operator.Environment) (engine.Operator, error) {
		op, err := construct(env)
		if err != nil {
			return nil, err
		}
		return operator.NewSpilling(env, op), nil
	}
}
