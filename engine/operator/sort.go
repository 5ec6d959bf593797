package operator

import (
	"slices"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/engine/expr"
	"tidemark/plan"
)

// Sort orders a bounded input. It shows nothing before the end; rows that sort
// alike keep the order in which they came.
type Sort struct {
	stateless
	env     Environment
	node    *plan.Sort
	program *expr.Program
	rows    *collected
	width   int // columns of the input; the keys stand behind them
}

// NewSort makes the operator. A stream has no end: it can be sorted by time only.
func NewSort(env Environment, n *plan.Sort) (engine.Operator, error) {
	if env.Context.Streaming {
		return newTimeSort(env, n)
	}
	exprs := make([]plan.Expr, len(n.Keys))
	types := schemaTypes(n.Input.Schema())
	width := len(types)
	for i, k := range n.Keys {
		exprs[i] = k.Expr
		types = append(types, k.Expr.Type())
	}
	program, err := expr.Compile(exprs)
	if err != nil {
		return nil, err
	}
	return &Sort{env: env, node: n, program: program, rows: newCollected(types), width: width}, nil
}

func schemaTypes(s plan.Schema) []value.Type {
	types := make([]value.Type, len(s))
	for i, c := range s {
		types[i] = c.Type
	}
	return types
}

// Process keeps the rows.
func (s *Sort) Process(_ int, rows *batch.Batch, _ engine.Emit) error {
	keys, err := s.program.Eval(s.env.Context, rows)
	if err != nil {
		return err
	}
	return s.rows.add(rows.Compact(), keys)
}

// Advance shows the sorted rows at the end of the input.
func (s *Sort) Advance(w engine.Watermark, emit engine.Emit) error {
	if w != batch.Final {
		return nil
	}
	order := make([]uint32, s.rows.rows)
	for i := range order {
		order[i] = uint32(i)
	}
	keys := s.rows.columns[s.width:]
	slices.SortStableFunc(order, func(a, b uint32) int {
		for i, k := range s.node.Keys {
			if c := compareRows(keys[i], int(a), int(b), k); c != 0 {
				return c
			}
		}
		return 0
	})
	for start := 0; start < len(order); start += batch.MaxRows {
		part := order[start:min(start+batch.MaxRows, len(order))]
		out := &batch.Batch{Rows: len(part)}
		for _, c := range s.rows.columns[:s.width] {
			out.Columns = append(out.Columns, c.GatherWide(part))
		}
		if err := emit(out); err != nil {
			return err
		}
	}
	s.rows = newCollected(append(schemaTypes(s.node.Input.Schema()), keyTypes(s.node.Keys)...))
	return nil
}

func keyTypes(keys []plan.SortKey) []value.Type {
	types := make([]value.Type, len(keys))
	for i, k := range keys {
		types[i] = k.Expr.Type()
	}
	return types
}

// compareRows orders two rows of a key column.
func compareRows(c *batch.Column, a, b int, key plan.SortKey) int {
	switch nullA, nullB := c.IsNull(a), c.IsNull(b); {
	case nullA && nullB:
		return 0
	case nullA != nullB:
		if nullA == key.NullsFirst {
			return -1
		}
		return 1
	}
	order := compareValues(c, a, b)
	if key.Descending {
		return -order
	}
	return order
}
