package bind

import (
	"tidemark/base/value"
	"tidemark/plan"
)

// joinWindow finds the windows that both sides of a join are in: start and end
// are equal, and the windows are cut in the same way by clocks of one kind. It
// is nil when there are none.
func joinWindow(j *plan.Join) *plan.JoinWindow {
	left, right := plan.WindowOrigins(j.Left), plan.WindowOrigins(j.Right)
	var start, end *plan.JoinKey
	for i, k := range j.Keys {
		l, r := left[k.Left], right[k.Right]
		if l.Source == nil || r.Source == nil || l.Kind != r.Kind {
			continue
		}
		switch l.Kind {
		case plan.WindowStart:
			start = &j.Keys[i]
		case plan.WindowEnd:
			end = &j.Keys[i]
		case plan.WindowTime:
		}
	}
	if start == nil || end == nil {
		return nil
	}
	l, r := left[end.Left].Source, right[end.Right].Source
	if left[start.Left].Source != l || right[start.Right].Source != r || !sameWindows(l, r) {
		return nil
	}
	return &plan.JoinWindow{Left: end.Left, Right: end.Right}
}

func sameWindows(l, r plan.Node) bool {
	a, b := plan.WindowSpecOf(l), plan.WindowSpecOf(r)
	return a.Kind == b.Kind && a.Size == b.Size && a.Slide == b.Slide && a.Offset == b.Offset && a.Gap == b.Gap &&
		windowClock(l) == windowClock(r)
}

// windowClock is the kind of time that the windows of a source are cut by.
func windowClock(source plan.Node) value.Kind {
	switch n := source.(type) {
	case *plan.Window:
		return n.Input.Schema()[n.Spec.Time].Type.Kind
	case *plan.WindowAggregate:
		return n.Input.Schema()[n.Spec.Time].Type.Kind
	case *plan.Aggregate:
		below, _, _ := plan.WindowKeys(n.Input, n.Keys, n.Sets)
		return windowClock(below)
	case *plan.Join:
		return windowClock(plan.WindowOrigins(n.Left)[n.Window.Left].Source)
	}
	return value.Null
}

// joinInterval finds between which bounds the times of pairs are: conditions
// that compare a rowtime of each side, constants added. It is nil unless there
// are a lower and an upper bound between the same two columns.
func joinInterval(left, right plan.Schema, conditions []plan.Expr) *plan.JoinInterval {
	var all []*timeBounds
	for _, c := range conditions {
		bound, ok := timeBoundOf(c, left, right)
		if !ok {
			continue
		}
		var of *timeBounds
		for _, known := range all {
			if known.left == bound.left && known.right == bound.right {
				of = known
			}
		}
		if of == nil {
			of = &timeBounds{left: bound.left, right: bound.right}
			all = append(all, of)
		}
		of.narrow(bound)
	}
	for _, b := range all {
		if b.hasLower && b.hasUpper {
			return &plan.JoinInterval{Left: b.left, Right: b.right, Lower: b.lower, Upper: b.upper}
		}
	}
	return nil
}

// timeBounds is what is known of right - left, the times in these columns.
type timeBounds struct {
	left, right        int
	lower, upper       int64
	hasLower, hasUpper bool
}

func (b *timeBounds) narrow(by timeBound) {
	if by.atLeast {
		if !b.hasLower || by.lower > b.lower {
			b.lower = by.lower
		}
		b.hasLower = true
	}
	if by.atMost {
		if !b.hasUpper || by.upper < b.upper {
			b.upper = by.upper
		}
		b.hasUpper = true
	}
}

// timeBound is what one condition says of right - left: that it is at least
// lower, that it is at most upper, or both.
type timeBound struct {
	left, right     int
	atLeast, atMost bool
	lower, upper    int64
}

// timeBoundOf reads a comparison of times of the two sides. Rowtimes go by
// milliseconds, so that < is <= of one millisecond less.
func timeBoundOf(e plan.Expr, left, right plan.Schema) (b timeBound, ok bool) {
	c, isCall := e.(*plan.Call)
	if !isCall || len(c.Args) != 2 {
		return b, false
	}
	operator := c.Function.Name
	mirrored, isComparison := map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}[operator]
	if !isComparison {
		return b, false
	}
	x, plusX, okX := shiftedColumn(c.Args[0])
	y, plusY, okY := shiftedColumn(c.Args[1])
	if !okX || !okY {
		return b, false
	}
	if x < len(left) { // the right's time stands first
		x, y, plusX, plusY, operator = y, x, plusY, plusX, mirrored
	}
	if x < len(left) || y >= len(left) || right[x-len(left)].Time != plan.Rowtime || left[y].Time != plan.Rowtime {
		return b, false
	}
	b.left, b.right = y, x-len(left)
	difference := plusY - plusX // right + plusX <operator> left + plusY
	b.lower, b.upper = difference, difference
	switch operator {
	case "=":
		b.atLeast, b.atMost = true, true
	case "<":
		b.atMost = true
		b.upper--
	case "<=":
		b.atMost = true
	case ">":
		b.atLeast = true
		b.lower++
	case ">=":
		b.atLeast = true
	}
	return b, true
}

// shiftedColumn takes apart a time that is a column and constant intervals of
// fixed length, in milliseconds.
func shiftedColumn(e plan.Expr) (column int, plus int64, ok bool) {
	switch e := e.(type) {
	case *plan.Column:
		return e.Index, 0, true
	case *plan.Cast:
		if from := e.Input.Type(); from.Kind == e.To.Kind && from.IsTimestamp() && from.Precision <= e.To.Precision {
			return shiftedColumn(e.Input)
		}
	case *plan.Call:
		if len(e.Args) != 2 || e.Function.Name != "+" && e.Function.Name != "-" {
			return 0, 0, false
		}
		time, length := e.Args[0], e.Args[1]
		if e.Function.Name == "+" && time.Type().Kind == value.IntervalDayTime {
			time, length = length, time
		}
		millis, constant := length.(*plan.Literal)
		if !constant || millis.Value.Null || millis.Value.Type.Kind != value.IntervalDayTime {
			return 0, 0, false
		}
		column, plus, ok = shiftedColumn(time)
		if e.Function.Name == "-" {
			return column, plus - millis.Value.Int, ok
		}
		return column, plus + millis.Value.Int, ok
	}
	return 0, 0, false
}
