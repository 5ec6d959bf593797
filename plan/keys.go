package plan

import "slices"

// UniqueKey gives columns of n of which no two rows, as the table stands at
// any moment, have the same values: those by which changes are applied. ok is
// false when none are known; no columns and ok means at most one row.
func UniqueKey(n Node) (columns []int, ok bool) {
	keys := uniqueKeys(n)
	if len(keys) == 0 {
		return nil, false
	}
	return keys[0], true
}

// uniqueKeys are the keys of n that are known, the best first: where one column
// of a key is projected away another key may do.
func uniqueKeys(n Node) [][]int {
	switch n := n.(type) {
	case *Scan:
		if len(n.Table.PrimaryKey) == 0 {
			return nil
		}
		return through([][]int{n.Table.PrimaryKey}, func(column int) int { return indexOf(n.Columns, column) })
	case *Watermark, *Filter, *Sort, *Limit, *Over, *Shared:
		return uniqueKeys(n.Inputs()[0])
	case *Project:
		return through(uniqueKeys(n.Input), n.position)
	case *Aggregate:
		return groupKeys(n)
	case *WindowAggregate:
		return windowKeys(n)
	case *Join:
		return joinKeys(n)
	case *MultiJoin:
		return joinKeys(n.Joins())
	case *TemporalJoin:
		return uniqueKeys(n.Left)
	case *LookupJoin:
		return lookupKeys(n)
	case *Rank:
		return rankKeys(n)
	case *Normalize:
		return [][]int{n.Keys}
	}
	return nil
}

// position is where a column of the input is now, -1 for nowhere.
func (n *Project) position(column int) int {
	return slices.IndexFunc(n.Exprs, func(e Expr) bool {
		c, is := e.(*Column)
		return is && c.Index == column
	})
}

// joinKeys is the left's keys where each left row has at most one partner, the
// right's in the same way, and otherwise the two together. A side that is padded
// with NULLs has no key of its own.
func joinKeys(n *Join) [][]int {
	left, right := uniqueKeys(n.Left), uniqueKeys(n.Right)
	if !n.Kind.ShowsRight() {
		return left
	}
	width := len(n.Left.Schema())
	var byLeft, byRight []int
	for _, k := range n.Keys {
		byLeft, byRight = append(byLeft, k.Left), append(byRight, k.Right)
	}
	var keys [][]int
	if covers(byRight, right) && !n.Kind.KeepsRight() {
		keys = append(keys, left...)
	}
	if covers(byLeft, left) && !n.Kind.KeepsLeft() {
		for _, key := range right {
			keys = append(keys, shifted(key, width))
		}
	}
	for _, l := range left {
		for _, r := range right {
			keys = append(keys, append(append([]int{}, l...), shifted(r, width)...))
		}
	}
	return keys
}

// lookupKeys are the input's where each of its rows finds at most one.
func lookupKeys(n *LookupJoin) [][]int {
	asked := make([]int, len(n.Keys))
	for i, k := range n.Keys {
		asked[i] = n.Columns[k.Column]
	}
	if len(n.Table.PrimaryKey) == 0 || !covers(asked, [][]int{n.Table.PrimaryKey}) {
		return nil
	}
	return uniqueKeys(n.Input)
}

// covers reports whether the columns hold one of the keys.
func covers(columns []int, keys [][]int) bool {
	return slices.ContainsFunc(keys, func(key []int) bool {
		return !slices.ContainsFunc(key, func(c int) bool { return !slices.Contains(columns, c) })
	})
}

func shifted(columns []int, by int) []int {
	moved := make([]int, len(columns))
	for i, c := range columns {
		moved[i] = c + by
	}
	return moved
}

func rankKeys(n *Rank) [][]int {
	var keys [][]int
	switch {
	case n.Function == RowNumber && n.To == 1:
		keys = append(keys, n.Partition)
	case n.Function == RowNumber && n.Number:
		keys = append(keys, append(append([]int{}, n.Partition...), len(n.Input.Schema())))
	}
	return append(keys, uniqueKeys(n.Input)...)
}

// through moves keys to where their columns are now; a key that lost a column
// (-1) is gone.
func through(keys [][]int, position func(column int) int) [][]int {
	var moved [][]int
next:
	for _, key := range keys {
		to := make([]int, len(key))
		for i, column := range key {
			if to[i] = position(column); to[i] < 0 {
				continue next
			}
		}
		moved = append(moved, to)
	}
	return moved
}

func indexOf(list []int, x int) int {
	for i, y := range list {
		if x == y {
			return i
		}
	}
	return -1
}

// groupKeys is all keys of an aggregate, where one property of a window stands
// for the others.
func groupKeys(n *Aggregate) [][]int {
	source, isProperty, kinds := WindowKeys(n.Input, n.Keys, n.Sets)
	var plain []int
	properties := map[WindowPropertyKind]int{}
	for i := range n.Keys {
		if source != nil && isProperty[i] {
			properties[kinds[i]] = i
		} else {
			plain = append(plain, i)
		}
	}
	plain, ok := withGrouping(plain, len(n.Keys)+len(n.Calls), n.Sets, n.Groupings)
	if !ok {
		return nil
	}
	if source == nil {
		return [][]int{plain}
	}
	return withWindow(plain, properties, WindowSpecOf(source))
}

func windowKeys(n *WindowAggregate) [][]int {
	plain := make([]int, len(n.Keys))
	for i := range plain {
		plain[i] = i
	}
	plain, ok := withGrouping(plain, len(n.Keys)+len(n.Calls), n.Sets, n.Groupings)
	if !ok {
		return nil
	}
	properties := map[WindowPropertyKind]int{}
	for i, p := range n.Properties {
		properties[p.Kind] = len(n.Keys) + len(n.Calls) + len(n.Groupings) + i
	}
	return withWindow(plain, properties, n.Spec)
}

// withGrouping completes a group key: with several grouping sets a NULL may be
// a value or a column left out, which only a GROUPING_ID of all keys tells
// apart. Groupings stand from column first on.
func withGrouping(keys []int, first int, sets, groupings [][]int) ([]int, bool) {
	if len(sets) <= 1 {
		return append([]int{}, keys...), true
	}
	for i, list := range groupings {
		all := true
		for _, key := range keys {
			all = all && slices.Contains(list, key)
		}
		if all {
			return append(append([]int{}, keys...), first+i), true
		}
	}
	return nil, false
}

// withWindow completes a group key by one property of the window. Windows of
// all kinds differ in their ends; those of CUMULATE share starts, and a session
// may open late and reach back to the start of one that has fired.
func withWindow(keys []int, properties map[WindowPropertyKind]int, spec WindowSpec) [][]int {
	var all [][]int
	for _, kind := range []WindowPropertyKind{WindowStart, WindowEnd, WindowTime} {
		column, there := properties[kind]
		if !there || kind == WindowStart && (spec.Kind == Cumulate || spec.Kind == Session) {
			continue
		}
		all = append(all, append(append([]int{}, keys...), column))
	}
	return all
}
