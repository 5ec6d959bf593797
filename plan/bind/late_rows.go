package bind

import "tidemark/plan"

// LateRowsSetting says what becomes of late rows of joins in whose conditions
// columns bound event time, in scripts: they join what is there ('join', the
// default), so that every row is kept, or they are dropped ('drop'), so that rows
// are forgotten (see plan.JoinBound).
const LateRowsSetting = "tidemark.join.late-rows"

// DropsLateRows reads the setting. The error is a problem.Problem.
func DropsLateRows(text string) (bool, error) {
	switch text {
	case "", "join":
		return false, nil
	case "drop":
		return true, nil
	}
	return false, invalidOption(LateRowsSetting, text, "'join' keeps every row for late ones to find, 'drop' forgets rows that only late ones could find")
}

// JoinBounds finds how long rows of the left and of the right of a join can find
// partners that are not late: conditions that compare a timestamp of theirs with
// an event time of the other side, constants added. Of several for one side the
// first one counts, as narrow as it is made by others of the same columns.
func JoinBounds(j *plan.Join) (bounds [2]*plan.JoinBound) {
	if j.Interval != nil || j.Window != nil || plan.Updating(j.Left, nil) || plan.Updating(j.Right, nil) {
		return bounds
	}
	times := [2][]eventTime{eventTimes(j.Left), eventTimes(j.Right)}
	for _, c := range JoinConditions(j) {
		for _, b := range timeOrders(c, len(times[0])) {
			time := times[1-b.side][b.bound.Time]
			if !time.known || !b.isTimestamp {
				continue
			}
			b.bound.IsEnd = time.isEnd
			switch known := bounds[b.side]; {
			case known == nil:
				bounds[b.side] = &b.bound
			case known.Until == b.bound.Until && known.Time == b.bound.Time:
				known.Plus = min(known.Plus, b.bound.Plus)
			}
		}
	}
	return bounds
}

// eventTime says whether a column tells the event time of its row.
type eventTime struct {
	known bool
	isEnd bool // it is the end of the row's window
}

// eventTimes looks for event time in the columns of n. The end of a window over
// TIMESTAMP_LTZ is on another clock than watermarks, that of the session's zone.
func eventTimes(n plan.Node) []eventTime {
	schema, windows := n.Schema(), plan.WindowOrigins(n)
	times := make([]eventTime, len(schema))
	for i, c := range schema {
		w := windows[i]
		isEnd := w.Source != nil && w.Kind == plan.WindowEnd && plan.WindowClockOf(w.Source).Kind == c.Type.Kind
		times[i] = eventTime{known: isEnd || c.Time == plan.Rowtime, isEnd: isEnd && c.Time != plan.Rowtime}
	}
	return times
}

// timeOrder is a bound for rows of a side, as a comparison says it.
type timeOrder struct {
	side        int
	bound       plan.JoinBound
	isTimestamp bool // both of its columns are, of one kind
}

// timeOrders reads a comparison of a column of each side, constants added; one for
// each side that it bounds the other's column for. What is before is not told from
// what is not after: the bound is at most a millisecond too far.
func timeOrders(condition plan.Expr, width int) []timeOrder {
	c, ok := condition.(*plan.Call)
	if !ok || len(c.Args) != 2 {
		return nil
	}
	x, plusX, okX := shiftedColumn(c.Args[0])
	y, plusY, okY := shiftedColumn(c.Args[1])
	if !okX || !okY || (x < width) == (y < width) {
		return nil
	}
	a, b := c.Args[0].Type(), c.Args[1].Type()
	isTimestamp := a.IsTimestamp() && a.Kind == b.Kind
	// least + plus <= greatest
	atMost := func(least, greatest int, plus int64) timeOrder {
		o := timeOrder{isTimestamp: isTimestamp, bound: plan.JoinBound{Until: greatest, Plus: -plus, Time: least}}
		if greatest >= width {
			o.side, o.bound.Until = 1, greatest-width
		} else {
			o.bound.Time -= width
		}
		return o
	}
	switch c.Function.Name {
	case "<", "<=":
		return []timeOrder{atMost(x, y, plusX-plusY)}
	case ">", ">=":
		return []timeOrder{atMost(y, x, plusY-plusX)}
	case "=":
		return []timeOrder{atMost(x, y, plusX-plusY), atMost(y, x, plusY-plusX)}
	}
	return nil
}
